"""Calibration: Gaussians, whose log density ratio is known, and scores that distort it."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from hepflow.classifiers import Calibration, calibrate
from hepflow.classifiers.calibration import LEAST_SLOPE
from hepflow.errors import FitError, InputError

SHIFT = 0.8


def gaussians(events=4000, others=6000, seed=1, distort=lambda ratio: ratio):
    """Return scores of N(SHIFT, 1) against N(0, 1): distorted exact log ratios ``SHIFT x - SHIFT^2 / 2``."""
    random = np.random.default_rng(seed)
    numerator, denominator = random.normal(SHIFT, 1, events), random.normal(0, 1, others)
    return tuple(distort(SHIFT * x - 0.5 * SHIFT**2) for x in (numerator, denominator))


def test_exact_log_ratios_are_calibrated():
    found = calibrate(*gaussians(40_000, 60_000))
    assert found.slope == pytest.approx(1, abs=3 * found.slope_error)
    assert found.offset == pytest.approx(0, abs=3 * found.offset_error)
    assert found.slope_error < 0.02
    assert found.p_value > 0.01
    assert found.error_before < 0.01
    assert not found.bounded


def test_errors_are_right():
    """Pulls of slope and offset are of unit width, and p-values uniform."""
    found = [calibrate(*gaussians(500, 800, seed)) for seed in range(200)]
    for pulls in (
        [(each.slope - 1) / each.slope_error for each in found],
        [each.offset / each.offset_error for each in found],
    ):
        assert np.std(pulls) == pytest.approx(1, abs=0.16)
        assert abs(np.mean(pulls)) < 0.25
    assert np.mean([each.p_value < 0.3 for each in found]) == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize(("slope", "offset"), [(0.5, 0.3), (2.0, -1.0), (1e-4, 0.0), (1e4, 10.0)])
def test_a_linear_distortion_is_undone(slope, offset):
    exact = calibrate(*gaussians())
    found = calibrate(*gaussians(distort=lambda ratio: (ratio - offset) / slope))
    assert found.slope == pytest.approx(slope * exact.slope, rel=1e-6)
    assert found.offset == pytest.approx(exact.offset + offset * exact.slope, abs=1e-6)
    assert found.error_after == pytest.approx(exact.error_after, rel=1e-6)
    assert not found.bounded


def test_too_sure_a_classifier_is_seen():
    found = calibrate(*gaussians(distort=lambda ratio: 3 * ratio))
    assert found.slope == pytest.approx(1 / 3, rel=0.1)
    assert found.p_value < 1e-6
    assert found.error_before > 5 * found.error_after


def test_equals_scikit_learn():
    fit = gaussians(900, 400)
    score = np.concatenate([fit[0], fit[1]])
    truth = np.repeat([1, 0], [900, 400])
    weight = np.random.default_rng(1).uniform(0.5, 2, 1300)
    found = calibrate(*fit, weight[:900], weight[900:])
    balanced = np.concatenate([weight[:900] / weight[:900].sum(), weight[900:] / weight[900:].sum()])
    other = LogisticRegression(C=1e12, tol=1e-10).fit(score[:, None], truth, 650 * balanced)
    assert found.slope == pytest.approx(other.coef_[0, 0], rel=1e-4)
    assert found.offset == pytest.approx(other.intercept_[0], abs=1e-4)


def test_only_the_ratios_of_weights_count():
    fit, random = gaussians(300, 500), np.random.default_rng(2)
    one, other = random.uniform(0, 1, 300), random.uniform(0, 1, 500)
    plain, scaled = calibrate(*fit, one, other), calibrate(*fit, 7 * one, 1e-3 * other)
    assert scaled.slope == pytest.approx(plain.slope)
    assert scaled.covariance == pytest.approx(plain.covariance)


def test_an_event_of_weight_two_is_two_events():
    fit = gaussians(300, 500)
    twice = (np.tile(fit[0], 2)[:400], fit[1])
    weight = np.repeat([2.0, 1.0], [100, 200])
    assert calibrate(*fit, weight).slope == pytest.approx(calibrate(*twice).slope)
    assert calibrate(*fit, weight).offset == pytest.approx(calibrate(*twice).offset)


def test_scores_that_say_nothing_have_no_say_and_keep_their_order():
    random = np.random.default_rng(3)
    noise = (random.normal(0, 1, 2000), random.normal(0.1, 1, 2000))
    found = calibrate(*noise)
    assert found.bounded
    spread = np.std(np.concatenate(noise))
    assert found.slope == pytest.approx(LEAST_SLOPE / spread, rel=1e-3)
    assert np.all(np.diff(found.log_ratio(np.linspace(-3, 3, 50))) > 0)
    assert abs(found.log_ratio(noise[0])).max() < 0.1


def test_the_offset_at_the_least_slope_is_the_best_one():
    random = np.random.default_rng(3)
    noise = (random.normal(5, 1, 500), random.normal(5.2, 1, 700))
    found = calibrate(*noise)

    def loss(offset):
        one, other = (found.slope * score + offset for score in noise)
        return np.logaddexp(0, -one).mean() + np.logaddexp(0, other).mean()

    assert found.offset == pytest.approx(minimize(loss, 0.0, tol=1e-10).x[0], abs=1e-5)


def test_one_score_for_all():
    found = calibrate(np.full(50, 0.7), np.full(80, 0.7))
    assert found.bounded
    assert found.log_ratio(np.array([0.7])) == pytest.approx(0)


def test_the_calibration_error_of_perfect_scores_is_what_the_page_says():
    found = [calibrate(*gaussians(5000, 5000, seed)).error_before for seed in range(20)]
    assert np.mean(found) == pytest.approx(0.4 * np.sqrt(20 / 10_000), rel=0.25)


def test_a_combination_listens_to_the_classifier_that_learned():
    """The mean of an exact ratio and of noise, both calibrated, orders events as the exact one does."""
    exact, random = gaussians(), np.random.default_rng(4)
    noise = (3 * random.normal(0, 1, 4000), 3 * random.normal(0, 1, 6000))
    lines: list[Calibration] = [calibrate(*exact), calibrate(*noise)]
    mean = sum(line.log_ratio(fit[0]) for line, fit in zip(lines, (exact, noise), strict=True))
    assert np.corrcoef(mean, exact[0])[0, 1] > 0.98


def test_separated_samples():
    with pytest.raises(FitError, match="every score of the numerator lies above"):
        calibrate(np.linspace(1, 2, 50), np.linspace(-1, 0, 50))


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_weights_that_are_none(bad):
    weight = np.ones(300)
    weight[7] = bad
    with pytest.raises(InputError, match="denominator weights of zero or more"):
        calibrate(*gaussians(200, 300), None, weight)
    with pytest.raises(InputError, match="numerator weights of zero or more, finite, and not all zero"):
        calibrate(*gaussians(200, 300), np.zeros(200))
    with pytest.raises(InputError, match=r"shape \(300,\); expected one for each score, \(200,\)"):
        calibrate(*gaussians(200, 300), np.ones(300))
