"""The trials of several cuts on the same events."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, stats

from hepflow.errors import ConfigError
from hepflow.stats import bump_hunt, gaussian_signal, trials_of_cuts


@pytest.fixture
def cut(make_spectrum, edges):
    """Return a function that hunts in a spectrum of some size, by default without systematics."""

    def make(scale, excess=0.0, *, count=False, **options):
        spectrum = make_spectrum(scale, excess=excess, **{"sidebands": False, "modes": 0, **options})
        bump = spectrum.observed - make_spectrum(scale).observed
        spectrum = replace(
            spectrum,
            observed=np.round(spectrum.expected + bump),
            statistical=np.zeros(len(spectrum.expected)),
        )
        signal = None if count else gaussian_signal(edges, 3500, 80, 50)
        return bump_hunt(spectrum, signal, calculator="asymptotic")

    return make


def factor_of_two(z, rho):
    """The trials of two normal significances that are correlated: how often either is above z, over one alone."""
    either = 1 - stats.multivariate_normal.cdf([z, z], cov=[[1, rho], [rho, 1]])
    return either / stats.norm.sf(z)


def holds(hunts, rho, *, seeds=8, toys=2000):
    """Hold the mean factor of some seeds against that of two normal significances, within four of its errors."""
    found = [trials_of_cuts(hunts, toys=toys, seed=seed) for seed in range(seeds)]
    error = np.sqrt(np.mean([(one.p_error / one.p_local) ** 2 for one in found]) / seeds)
    wanted = factor_of_two(found[0].z_local, rho)
    assert not found[0].extrapolated
    assert error < 0.04 * wanted
    assert np.mean([one.factor for one in found]) == pytest.approx(wanted, abs=4 * error)
    return found[0]


def test_one_cut_has_one_trial(cut):
    """No factor is below one, so only those above it could be wrong."""
    hunt = cut(3000, 60)
    found = trials_of_cuts([hunt], toys=10_000, seed=1)
    assert found.p_error < 0.03 * found.p_local
    assert found.factor == pytest.approx(1.0, abs=3 * found.p_error / found.p_local)
    assert found.z_local == pytest.approx(hunt.z, abs=1e-6)
    assert found.p_local == pytest.approx(stats.norm.sf(hunt.z))


def test_the_same_cut_twice_is_one_trial(cut):
    hunt = cut(3000, 100)
    once, twice = trials_of_cuts([hunt], seed=1), trials_of_cuts([hunt, hunt], seed=1)
    assert twice.p == pytest.approx(once.p, rel=1e-9)


@pytest.mark.parametrize(("loose", "tight", "excess"), [(30_000, 300, 25), (3000, 1500, 60)])
def test_two_cuts_are_correlated_by_the_events_they_share(cut, loose, tight, excess):
    """Known backgrounds of one shape: the correlation is the root of the share that is in both."""
    found = holds([cut(loose), cut(tight, excess)], np.sqrt(tight / loose))
    assert found.largest == 1
    assert found.z < found.z_local


def test_extrapolates_beyond_the_toys(cut):
    """The factor is that of an excess which fifty of five hundred toys reach, known to a seventh by each."""
    found = [trials_of_cuts([cut(30_000), cut(300, 150)], toys=500, seed=seed) for seed in range(8)]
    level = optimize.brentq(lambda z: factor_of_two(z, 0.1) * stats.norm.sf(z) - 0.1, 0, 4)
    error = factor_of_two(level, 0.1) / np.sqrt(50 * len(found))
    assert np.mean([one.factor for one in found]) == pytest.approx(factor_of_two(level, 0.1), abs=3 * error)
    for one in found:
        assert one.extrapolated
        assert one.p_local == pytest.approx(stats.norm.sf(one.z_local))
        assert one.p == pytest.approx(one.factor * one.p_local)
        assert one.z == pytest.approx(stats.norm.isf(one.p))


def test_the_same_seed_gives_the_same(cut):
    hunts = [cut(3000), cut(300, 20)]
    first, again = (trials_of_cuts(hunts, toys=300, seed=4) for _ in range(2))
    assert first == again


def test_correlated_errors_keep_the_trials_few(cut):
    """Counts whose backgrounds are wrong by the same 10 %: their covariance is events shared and errors shared."""
    few, many, error = 1000, 3000, 0.1
    hunts = [common(cut(many, count=True), error), common(cut(few, 200, count=True), error)]
    low, high = (hunt.spectrum.expected_in_signal()[0] for hunt in hunts[::-1])
    variances = [n + (error * n) ** 2 for n in (low, high)]
    rho = (low + error**2 * low * high) / np.sqrt(np.prod(variances))
    assert rho > 0.9 > 0.3 > low / np.sqrt(np.prod(variances))  # what is left where the errors are not shared
    assert holds(hunts, rho).largest == 1


def common(hunt, error):
    """Return the same hunt with an error of the background's rate."""
    spectrum = replace(hunt.spectrum, modes={"common": error * hunt.spectrum.expected})
    return bump_hunt(spectrum, calculator="asymptotic")


def test_a_cut_with_sidebands_may_hold_more_than_the_inclusive_spectrum(cut):
    """What counts is the signal region: the inclusive selection has no sidebands in its fit.

    A count n over that of the sidebands has the variance n (1 + n / m), of which the inclusive one shares n.
    """
    inclusive, tight = cut(6000, count=True), cut(3000, 110, count=True, sidebands=True)
    n, m = tight.spectrum.expected_in_signal()[0], tight.spectrum.expected[tight.spectrum.in_sidebands].sum()
    every = inclusive.spectrum.expected_in_signal()[0]
    assert n + m > every > n
    assert holds([inclusive, tight], np.sqrt(n / every / (1 + n / m))).largest == 1


def test_bad_input(cut, make_spectrum, edges):
    with pytest.raises(ConfigError, match="no cut given"):
        trials_of_cuts([], seed=1)
    with pytest.raises(ConfigError, match="none of them blinded"):
        trials_of_cuts(
            [bump_hunt(make_spectrum(3000).blinded(), gaussian_signal(edges, 3500, 80, 9))], seed=1
        )
    with pytest.raises(ConfigError, match="10 toys"):
        trials_of_cuts([cut(3000)], toys=10, seed=1)
