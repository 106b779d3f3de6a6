"""The signed significance of a bin against Poisson and negative binomial sums, and what it must do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hepflow.plots.bin_significance import significances

COUNTS = st.integers(0, 2000)
MEANS = st.floats(0.01, 1000)


def one(n, b, e=0.0):
    return float(significances(np.array([n]), np.array([b]), np.array([e]))[0])


@pytest.mark.parametrize(
    ("n", "b", "p", "sign"),
    [
        (3, 0.1, 1 - np.exp(-0.1) * (1 + 0.1 + 0.005), 1),
        (0, 3.0, np.exp(-3.0), -1),
        (1, 3.0, 4 * np.exp(-3.0), -1),
        (2, 0.5, 1 - np.exp(-0.5) * 1.5, 1),
    ],
)
def test_few_events_by_hand(n, b, p, sign):
    assert one(n, b) == pytest.approx(sign * stats.norm.isf(p), rel=1e-9)


def test_what_is_more_likely_than_not_is_zero():
    """One event or more where 0.9 are expected, and none where 0.5 are: p = 0.593 and 0.607."""
    np.testing.assert_array_equal(significances(np.array([1, 0]), np.array([0.9, 0.5]), np.zeros(2)), 0.0)


@given(COUNTS, MEANS)
def test_without_an_error_it_is_that_of_a_poisson_count(n, b):
    p = stats.poisson.sf(n - 1, b) if n > b else stats.poisson.cdf(n, b)
    if p > 1e-270:
        assert abs(one(n, b)) == pytest.approx(max(stats.norm.isf(p), 0.0), rel=1e-6, abs=1e-9)


@given(COUNTS, MEANS, st.floats(0.01, 1.0))
def test_with_an_error_it_is_that_of_a_negative_binomial_count(n, b, relative):
    """The Poisson mean has a gamma distribution; to a tail of 1e-15, what scipy's own cumulative sums tell."""
    a, share = relative**-2, 1 / (1 + b * relative**2)
    p = stats.nbinom.sf(n - 1, a, share) if n > b else stats.nbinom.cdf(n, a, share)
    if p > 1e-15:
        assert abs(one(n, b, b * relative)) == pytest.approx(max(stats.norm.isf(p), 0.0), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("n", "b", "e"), [(1_003_000, 1e6, 0.0), (995_000, 1e6, 2000.0), (1_020_000, 1e6, 5000.0)]
)
def test_with_many_events_it_is_the_pull(n, b, e):
    assert one(n, b, e) == pytest.approx((n - b) / np.sqrt(b + e**2), rel=0.02)


def test_few_events_are_not_as_significant_as_their_pull():
    """Eight over a half, known to a fifth: the pull says 10.4."""
    assert (8 - 0.5) / np.sqrt(0.5 + 0.1**2) > 10
    assert 4 < one(8, 0.5, 0.1) < one(8, 0.5) < 5.5


@given(MEANS, st.floats(0, 1), st.floats(1.0, 100.0))
def test_it_grows_with_the_count_also_beyond_what_a_p_value_can_be(b, relative, step):
    n = b + step * np.sqrt(b) * np.arange(-3, 60)
    z = significances(np.maximum(n, 0.0), np.full(len(n), b), np.full(len(n), b * relative))
    assert np.all(np.isfinite(z))
    assert np.all(np.diff(z) > -0.05)  # the asymptotic formula, from 36 sigma on, is within that


def test_an_error_makes_it_smaller():
    b, e = np.full(50, 20.0), np.linspace(0, 20, 50)
    for n in (2.0, 60.0):
        z = np.abs(significances(np.full(50, n), b, e))
        assert np.all(np.diff(z) < 0)
        assert z[1] == pytest.approx(z[0], rel=0.01)


def test_nothing_to_say():
    n, b = np.array([np.nan, 3.0, 0.0, -1.0, 3.0]), np.array([3.0, 0.0, 0.0, 3.0, np.nan])
    assert np.all(np.isnan(significances(n, b, np.full(5, 0.5))))
