"""The effective sample size: known answers, and what holds for any weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hepflow.importance import effective_size

WEIGHTS = arrays(np.float64, st.integers(1, 50), elements=st.floats(1e-3, 1e3))


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        ([], 0.0),
        ([0.0, 0.0], 0.0),
        ([3.0], 1.0),
        ([0.5] * 8, 8.0),
        ([1.0, 2.0, 3.0], 36 / 14),
        ([1.0, 0.0, 0.0], 1.0),
        ([2.0, -1.0], 0.2),
    ],
)
def test_known_sizes(weight, expected):
    found = effective_size(np.array(weight))
    assert type(found) is float
    assert found == pytest.approx(expected, rel=1e-15)


@given(WEIGHTS, st.floats(1e-3, 1e3))
def test_a_common_factor_changes_nothing(weight, factor):
    assert effective_size(factor * weight) == pytest.approx(effective_size(weight), rel=1e-12)


@given(WEIGHTS)
def test_no_fewer_than_one_and_no_more_than_there_are(weight):
    assert 1 - 1e-12 <= effective_size(weight) <= len(weight) * (1 + 1e-12)


@given(WEIGHTS)
def test_the_relative_error_of_a_sum_is_that_of_as_many_events(weight):
    """Of Poisson counts: the variance of the sum is the sum of the squares."""
    relative = np.linalg.norm(weight) / weight.sum()
    assert relative == pytest.approx(1 / np.sqrt(effective_size(weight)), rel=1e-12)


@given(WEIGHTS, st.integers(1, 5))
def test_copies_of_a_sample_are_worth_as_many_times_more(weight, copies):
    assert effective_size(np.tile(weight, copies)) == pytest.approx(
        copies * effective_size(weight), rel=1e-12
    )
