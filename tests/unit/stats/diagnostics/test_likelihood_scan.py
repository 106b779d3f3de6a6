"""Likelihood scans and intervals of counting experiments."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from hepflow.errors import ConfigError, FitError
from hepflow.stats import Profile, likelihood_scan, open_workspace


def poisson_rise(rate, n):
    """Return -2 ln of the likelihood ratio of a rate, for `n` events."""
    return 2 * (rate - n + (n * np.log(n / rate) if n else 0.0))


@pytest.mark.parametrize(("n", "b"), [(20, 5.0), (9, 3.0), (100, 80.0)])
def test_counting(profile, n, b):
    found = likelihood_scan(profile([2.0], [b], [], [n]))
    assert found.mu_hat == pytest.approx((n - b) / 2)
    assert found.mu_hat_error == pytest.approx(np.sqrt(n) / 2, rel=1e-4)
    sound = 2 * found.mu + b > 0.01 * b  # below, the rate is kept from zero
    wanted = [poisson_rise(2 * mu + b, n) for mu in found.mu[sound]]
    np.testing.assert_allclose(found.rise[sound], wanted, atol=1e-8)
    for interval, rise in zip(found.intervals, (1.0, 3.8414588), strict=True):
        assert interval.rise == pytest.approx(rise)
        low = optimize.brentq(lambda rate, rise=rise: poisson_rise(rate, n) - rise, 1e-3, n)
        high = optimize.brentq(lambda rate, rise=rise: poisson_rise(rate, n) - rise, n, 10 * n)
        assert (interval.low, interval.high) == pytest.approx(((low - b) / 2, (high - b) / 2), rel=1e-4)
        assert (interval.low_status, interval.high_status) == ("crossing", "crossing")


def test_parabola(gaussian, gaussian_fit):
    found = likelihood_scan(gaussian_fit, n_sigma=2, points=5)
    np.testing.assert_allclose(found.rise, [4, 1, 0, 1, 4], atol=5e-3)
    error = np.sqrt(gaussian.covariance[0, 0])
    first, second = found.intervals
    assert (first.low, first.high) == pytest.approx((found.mu_hat - error, found.mu_hat + error), rel=1e-3)
    assert second.high - second.low == pytest.approx(2 * 1.959964 * error, rel=1e-3)


@settings(max_examples=15, deadline=None)
@given(n=st.integers(1, 300), b=st.floats(1, 100), error=st.floats(0.05, 0.5))
def test_ends_of_intervals_are_where_the_likelihood_says(n, b, error):
    spec = {
        "channels": [
            {
                "name": "c",
                "samples": [
                    {
                        "name": "s",
                        "data": [3.0],
                        "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                    },
                    {
                        "name": "b",
                        "data": [b],
                        "modifiers": [{"name": "e", "type": "shapesys", "data": [error * b]}],
                    },
                ],
            }
        ],
        "observations": [{"name": "c", "data": [n]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }
    fit = Profile(*open_workspace(spec))
    for interval in likelihood_scan(fit, [0.0]).intervals:
        for end, status in ((interval.low, interval.low_status), (interval.high, interval.high_status)):
            if status == "crossing":
                assert fit.rise(end) == pytest.approx(interval.rise, rel=1e-4)
            else:
                assert status == "bound"
                assert end == fit.bounds[0]
        assert interval.low <= fit.mu_hat <= interval.high
        assert interval.high_status == "crossing"


def test_no_event_leaves_the_lower_end_at_the_bound(profile):
    """-2 Delta ln L = 2 s (mu - mu_low): the upper ends are 1/2 and 1.92 events above none."""
    first, second = likelihood_scan(profile([1.0], [3.0], [], [0])).intervals
    assert (first.low, first.low_status) == (-3.0, "bound")
    assert (first.high, second.high) == pytest.approx((-2.5, -3 + 3.8414588 / 2), abs=1e-3)


def test_bounds_of_the_call_are_kept(profile):
    found = likelihood_scan(profile([10.0], [50.0], [7.0], [55.0], bounds=(0.0, 3.0)))
    assert found.mu.min() == 0.0
    assert found.mu.max() <= 3.0
    assert [(one.low, one.low_status) for one in found.intervals] == [(0.0, "bound"), (0.0, "bound")]


def test_fit_that_cannot_be_is_an_error(profile):
    with pytest.raises(FitError, match="bin 1 holds 2 events where 0 are expected"):
        likelihood_scan(profile([1.0, 1.0], [5.0, 0.0], [], [5, 2]))


def test_failed_fit_is_told(profile, monkeypatch):
    fit = profile([10.0], [50.0], [7.0], [80.0])
    best, sound = fit.mu_hat, fit.rise

    def stumbling(mu):
        if mu > best + 0.5:
            raise FitError("the fit did not converge")
        return sound(mu)

    monkeypatch.setattr(fit, "rise", stumbling)
    found = likelihood_scan(fit)
    assert np.isnan(found.rise[-1])
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["rise"][-1] is None
    assert np.isfinite(found.rise[0])
    assert [one.high_status for one in found.intervals] == ["failed", "failed"]
    assert [one.low_status for one in found.intervals] == ["crossing", "crossing"]


def test_flat_likelihood_leaves_the_interval_open(profile, monkeypatch):
    fit = profile([10.0], [50.0], [7.0], [80.0])
    monkeypatch.setattr(fit, "rise", lambda mu: 0.5)
    (found,) = likelihood_scan(fit, [1.0], levels=[0.9]).intervals
    assert (found.high, found.high_status) == (np.inf, "open")
    assert found.to_dict()["high"] is None


def test_scan_of_given_values_is_in_order(profile):
    found = likelihood_scan(profile([10.0], [50.0], [], [80.0]), [4.0, 2.0, 3.0], levels=())
    assert list(found.mu) == [2.0, 3.0, 4.0]
    assert found.intervals == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"levels": [1.0]}, "confidence level 1.0"),
        ({"n_sigma": 0.0}, "n_sigma > 0"),
        ({"points": 1}, "two points or more"),
        ({"mu": [1.0, np.nan]}, "finite numbers"),
        ({"mu": 1.0}, "a list of finite numbers"),
    ],
)
def test_bad_arguments(profile, arguments, message):
    with pytest.raises(ConfigError, match=message):
        likelihood_scan(profile([10.0], [50.0], [], [80.0]), **arguments)
