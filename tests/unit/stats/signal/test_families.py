"""Signals of any mass, and the masses of a scan."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hepflow.errors import ConfigError, InputError
from hepflow.stats import gaussian_family, gaussian_signal, scan_masses

EDGES = np.linspace(2000, 6000, 81)


def test_gaussians_widen_with_the_mass():
    family = gaussian_family(0.03, events=10)
    for mass in (3000.0, 4000.0):
        wanted = gaussian_signal(EDGES, mass, 0.03 * mass, 10)
        np.testing.assert_array_equal(family(mass)(EDGES).counts, wanted.counts)


def test_masses_are_round_and_inside():
    counts = np.ones(80)
    np.testing.assert_allclose(scan_masses(EDGES, counts, 0.03), np.arange(2150, 5651, 50))
    counts[60:] = 0  # no event above 5000 GeV
    assert scan_masses(EDGES, counts, 0.03)[-1] == 4700


@given(
    low=st.floats(1, 1e4),
    ratio=st.floats(1.2, 10),
    width=st.floats(0.005, 0.2),
)
def test_masses_leave_no_gap(low, ratio, width):
    edges = np.linspace(low, ratio * low, 20)
    assume((1 + 2 * width) / (1 - 2 * width) < 0.9 * ratio)
    masses = scan_masses(edges, np.ones(19), width)
    assert np.all(np.diff(masses) <= width * masses[:-1] * (1 + 1e-9))
    assert np.all(masses * (1 - 2 * width) >= low * (1 - 1e-9))
    assert np.all(masses * (1 + 2 * width) <= ratio * low * (1 + 1e-9))


@pytest.mark.parametrize("width", [0.0, 1.0, -0.1, np.nan])
def test_a_width_that_makes_no_sense(width):
    with pytest.raises(ConfigError, match="relative width"):
        gaussian_family(width)
    with pytest.raises(ConfigError, match="relative width"):
        scan_masses(EDGES, np.ones(80), width)


def test_no_mass_left():
    with pytest.raises(ConfigError, match="fits nowhere into 2000 to 6000 GeV"):
        scan_masses(EDGES, np.ones(80), 0.4)
    with pytest.raises(InputError, match="no event"):
        scan_masses(EDGES, np.zeros(80), 0.03)
