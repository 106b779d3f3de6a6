"""Weights of events: known answers, and what holds for any weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from hepflow.errors import ConfigError, InputError
from hepflow.importance import (
    balance_heuristic,
    effective_counts,
    effective_size,
    log_integral,
    log_weights,
    normalised,
    unit_weight,
    unweighting_efficiency,
)

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


def test_effective_sizes_of_bins():
    weight, place = np.array([1.0, 2.0, 3.0, 0.5]), np.array([0, 0, 0, 2])
    sums, squares = (np.bincount(place, weight**power) for power in (1, 2))
    assert effective_counts(sums, squares).tolist() == pytest.approx([36 / 14, 0.0, 1.0])


@given(WEIGHTS)
def test_the_unit_weight_makes_the_effective_size_of_the_sum(weight):
    assert (weight / unit_weight(weight)).sum() == pytest.approx(effective_size(weight), rel=1e-12)


@pytest.mark.parametrize("offset", [-2000.0, 0.0, 2000.0])
def test_logarithms_of_any_size(offset):
    log = np.log([1.0, 2.0, 3.0, 0.0], out=np.full(4, -np.inf), where=[True, True, True, False])
    np.testing.assert_allclose(normalised(log + offset), np.array([1, 2, 3, 0]) / 1.5, rtol=1e-12)
    value, error = log_integral(log + offset)
    assert value == pytest.approx(offset + np.log(1.5), rel=1e-14)
    assert error == pytest.approx(np.std([1, 2, 3, 0]) / 1.5 / 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logarithms_that_are_none(bad):
    for call in (normalised, log_integral):
        with pytest.raises(InputError, match="log weights are NaN or infinite"):
            call(np.array([bad, bad] if bad < 0 else [0.0, bad]))


def normals(seed=1, sizes=(4000, 1000)):
    """Return draws of two normal distributions, and their log densities at all of them."""
    random = np.random.default_rng(seed)
    x = np.concatenate([random.normal(at, 1.0, size) for at, size in zip((-1, 2), sizes, strict=True)])
    return x, np.stack([stats.norm.logpdf(x, at, 1.0) for at in (-1, 2)])


def test_several_proposals_integrate_what_neither_covers():
    """A target of two peaks, 0.3 and 0.7 in size, at places between those of the proposals."""
    x, proposals = normals()
    target = np.log(0.3 * stats.norm.pdf(x, -1.5, 0.7) + 0.7 * stats.norm.pdf(x, 1.5, 0.7))
    weight = np.exp(log_weights(target, proposals, (4000, 1000)))
    error = weight.std() / np.sqrt(len(weight))
    assert error < 0.03
    assert weight.mean() == pytest.approx(1.0, abs=4 * error)
    assert np.average(x, weights=weight) == pytest.approx(0.3 * -1.5 + 0.7 * 1.5, abs=0.1)
    assert weight.max() < 0.8 / 0.2 + 1e-9 + 5  # no draw outweighs the mixture


def test_the_balance_heuristic_is_the_weight_under_each_proposal():
    _, proposals = normals()
    both = balance_heuristic(proposals, (4000, 1000))
    for number in range(2):
        weight = np.exp(log_weights(proposals[number], proposals, (4000, 1000)))
        np.testing.assert_allclose(both[number], weight, rtol=1e-12)
    np.testing.assert_allclose(np.array([0.8, 0.2]) @ both, 1.0, rtol=1e-12)
    np.testing.assert_allclose(balance_heuristic(proposals - 3000, (4000, 1000)), both, rtol=1e-9)


def test_proposals_that_cannot_be():
    x, proposals = normals(sizes=(10, 5))
    with pytest.raises(ConfigError, match="sizes that add up to T"):
        log_weights(x, proposals, (10, 6))
    with pytest.raises(ConfigError, match="expected log_target"):
        log_weights(x, proposals[:1], (10, 5))
    with pytest.raises(InputError, match="log densities of the target are NaN"):
        log_weights(np.full(15, np.nan), proposals, (10, 5))
    lost = proposals.copy()
    lost[:, 3] = -np.inf
    with pytest.raises(InputError, match="1 of 15 draws have no density in any proposal"):
        log_weights(x, lost, (10, 5))
    assert np.isneginf(log_weights(np.full(15, -np.inf), proposals, (15, 0))).all()


@pytest.mark.parametrize(
    ("weight", "overweight", "expected"),
    [
        ([], 0.0, 0.0),
        ([0.0, 0.0], 0.0, 0.0),
        ([2.0] * 7, 0.0, 1.0),
        ([1.0, 1.0, 2.0], 0.0, 2 / 3),
        ([1.0, -1.0, 2.0], 0.0, 2 / 3),
        ([1.0, 1.0, 1.0, 1.0, 6.0], 0.5, 1.0),
        ([1.0, 1.0, 1.0, 1.0, 6.0], 0.2, (4 + 4) / (5 * 4)),
    ],
)
def test_unweighting(weight, overweight, expected):
    assert unweighting_efficiency(np.array(weight), overweight) == pytest.approx(expected)


@given(WEIGHTS, st.floats(0, 0.9))
def test_what_is_left_to_heavy_events_is_the_share_allowed(weight, overweight):
    efficiency = unweighting_efficiency(weight, overweight)
    assert 0 < efficiency <= 1 + 1e-9
    assert efficiency >= unweighting_efficiency(weight) - 1e-9
    kept = weight.sum() * (1 - overweight)  # the sum of the weights below the top
    top = kept / (efficiency * len(weight))
    assert np.minimum(weight, top).sum() == pytest.approx(kept, rel=1e-6)


def test_a_share_that_is_none():
    with pytest.raises(ConfigError, match="expected a share in"):
        unweighting_efficiency(np.ones(3), 1.0)
