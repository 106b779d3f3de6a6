"""The trials of several cuts on the same events."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.errors import ConfigError
from hepflow.stats import bump_hunt, gaussian_signal, trials_of_cuts


@pytest.fixture
def cut(make_spectrum, edges):
    """Return a function that hunts in a spectrum of some size, without systematics."""

    def make(scale, excess=0.0):
        spectrum = make_spectrum(scale, sidebands=False, modes=0, excess=excess)
        spectrum = replace(spectrum, statistical=np.zeros(len(spectrum.expected)))
        return bump_hunt(spectrum, gaussian_signal(edges, 3500, 80, 50), calculator="asymptotic")

    return make


def test_one_cut_has_one_trial(cut):
    found = trials_of_cuts([cut(3000, 150)], seed=1)
    assert found.factor == pytest.approx(1.0, abs=3 * found.p_error / found.p_local)
    assert found.z_local == pytest.approx(cut(3000, 150).z, abs=1e-6)


def test_the_same_cut_twice_is_one_trial(cut):
    hunt = cut(3000, 100)
    once, twice = trials_of_cuts([hunt], seed=1), trials_of_cuts([hunt, hunt], seed=1)
    assert twice.p == pytest.approx(once.p, rel=1e-9)


def test_nearly_independent_cuts_multiply(cut):
    # a tight cut holds next to nothing of the loose one
    found = trials_of_cuts([cut(30_000), cut(300, 40)], toys=4000, seed=2)
    assert found.largest == 1
    assert 1.5 < found.factor < 2.3
    assert found.z < found.z_local


def test_extrapolates_beyond_the_toys(cut):
    found = trials_of_cuts([cut(30_000), cut(300, 150)], toys=500, seed=2)
    assert found.extrapolated
    assert 1 <= found.factor <= 2.5
    assert found.p == pytest.approx(found.factor * found.p_local)


def test_the_same_seed_gives_the_same(cut):
    hunts = [cut(3000), cut(300, 20)]
    first, again = (trials_of_cuts(hunts, toys=300, seed=4) for _ in range(2))
    assert first == again


def test_correlated_errors_keep_the_trials_few(make_spectrum, edges):
    signal = gaussian_signal(edges, 3500, 80, 50)
    hunts = [bump_hunt(make_spectrum(scale), signal, calculator="asymptotic") for scale in (3000, 1000, 300)]
    found = trials_of_cuts(hunts, toys=1000, seed=5)
    assert 1 <= found.factor <= 3.2


def test_a_cut_with_sidebands_may_hold_more_than_the_inclusive_spectrum(make_spectrum, edges):
    """What counts is the signal region: the inclusive selection has no sidebands in its fit."""
    signal = gaussian_signal(edges, 3500, 80, 50)
    tight, inclusive = make_spectrum(3000, excess=600), make_spectrum(6000, sidebands=False)
    assert tight.expected.sum() > inclusive.expected_in_signal()[0] > tight.expected_in_signal()[0]
    hunts = [bump_hunt(one, signal, calculator="asymptotic") for one in (inclusive, tight)]
    found = trials_of_cuts(hunts, toys=1000, seed=6)
    assert found.largest == 1
    assert 1 <= found.factor <= 2.5


def test_bad_input(cut, make_spectrum, edges):
    with pytest.raises(ConfigError, match="no cut given"):
        trials_of_cuts([], seed=1)
    with pytest.raises(ConfigError, match="none of them blinded"):
        trials_of_cuts(
            [bump_hunt(make_spectrum(3000).blinded(), gaussian_signal(edges, 3500, 80, 9))], seed=1
        )
    with pytest.raises(ConfigError, match="10 toys"):
        trials_of_cuts([cut(3000)], toys=10, seed=1)
