"""Bias tests: none for a function's own spectra, one for a function that misses, and injected signals."""

import json

import numpy as np
import pytest

from hepflow.errors import ConfigError, FitError
from hepflow.smooth import DIJET, MODIFIED_EXPONENTIAL, UA2
from hepflow.stats import MassScan, bias_test, gaussian_family

MASSES = [3000.0, 3500.0, 4200.0]


@pytest.fixture
def make_scan(dijet, gaussian):
    """Return a function that makes a scan of 60,000 events without signal."""
    edges, expected = dijet
    counts = np.random.default_rng(5).poisson(expected(60_000))
    return lambda masses=MASSES, **options: MassScan(edges, counts, masses, gaussian, **options)


def test_own_spectra_have_no_bias(make_scan):
    found = bias_test(make_scan(), [DIJET], toys=200, seed=1)
    assert found.functions == ("dijet",)
    np.testing.assert_allclose(found.spurious, 0.0, atol=1e-2)
    np.testing.assert_allclose(found.pull, 0.0, atol=0.3)
    assert np.all(np.abs(found.pull) < 4 * found.pull_error)
    np.testing.assert_allclose(found.pull_error, 1 / np.sqrt(200), rtol=0.25)


def test_a_function_that_misses_has_a_bias(dijet, gaussian):
    """A power law, fitted to a spectrum that bends: it finds signal where the spectrum bulges."""
    edges, expected = dijet
    counts = np.random.default_rng(5).poisson(expected(60_000))
    scan = MassScan(edges, counts, [3500.0], gaussian, max_shape=1)
    found = bias_test(scan, [UA2], toys=100, f_test=False, seed=2)
    assert abs(found.pull[0, 0]) > 1
    error = scan.run(limits=False).mu_hat_error[0]
    assert found.pull[0, 0] == pytest.approx(found.spurious[0, 0] / error, abs=4 * found.pull_error[0, 0])
    assert found.size[0] == abs(found.spurious[0, 0])


def test_injected_signals_are_recovered(make_scan):
    """Linearly: the mean strength is what was injected, and the pull stays at zero."""
    for strength in (100.0, 400.0):
        found = bias_test(make_scan([3500.0]), [DIJET], injected=strength, toys=300, seed=3)
        assert found.injected[0] == strength
        assert abs(found.pull[0, 0]) < 4 * found.pull_error[0, 0]
    each = bias_test(make_scan(), [DIJET], injected=np.array([0.0, 300.0, 50.0]), toys=100, seed=3)
    np.testing.assert_array_equal(each.injected, [0.0, 300.0, 50.0])


def test_default_alternatives_are_all_others(make_scan):
    found = bias_test(make_scan([3500.0]), toys=100, seed=4)
    assert found.functions == ("ua2", "modified-exponential")
    assert found.spurious.shape == found.pull.shape == (2, 1)
    assert found.left_out == ()
    assert found.size[0] == np.abs(found.spurious).max()
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record["functions"] == list(found.functions)
    assert record["size"] == pytest.approx(list(found.size))


def test_spurious_signal_becomes_an_error_of_the_scan(make_scan):
    found = bias_test(make_scan([3500.0]), [UA2], toys=100, seed=5)
    assert found.size[0] > 2
    plain, faked = make_scan([3500.0]).run(), make_scan([3500.0], spurious=10 * found.size).run()
    wanted = np.hypot(plain.mu_hat_error[0], 10 * found.size[0])
    assert wanted > 1.1 * plain.mu_hat_error[0]
    assert faked.mu_hat_error[0] == pytest.approx(wanted, rel=1e-3)
    assert faked.mu_up_obs[0] > plain.mu_up_obs[0]


def test_alternatives_that_do_not_describe_the_data_say_nothing(dijet, gaussian):
    edges, expected = dijet
    wavy = expected(200_000) * (1 + 0.15 * np.sin(edges[1:] / 150))
    scan = MassScan(edges, np.random.default_rng(6).poisson(wavy), [3500.0], gaussian)
    with pytest.raises(FitError, match="none of the functions ua2, modified-exponential describes"):
        bias_test(scan, toys=100, seed=6)


def test_a_mass_without_events_is_said_and_the_others_are_kept():
    """In the window of the last mass toys have no event, or a few: they do not determine the strength."""
    edges = np.linspace(2000.0, 7000.0, 51)
    counts = np.random.default_rng(3).poisson(60 * np.exp(-(edges[:-1] - 2000) / 350)).astype(float)
    scan = MassScan(edges, counts, [2500.0, 6000.0], gaussian_family(0.03), half_range=0.3)
    found = bias_test(scan, [MODIFIED_EXPONENTIAL], toys=100, seed=1)
    assert np.isfinite(found.spurious[:, 0]).all()
    assert np.isfinite(found.pull[:, 0]).all()
    assert np.isnan(found.pull[0, 1])
    assert len(found.problems) == 1
    assert "bias test against modified-exponential at 6000 GeV: " in found.problems[0]
    assert "of 100 toys have too few events" in found.problems[0]
    assert found.to_dict()["pull"][0][1] is None


def test_a_mass_whose_spurious_signal_is_unknown_is_not_fitted(make_scan):
    found = make_scan([3000.0, 3500.0], spurious=[1.0, np.nan]).run(limits=False)
    assert np.isfinite(found.z[0])
    assert np.isnan(found.z[1])
    assert found.problems == ("3500 GeV: not fitted, since its spurious signal could not be measured",)


def test_seed_decides_everything(make_scan):
    one, same, other = (bias_test(make_scan([3500.0]), [UA2], toys=100, seed=seed) for seed in (1, 1, 2))
    assert one.pull[0, 0] == same.pull[0, 0] != other.pull[0, 0]
    assert one.spurious[0, 0] == other.spurious[0, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"toys": 10}, "10 toys"),
        ({"alternatives": []}, "needs an alternative function"),
        (
            {"injected": np.ones(2)},
            r"injected signal \[1.0, 1.0\]: expected a strength, or one for each of the 3",
        ),
        ({"injected": np.nan}, "injected signal nan"),
    ],
)
def test_bad_input(make_scan, options, message):
    with pytest.raises(ConfigError, match=message):
        bias_test(make_scan(), **{"alternatives": [MODIFIED_EXPONENTIAL], "toys": 100, "seed": 1, **options})
