"""Truth: ROC curve, significance improvement, and where there is nothing to judge by."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from hepflow.selection import Scored, Truth, significance_improvement


@pytest.fixture(scope="module")
def gaussian():
    """Scores a unit apart, whose every efficiency is known."""
    random = np.random.default_rng(1)
    return Truth(random.normal(1, 1, 20_000), random.normal(0, 1, 50_000), np.ones(20_000))


def test_efficiencies(gaussian):
    for threshold in (-1.0, 0.0, 1.0, 2.0):
        signal, background = gaussian.efficiencies(threshold)
        assert signal == pytest.approx(norm.sf(threshold - 1), abs=0.02)
        assert background == pytest.approx(norm.sf(threshold), abs=0.01)
    assert gaussian.efficiencies(-np.inf) == (1.0, 1.0)
    assert gaussian.efficiencies(np.inf) == (0.0, 0.0)


def test_auc(gaussian):
    assert gaussian.auc == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=0.005)


def test_weights_of_the_signal_count():
    signal = np.array([1.0, 3.0])
    truth = Truth(signal, np.array([0.0, 2.0]), np.array([3.0, 1.0]))
    assert truth.efficiencies(1.5) == (0.25, 0.5)
    assert truth.auc == pytest.approx((3 * 0.5 + 1 * 1.0) / 4)


def test_curve_falls_from_one(gaussian):
    background, signal = gaussian.curve(points=100)
    assert background.shape == signal.shape == (100,)
    assert (background[0], signal[0]) == (1.0, 1.0)
    assert (np.diff(background) <= 0).all()
    assert (np.diff(signal) <= 0).all()
    assert ((signal >= 0) & (signal <= 1)).all()
    np.testing.assert_allclose(background, np.geomspace(1, 1 / 50_000, 100), atol=1.01 / 50_000)
    np.testing.assert_allclose(signal[:50], norm.sf(norm.isf(background[:50]) - 1), atol=0.02)


def test_curve_of_a_score_with_ties():
    random = np.random.default_rng(2)
    truth = Truth(
        random.integers(0, 5, 300).astype(float), random.integers(0, 4, 500).astype(float), np.ones(300)
    )
    background, signal = truth.curve()
    assert (np.diff(background) <= 0).all()
    assert (np.diff(signal) <= 0).all()


def test_where_the_curve_is_noise(gaussian):
    assert gaussian.minimum_background_efficiency == pytest.approx(25 / 50_000)


def test_significance_improvement():
    assert significance_improvement(0.5, 0.01) == pytest.approx(5.0)
    assert significance_improvement(1.0, 1.0) == 1.0
    assert significance_improvement(0.3, 0.0) is None


def test_signal_kept_for_evaluation_is_judged(scores, toy):
    truth = Truth.of(scores)
    signal = scores.signal.window(*toy.windows.signal)
    assert np.array_equal(truth.signal, signal.score)
    assert np.array_equal(truth.background, scores.data.score)  # these data are background alone
    assert truth.auc > 0.9


def test_signal_in_the_data_is_judged_where_there_is_no_other(scores):
    label = np.zeros(len(scores.data.sample), dtype=np.int8)
    label[:40] = 1
    data = Scored(replace(scores.data.sample, label=label), scores.data.score)
    truth = Truth.of(replace(scores, data=data, signal=None))
    assert np.array_equal(truth.signal, scores.data.score[:40])
    assert np.array_equal(truth.background, scores.data.score[40:])


@pytest.mark.parametrize("label", [None, 1])
def test_nothing_to_judge_by(scores, label):
    events = len(scores.data.sample)
    data = Scored(
        replace(scores.data.sample, label=None if label is None else np.full(events, label)),
        scores.data.score,
    )
    assert Truth.of(replace(scores, data=data)) is None


def test_no_signal_anywhere(scores, toy):
    assert Truth.of(replace(scores, signal=None)) is None
    outside = toy.signal(100, 1)
    outside = replace(outside, mass=outside.mass + 2000)
    assert Truth.of(replace(scores, signal=Scored(outside, np.zeros(100)))) is None
