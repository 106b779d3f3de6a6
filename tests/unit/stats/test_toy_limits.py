"""CLs limits from toys against exact ones of a Poisson count."""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from hepflow.errors import ConfigError, FitError
from hepflow.stats import HistFactory, open_workspace, upper_limit, upper_limit_toys


@pytest.fixture
def poisson(counting):
    """Return a function that makes the likelihood of a single bin whose background is known."""
    return lambda background: HistFactory(open_workspace(counting([1.0], [background], [], [background]))[0])


def exact(n, background, level=0.95):
    """The CLs limit on the signal in a count: its p-values are Poisson sums."""

    def excess(signal):
        return stats.poisson.cdf(n, background + signal) / stats.poisson.cdf(n, background) - (1 - level)

    return brentq(excess, 1e-3, 500)


@pytest.mark.parametrize(("n", "background"), [(0, 0.5), (0, 1), (1, 1), (3, 3), (10, 10), (100, 100)])
def test_limit_is_the_exact_one(poisson, n, background):
    found = upper_limit_toys(poisson(float(background)), [float(n)], toys=2000, seed=2).limit
    wanted = exact(n, background)
    assert found.observed == pytest.approx(wanted, rel=0.03)
    assert found.observed == pytest.approx(wanted, abs=4 * found.errors[0])
    assert found.calculator == "toys"
    assert not found.problems
    if n == 0:
        assert wanted == pytest.approx(2.9957, abs=1e-4)
    assert all(a <= b for a, b in zip(found.expected, found.expected[1:], strict=False))
    for sigma, limit, error in zip((-2, -1, 0, 1, 2), found.expected, found.errors[1:], strict=True):
        rank = stats.norm.cdf(sigma)
        step = 3 * np.sqrt(rank * (1 - rank) / 2000)  # of the quantile, which may lie where the count jumps
        low, high = (exact(stats.poisson.ppf(rank + side, background), background) for side in (-step, step))
        assert low * 0.97 < limit < high * 1.03
        assert low - 4 * error < limit < high + 4 * error


def test_errors_cover(poisson):
    model, wanted = poisson(3.0), [exact(n, 3) for n in (3, 3, 5)]
    found = [upper_limit_toys(model, [3.0], toys=300, seed=seed).limit for seed in range(15)]
    limits = np.array([(limit.observed, *limit.expected[2:4]) for limit in found])
    pulls = (limits - wanted) / [(limit.errors[0], *limit.errors[3:5]) for limit in found]
    assert np.all(np.abs(pulls.mean(axis=0)) < 1)
    assert np.all(np.sqrt(np.mean(pulls**2, axis=0)) < 1.6)
    assert pulls[:, 0].std() > 0.4


def test_a_large_excess_has_one_limit_and_the_error_of_repeated_seeds(poisson):
    """66 events over 14: far beyond the limit no toy is seen, and nothing there may bend the curve."""
    model, wanted = poisson(14.0), exact(66, 14)
    found = [upper_limit_toys(model, [66.0], toys=500, seed=seed).limit for seed in range(20)]
    limits = np.array([limit.observed for limit in found])
    quoted = np.sqrt(np.mean([limit.errors[0] ** 2 for limit in found]))
    spread = limits.std(ddof=1)
    assert limits.mean() == pytest.approx(wanted, rel=0.02)
    assert quoted / 1.3 < spread < 1.3 * quoted
    assert np.diff(np.sort(limits)).max() < 2 * spread  # no second mode
    assert np.max(np.abs(limits / wanted - 1)) < 0.05


def test_errors_of_expected_limits_hold_those_of_the_quantiles(poisson):
    """All strengths share the toys without signal, whose quantiles move the whole curve."""
    model = poisson(100.0)
    found = [upper_limit_toys(model, [100.0], toys=300, seed=seed).limit for seed in range(8)]
    scatter = np.std([limit.expected for limit in found], axis=0)
    quoted = np.mean([limit.errors[1:] for limit in found], axis=0)
    assert np.all(scatter[1:] / quoted[1:] < 2)
    assert quoted[3] > 0.005 * np.mean([limit.expected[3] for limit in found])


def test_another_level(poisson):
    found = upper_limit_toys(poisson(3.0), [3.0], 0.9, seed=1).limit
    assert found.level == 0.9
    assert found.observed == pytest.approx(exact(3, 3, 0.9), rel=0.03)


def test_many_events_with_nuisances_near_the_asymptotic_limits(counting):
    spec = counting([20.0, 30.0], [400.0, 300.0], [15.0, 12.0], [410.0, 290.0])
    toys, asymptotic = (
        upper_limit_toys(*open_workspace(spec), seed=3).limit,
        upper_limit(*open_workspace(spec)),
    )
    assert toys.observed == pytest.approx(asymptotic.observed, rel=0.03)
    assert toys.expected[1:4] == pytest.approx(asymptotic.expected[1:4], rel=0.04)


def test_cls_of_the_limit_is_the_level(poisson):
    found = upper_limit_toys(poisson(10.0), [12.0], seed=4)
    assert np.all(np.diff(found.mu) > 0)
    assert found.values.shape == found.errors.shape == (len(found.mu), 6)
    assert np.all((found.values > 0) & (found.errors > 0))
    at = np.exp(np.interp(found.limit.observed, found.mu, np.log(found.values[:, 0])))
    assert at == pytest.approx(0.05, rel=0.02)
    exact_cls = stats.poisson.cdf(12, 10 + found.mu) / stats.poisson.cdf(12, 10)
    assert np.all(found.errors[exact_cls > 0.02, 0] < 0.05 * exact_cls[exact_cls > 0.02])
    np.testing.assert_allclose((found.values[:, 0] - exact_cls) / found.errors[:, 0], 0, atol=3)


def test_seed_decides_everything(poisson):
    one, same, other = (upper_limit_toys(poisson(3.0), [3.0], toys=200, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.values, same.values)
    assert one.limit == same.limit
    assert one.limit.observed != other.limit.observed


def test_limits_that_toys_do_not_reach_are_named(poisson, monkeypatch):
    """The strengths that are tried end below most of the limits; those found are kept."""
    monkeypatch.setattr("hepflow.stats.toy_limits._EXTENSIONS", 0)
    monkeypatch.setattr("hepflow.stats.toy_limits._AROUND", (0.3, 0.5))
    found = upper_limit_toys(poisson(10.0), [4.0], toys=300, seed=1).limit
    assert np.isfinite(found.observed)
    assert np.isnan(found.expected[-1])
    assert any(
        "expected at 2 sigma limit: toys exclude no signal strength" in text for text in found.problems
    )
    monkeypatch.setattr("hepflow.stats.toy_limits._AROUND", (0.01, 0.02))
    with pytest.raises(FitError, match="throw more toys, or use asymptotic limits"):
        upper_limit_toys(poisson(10.0), [10.0], toys=300, seed=1)


def test_bad_input(poisson):
    with pytest.raises(ConfigError, match="confidence level 95"):
        upper_limit_toys(poisson(5.0), [5.0], 95, seed=1)
    with pytest.raises(ConfigError, match="10 toys"):
        upper_limit_toys(poisson(5.0), [5.0], toys=10, seed=1)
