"""Which calculator is taken: by the background under the signal, not by that beside it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepflow.errors import ConfigError
from hepflow.stats import Profile, hunt_workspace, open_workspace
from hepflow.stats.calculators import choose, events_under_signal


@pytest.fixture(scope="module")
def profile():
    """Return a function that makes the profile of bins of known background, without excess."""

    def make(signal, background):
        samples = [
            {
                "name": "signal",
                "data": signal,
                "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
            },
            {"name": "background", "data": background, "modifiers": []},
        ]
        spec = {
            "channels": [{"name": "bins", "samples": samples}],
            "observations": [{"name": "bins", "data": background}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
            "version": "1.0.0",
        }
        return Profile(*open_workspace(spec))

    return make


def test_a_bin_without_signal_does_not_count(counting, profile):
    """All signal in a bin that expects one event: the exact limit is 4.11, the asymptotic one 3.40."""
    bins = ([0.0, 1.0], [100.0, 1.0])
    assert events_under_signal(profile(*bins)) == pytest.approx(1.0)
    calculator, reason = choose("auto", profile(*bins))
    assert (calculator, reason) == ("toys", "1 events expected under the signal's shape, fewer than 20")
    spec = counting(*bins, [], bins[1])
    assert hunt_workspace(spec, seed=1).mu_up_obs == pytest.approx(4.113, rel=0.02)
    assert hunt_workspace(spec, calculator="asymptotic").mu_up_obs == pytest.approx(3.40, abs=0.005)


def test_a_tight_category_decides_beside_a_loose_one(profile):
    """It holds a twentieth of the signal, and yet most of what is known of it."""
    assert events_under_signal(profile([0.95, 0.05], [10_000.0, 1.0])) < 2.0
    assert choose("auto", profile([0.95, 0.05], [10_000.0, 1.0]))[0] == "toys"


def test_a_thin_tail_of_the_signal_does_not_decide(profile):
    assert events_under_signal(profile([1.0, 0.01], [100.0, 0.001])) > 50.0


@given(
    background=st.floats(0.5, 1000.0),
    shares=st.lists(st.floats(0.05, 1.0), min_size=1, max_size=8),
    strength=st.floats(0.1, 10.0),
)
def test_bins_of_one_ratio_count_as_one(profile, background, shares, strength):
    """Whatever the binning, and whatever the unit of the signal."""
    parts = np.array(shares) / np.sum(shares)
    found = profile((strength * parts).tolist(), (background * parts).tolist())
    assert events_under_signal(found) == pytest.approx(background, rel=1e-4)


def test_many_events_take_asymptotic_formulae(profile):
    assert choose("auto", profile([1.0], [20.5]))[0] == "asymptotic"
    assert choose("toys", profile([1.0], [100.0])) == ("toys", "as asked for")
    with pytest.raises(ConfigError, match="calculator 'exact'"):
        choose("exact", profile([1.0], [1.0]))
