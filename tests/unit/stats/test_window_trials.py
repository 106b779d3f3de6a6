"""The largest excess of many windows: bounds on what it is worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from hepflow.errors import ConfigError
from hepflow.stats import trials_of_windows

APART = [(2000.0 + 100 * i, 2100.0 + 100 * i) for i in range(10)]
OVERLAPPING = [(2000.0 + 50 * i, 2100.0 + 50 * i) for i in range(19)]


def test_one_window_needs_no_correction():
    found = trials_of_windows([(3300, 3700)], np.array([0.01]))
    assert (found.p, found.p_least) == (0.01, pytest.approx(0.01))
    assert found.z == pytest.approx(norm.isf(0.01))


def test_bounds_of_windows_that_share_nothing():
    p = np.full(10, 0.5)
    p[3] = 0.004
    found = trials_of_windows(APART, p)
    assert (found.largest, found.windows, found.disjoint) == (3, 10, 10)
    assert found.p == pytest.approx(0.04)
    assert found.p_least == pytest.approx(1 - 0.996**10)


def test_of_windows_that_overlap_by_half_every_second_is_independent():
    assert trials_of_windows(OVERLAPPING, np.full(19, 0.1)).disjoint == 10
    assert trials_of_windows([(0, 10), (1, 2), (3, 4)], np.full(3, 0.1)).disjoint == 2


def test_the_bounds_hold_for_windows_that_share_events():
    """The true global p-value is uniform: below the bounds it can be at most, or at least, as often."""
    rng, toys, level = np.random.default_rng(1), 4000, 0.05
    halves = rng.normal(size=(toys, 20))
    z = (halves[:, 1:] + halves[:, :-1]) / np.sqrt(2)
    found = [trials_of_windows(OVERLAPPING, p) for p in norm.sf(z)]
    error = np.sqrt(level * (1 - level) / toys)
    assert np.mean([one.p <= level for one in found]) < level + 3 * error
    assert np.mean([one.p_least <= level for one in found]) > level - 3 * error


@given(st.lists(st.floats(0, 1), min_size=19, max_size=19))
def test_the_lower_bound_is_never_above_the_upper_one(p):
    found = trials_of_windows(OVERLAPPING, np.array(p))
    assert 0 <= found.p_least <= found.p * (1 + 1e-12) <= 1 + 1e-12
    assert found.p_window <= found.p
    assert 0 <= found.z <= found.z_least < np.inf


@pytest.mark.parametrize("p", [[], [0.1], [0.1] * 9 + [1.2], [np.nan] * 10])
def test_p_values_that_are_none(p):
    with pytest.raises(ConfigError, match="one p-value from 0 to 1 for each of 10 windows"):
        trials_of_windows(APART, np.array(p))
