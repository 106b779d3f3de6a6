"""The trials of several cuts on the same events."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hepflow import Spectrum, Windows
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


@pytest.mark.parametrize("excess", [60, 600])
def test_one_cut_has_one_trial(cut, excess):
    hunt = cut(3000, excess)
    found = trials_of_cuts([hunt], seed=1)
    assert (found.factor, found.p, found.p_error, found.extrapolated) == (1.0, hunt.p0, 0.0, False)
    assert found.z_local == hunt.z
    assert found.z == pytest.approx(hunt.z, rel=1e-12)


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
    """The factor is that of the excess itself: of correlation 0.9, twice as near to two as at what toys reach."""
    found = [trials_of_cuts([cut(3704), cut(3000, 300)], toys=500, seed=seed) for seed in range(8)]
    z, rho = found[0].z_local, np.sqrt(3000 / 3704)
    assert 4.5 < z < 5.5
    wanted = factor_of_two(z, rho)
    assert wanted > factor_of_two(2.0, rho) + 0.3
    errors = [one.p_error / one.p_local for one in found]
    assert np.mean([one.factor for one in found]) == pytest.approx(
        wanted, abs=4 * np.mean(errors) / np.sqrt(8)
    )
    assert 0.5 < np.std([one.factor for one in found], ddof=1) / np.mean(errors) < 2
    for one in found:
        assert one.extrapolated
        assert one.p_local == pytest.approx(stats.norm.sf(one.z_local))
        assert one.p == pytest.approx(one.factor * one.p_local)
        assert one.z == pytest.approx(stats.norm.isf(one.p))


def smallest(n, mean):
    """Return the probability of a Poisson count of `n` or more."""
    return stats.poisson.sf(np.asarray(n) - 1, mean)


def factor_of_counts(tight, loose, p):
    """The trials of counts of which one is a part of the other, summed: either as rare as p, over the tighter."""
    n, more = np.meshgrid(np.arange(120), np.arange(400), indexing="ij")
    weight = stats.poisson.pmf(n, tight) * stats.poisson.pmf(more, loose - tight)
    rare = smallest(n, tight) <= p * (1 + 1e-9)
    return np.sum(weight[rare | (smallest(n + more, loose) <= p * (1 + 1e-9))]) / p


def counted(expected, observed, **options):
    """Return the hunt in a single bin, of which the background is known."""
    windows = Windows((3300, 3700), [(2900, 3300), (3700, 4100)])
    inside = np.array([0.0, 1.0, 0.0])
    spectrum = Spectrum(
        windows.edges(400.0), observed * inside, expected * inside, windows, sidebands_in_fit=False
    )
    return bump_hunt(spectrum, limits=False, **{"seed": 3, **options})


def test_low_counts_have_the_p_value_of_toys_and_its_trials():
    """Three of ten events: what the table shows is multiplied, by the trials of whole counts."""
    tight, loose = counted(3.0, 8, calculator="toys"), counted(10.0, 12, calculator="asymptotic")
    found = [trials_of_cuts([loose, tight], toys=20_000, seed=seed) for seed in range(8)]
    wanted = factor_of_counts(3.0, 10.0, smallest(8, 3.0))
    assert 1.3 < wanted < 1.9
    for one in found:
        assert (one.largest, one.calculator, one.extrapolated) == (1, "toys", False)
        assert (one.z_local, one.p_local) == (tight.z, tight.p0)
        assert one.p == one.factor * tight.p0
    errors = [
        np.sqrt((one.p_error / one.p_local) ** 2 - (one.factor * tight.p0_error / tight.p0) ** 2)
        for one in found
    ]
    spread = np.std([one.factor for one in found], ddof=1)
    # a seed that takes one count more or less of the loose cut for as rare moves the factor by its share
    assert np.mean([one.factor for one in found]) == pytest.approx(
        wanted, abs=4 * (spread + np.mean(errors)) / np.sqrt(8)
    )


def test_the_extrapolation_to_few_events_is_on_the_safe_side():
    """Normal variables share less of their tails than counts do of which one is a part of the other."""
    tight, loose = counted(3.0, 16, calculator="toys"), counted(10.0, 20, calculator="asymptotic")
    found = trials_of_cuts([loose, tight], toys=2000, seed=1)
    assert found.extrapolated
    assert factor_of_counts(3.0, 10.0, smallest(16, 3.0)) < found.factor + 3 * found.p_error / found.p_local
    assert found.factor <= 2


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.tuples(st.floats(0.3, 300), st.floats(0, 8)), min_size=1, max_size=4),
    st.sampled_from(["asymptotic", "toys"]),
    st.integers(0, 5),
)
def test_no_global_p_value_is_below_its_local_one(sizes, calculator, seed):
    hunts = [
        counted(n, np.floor(n + sigma * np.sqrt(n)), calculator=calculator, toys=200, seed=seed)
        for n, sigma in sizes
    ]
    found = trials_of_cuts(hunts, toys=200, seed=seed)
    assert found.p_local == min(hunt.p0 for hunt in hunts)
    assert found.p_local <= found.p <= min(1.0, len(hunts) * found.p_local * (1 + 1e-12))
    assert 0 <= found.z <= found.z_local
    assert 1 <= found.factor <= len(hunts)


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
