"""Strengths as cross-sections, curves from files, and expected p-values."""

import numpy as np
import pytest
from scipy.stats import norm

from hepflow import ConfigError, InputError, stats
from hepflow.text import FEMTOBARN

EDGES = np.arange(2000.0, 5001.0, 100.0)
COUNTS = -np.diff(1e4 * (EDGES / 2000) ** -6)


@pytest.fixture(scope="module")
def scan():
    return stats.MassScan(EDGES, COUNTS, [2800, 3200], stats.gaussian_family(0.03))


@pytest.fixture(scope="module")
def found(scan):
    return scan.run(calculator="asymptotic")


def test_events_become_femtobarn(found):
    limits = stats.in_femtobarn(found, luminosity=138, efficiency=[0.4, 0.5], events=2.0)
    factor = 2.0 / (138 * np.array([0.4, 0.5]))
    np.testing.assert_allclose(limits.mu_up_obs, found.mu_up_obs * factor)
    np.testing.assert_allclose(limits.mu_up_exp, found.mu_up_exp * factor[:, None])
    np.testing.assert_allclose(limits.mu_hat_error, found.mu_hat_error * factor)
    np.testing.assert_array_equal(limits.p0, found.p0)
    assert limits.unit == FEMTOBARN


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"luminosity": 0}, "luminosity 0: expected"),
        ({"efficiency": 1.5}, "efficiency 1.5: expected above 0 and at most 1"),
        ({"efficiency": np.nan}, "efficiency nan"),
        ({"events": 0}, "signal of 0.0 events"),
    ],
)
def test_what_makes_no_sense(found, change, message):
    with pytest.raises(ConfigError, match=message):
        stats.in_femtobarn(found, **{"luminosity": 138.0, **change})


def test_expected_p_values_are_those_of_the_significance(scan):
    expected = stats.expected_p0(scan, [40.0, np.nan])
    z = stats.expected_significance(scan.profile(0), mu=40.0)
    assert expected[0] == pytest.approx(norm.sf(z))
    assert np.isnan(expected[1])


def test_a_curve_is_read_and_interpolated(tmp_path):
    path = tmp_path / "theory.csv"
    path.write_text("mass,fb\n3000,10\n# not yet\n\n2000,1000 # two\n")
    masses, values = stats.read_curve(path)
    assert masses.tolist() == [2000, 3000]
    assert values.tolist() == [1000, 10]
    np.testing.assert_allclose(stats.curve_at((masses, values), [2000, 2500, 3100]), [1000, 100, np.nan])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mass,fb\n", "no row with a mass and a value"),
        ("2000,1\nx,2\n", "line 2: 'x,2'; expected a mass and a value"),
        ("a,b\nc,d\n", "line 2"),
        ("2000,0\n", "line 1: '2000,0'; expected a mass and a value above zero"),
        ("2000,1\n2000,2\n", "the mass 2000 stands there twice"),
    ],
)
def test_a_curve_that_is_none(tmp_path, text, message):
    path = tmp_path / "theory.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        stats.read_curve(path)


def test_a_curve_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be read as a curve"):
        stats.read_curve(tmp_path / "theory.csv")
