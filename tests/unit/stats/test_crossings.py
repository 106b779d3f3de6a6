"""Where CLs crosses one less the confidence level: known curves, with noise and without."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hepflow.errors import FitError
from hepflow.stats.crossings import apart, crossing, missing

STRENGTHS = np.array([0.6, 0.85, 0.95, 1.0, 1.07, 1.15, 1.5, 2.0])


def rows(curve):
    return np.stack([curve, curve])


@given(limit=st.floats(0.7, 1.4), slope=st.floats(1.0, 12.0), size=st.floats(0.01, 0.3))
def test_an_exponential_is_found_exactly(limit, slope, size):
    """That of no observed event."""
    values = size * np.exp(slope * (limit - STRENGTHS))
    assert crossing(STRENGTHS, rows(values), size)[0] == pytest.approx(limit, rel=1e-9)


@pytest.mark.parametrize("least", [1e-2, 1e-4, 1e-12, 1e-300])
def test_what_lies_far_below_bends_nothing(least):
    """A Gaussian's tail, of whose highest strengths toys know no more than that it is small."""
    values = stats.norm.sf((STRENGTHS - 0.8) / 0.15)
    values[-2:] = least
    found, _ = crossing(STRENGTHS, rows(values), 0.05)
    assert found == pytest.approx(0.8 + 0.15 * stats.norm.isf(0.05), rel=0.005)  # of the parabola


def test_one_mode_and_the_error_of_binomial_counts():
    """Two hundred experiments of a thousand toys at each strength, resampled as counts."""
    rng, toys = np.random.default_rng(1), 1000
    chance = stats.norm.sf((STRENGTHS - 0.8) / 0.15)
    found = []
    for _ in range(200):
        hits = rng.binomial(toys, chance) / toys
        again = rng.binomial(toys, hits, (100, len(chance))) / toys
        found.append(crossing(STRENGTHS, np.maximum(np.vstack([hits, again]), 0.5 / toys), 0.05))
    limits, errors = np.array(found).T
    spread = np.std(limits)
    assert spread / 1.3 < np.sqrt(np.mean(errors**2)) < 1.3 * spread
    assert np.mean(limits) == pytest.approx(0.8 + 0.15 * stats.norm.isf(0.05), rel=0.01)
    assert np.abs(limits - np.mean(limits)).max() < 5 * spread


def test_few_strengths_near_give_a_line():
    """On a logarithmic scale, between one strength far above and one far below."""
    assert crossing(np.array([1.0, 2.0]), rows(np.array([0.5, 0.005])), 0.05)[0] == pytest.approx(1.5)
    assert crossing(np.array([1.0, 2.0]), rows(np.array([0.1, 0.025])), 0.05)[0] == pytest.approx(1.5)


@pytest.mark.parametrize("values", [[0.9, 0.5, 0.2], [0.04, 0.02, 0.01]])
def test_no_crossing_is_named(values):
    with pytest.raises(FitError, match="toys exclude no signal strength between 1 and 3"):
        crossing(np.array([1.0, 2.0, 3.0]), rows(np.array(values)), 0.05)
    assert missing(np.array([1.0, 2.0, 3.0]), np.array(values), 0.05) == []


@given(limit=st.floats(0.7, 1.4), slope=st.floats(1.0, 12.0), level=st.sampled_from([0.68, 0.9, 0.95, 0.99]))
def test_missing_strengths_surround_the_limit_until_none_is_missing(limit, slope, level):
    size, mu = 1 - level, np.array([0.01, 10.0])
    for _ in range(6):
        wanted = missing(mu, size * np.exp(slope * (limit - mu)), size)
        if not wanted:
            break
        assert all(apart(one, mu) for one in wanted)
        mu = np.unique(np.append(mu, wanted))
    assert not wanted
    y = slope * (limit - mu)
    assert np.count_nonzero(np.abs(y) < 1.5) >= 3
    assert np.min(np.abs(y)) < 0.35
