"""Stacking: known ratios, scores that share their noise, and scores that say nothing."""

import numpy as np
import pytest

from hepflow.classifiers import stack

SHIFT = 0.8


def views(*noises, events=40_000, seed=1, shared=0.0, shift=SHIFT):
    """Return noisy views of N(shift, 1) against N(0, 1), one for each noise, some of it the same in all."""
    random = np.random.default_rng(seed)
    found = []
    for centre in (shift, 0.0):
        x, common = random.normal(centre, 1, events), random.normal(0, 1, events)
        found.append(
            np.stack([x + shared * common + noise * random.normal(0, 1, events) for noise in noises])
        )
    return *found, np.ones(events)


def test_one_exact_score_keeps_its_ratio():
    found = stack(*views(0.0))
    assert found.weight[0] == pytest.approx(SHIFT, abs=0.03)  # log ratio SHIFT x - SHIFT^2 / 2
    assert found.offset == pytest.approx(-0.5 * SHIFT**2, abs=0.03)


def test_independent_noise_is_weighted_by_its_variance():
    """The optimum of normal noise beside one exact unit of spread is known."""
    numerator, denominator, weight = views(1.0, 2.0)
    found = stack(numerator, denominator, weight)
    covariance = np.array([[2.0, 1.0], [1.0, 5.0]])
    np.testing.assert_allclose(found.weight, np.linalg.solve(covariance, [SHIFT, SHIFT]), atol=0.04)


def test_copies_of_a_score_count_once():
    numerator, denominator, weight = views(0.5, 0.5)
    copies = [0, 0, 0, 1]
    found = stack(numerator[copies], denominator[copies], weight)
    once = stack(numerator, denominator, weight)
    assert found.weight[:3].sum() == pytest.approx(once.weight[0], abs=0.02)
    assert found.weight[3] == pytest.approx(once.weight[1], abs=0.02)


def test_a_score_that_says_nothing_or_the_contrary_has_next_to_no_say():
    numerator, denominator, weight = views(0.0)
    random = np.random.default_rng(3)
    for wrong in (-1.0, 0.0):
        extra = [wrong * side + random.normal(0, 1, side.shape) for side in (numerator, denominator)]
        found = stack(np.vstack([numerator, extra[0]]), np.vstack([denominator, extra[1]]), weight)
        assert 0 < found.weight[1] < 0.03
        assert found.weight[0] == pytest.approx(SHIFT, abs=0.03)


def test_samples_that_are_alike_leave_a_mean_in_units_of_the_spread():
    numerator, denominator, weight = views(0.5, 0.5, events=4000, shift=-0.5)  # no excess
    found = stack(numerator, denominator, weight)
    spread = np.concatenate([numerator, denominator], axis=1).std(axis=1)
    assert found.weight[0] * spread[0] == pytest.approx(found.weight[1] * spread[1], rel=1e-3)
    assert (found.weight > 0).all()


def test_units_change_nothing():
    numerator, denominator, weight = views(0.3, 1.0, events=2000)
    unit = np.array([[1e-4], [1e5]])
    one, other = stack(numerator, denominator, weight), stack(unit * numerator, unit * denominator, weight)
    np.testing.assert_allclose(one.log_ratio(numerator), other.log_ratio(unit * numerator), atol=1e-3)


def test_weights_are_respected():
    numerator, denominator, _ = views(0.0, events=4000)
    twice = np.concatenate([denominator, denominator[:, :2000]], axis=1)
    weight = np.where(np.arange(4000) < 2000, 2.0, 1.0)
    one, other = stack(numerator, denominator, weight), stack(numerator, twice, np.ones(6000))
    assert one.weight[0] == pytest.approx(other.weight[0], rel=2e-3)
    assert one.offset == pytest.approx(other.offset, abs=2e-3)
