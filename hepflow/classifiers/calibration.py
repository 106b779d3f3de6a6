"""Calibration: cross-fitted scores made the log density ratio that they claim to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import chi2

from hepflow.errors import FitError, InputError
from hepflow.sample import FloatArray

LEAST_SLOPE = (
    0.01  # per standard deviation: keeps the order where scores say nothing of the ratio, or the contrary
)
BINS = 20
ITERATIONS = 50


@dataclass(frozen=True, eq=False)
class Calibration:
    """A line from scores to log density ratios, ``log r = slope * score + offset``.

    Parameters
    ----------
    slope, offset
        Of the line: 1 and 0 for scores that are log density ratios. A slope below 1 is that of a classifier too sure
        of itself.
    covariance
        Of slope and offset, shape ``(2, 2)``, from the finite samples: what their weights and the misfit of a line
        add is in it.
    bounded
        Whether the best line would be flatter than the least slope allowed, 0.01 per standard deviation of the
        scores, or fall. The scores say nothing then, and the line next to nothing, but it keeps their order.
    error_before, error_after
        Expected calibration error, of the scores taken for log ratios as they are and of the line: the mean
        difference of predicted and observed share of the numerator, in 20 bins of score. Of perfect scores it is not
        zero but about ``0.4 sqrt(20 / N)`` for N events in all.
    """

    slope: float
    offset: float
    covariance: FloatArray
    bounded: bool
    error_before: float
    error_after: float

    def log_ratio(self, score: FloatArray) -> FloatArray:
        """Return the calibrated log density ratio of scores ``(N,)``, in the order of the scores."""
        return self.slope * score + self.offset

    @property
    def slope_error(self) -> float:
        """Standard deviation of the slope."""
        return float(np.sqrt(self.covariance[0, 0]))

    @property
    def offset_error(self) -> float:
        """Standard deviation of the offset."""
        return float(np.sqrt(self.covariance[1, 1]))

    @property
    def p_value(self) -> float:
        """Probability of a line as far from slope 1 and offset 0 as this one, if the scores were log ratios."""
        away = np.array([self.slope - 1, self.offset])
        return float(chi2.sf(away @ np.linalg.pinv(self.covariance, hermitian=True) @ away, 2))


def calibrate(
    numerator: FloatArray,
    denominator: FloatArray,
    numerator_weight: FloatArray | None = None,
    denominator_weight: FloatArray | None = None,
) -> Calibration:
    """Fit the line by logistic regression of the two samples on their out-of-fold scores.

    Parameters
    ----------
    numerator, denominator
        The scores of N and M events, each from classifiers that did not see it: those of a training's own events
        would look better than they are.
    numerator_weight, denominator_weight
        Event weights, shapes ``(N,)`` and ``(M,)``, scaled to the same sum; ones if left out.

    Raises
    ------
    InputError
        If a weight is negative or not finite, a sample's weights add up to zero, or their shape is wrong.
    FitError
        If the scores separate the samples completely: their ratio is not finite then.

    Notes
    -----
    Slope and intercept of a logistic regression measure the calibration (Cox, Biometrika 45 (1958) 562), and correct
    it (Platt scaling). The expected calibration error is eq. 3 of arXiv:1706.04599. The covariance is the sandwich of
    inverse curvature and summed squares of the gradients, which is right for weighted events.

    Examples
    --------
    Scores that are log density ratios, of normal distributions one apart:

    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> data, template = random.normal(1.0, 1.0, 20_000), random.normal(0.0, 1.0, 20_000)
    >>> line = hf.classifiers.calibrate(data - 0.5, template - 0.5)
    >>> print(f"slope {line.slope:.1f}, offset {abs(line.offset):.1f}")
    slope 1.0, offset 0.0
    """
    score = np.concatenate([numerator, denominator])
    truth = np.repeat([1.0, 0.0], [len(numerator), len(denominator)])
    weight = np.concatenate(
        [
            _shares(own, len(scores), what)
            for own, scores, what in (
                (numerator_weight, numerator, "numerator"),
                (denominator_weight, denominator, "denominator"),
            )
        ]
    )
    counted = weight > 0
    if score[counted & (truth == 1)].min() > score[counted & (truth == 0)].max():
        raise FitError(
            "calibration: every score of the numerator lies above all of the denominator, and no finite line gives "
            "their ratio; expected samples that overlap"
        )
    ones = np.ones(len(score))
    spread = np.sqrt(np.cov(score, aweights=weight))
    least = LEAST_SLOPE / spread if spread > 0 else LEAST_SLOPE
    slope, offset = _regression(np.stack([score, ones]), truth, weight, 0 * ones)
    bounded = slope < least
    if bounded:
        slope, (offset,) = least, _regression(ones[None], truth, weight, least * score)
    return Calibration(
        slope=float(slope),
        offset=float(offset),
        covariance=_covariance(score, truth, weight, slope * score + offset),
        bounded=bool(bounded),
        error_before=_expected_error(score, truth, weight, score),
        error_after=_expected_error(score, truth, weight, slope * score + offset),
    )


def _shares(weight: FloatArray | None, events: int, what: str) -> FloatArray:
    """Return weights that add up to one half."""
    weight = np.ones(events) if weight is None else weight
    if weight.shape != (events,):
        raise InputError(
            f"calibration: {what} weights of shape {weight.shape}; expected one for each score, ({events},)"
        )
    if not np.all(np.isfinite(weight) & (weight >= 0)) or not np.any(weight > 0):
        raise InputError(f"calibration: expected {what} weights of zero or more, finite, and not all zero")
    return np.asarray(0.5 * weight / weight.sum())


def _regression(columns: FloatArray, truth: FloatArray, weight: FloatArray, known: FloatArray) -> FloatArray:
    """Return the coefficients (K,) of columns (K, N) that minimise the cross-entropy, by Newton's method."""
    size = np.maximum(np.abs(columns).max(axis=1), 1e-300)  # for scores of any unit
    x = columns / size[:, None]
    found = np.zeros(len(x))

    def loss(at: FloatArray) -> float:
        logit = known + at @ x
        return float(weight @ (np.logaddexp(0, logit) - truth * logit))

    for _ in range(ITERATIONS):
        share = expit(known + found @ x)
        gradient = x @ (weight * (share - truth))
        curvature = (x * (weight * share * (1 - share))) @ x.T
        step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        while loss(found - step) > loss(found) + 1e-15:
            step = 0.5 * step
        found = found - step
        if gradient @ step < 1e-14:
            return np.asarray(found / size)
    raise FitError("calibration: the logistic regression of the scores does not converge")


def _covariance(score: FloatArray, truth: FloatArray, weight: FloatArray, logit: FloatArray) -> FloatArray:
    """Return the sandwich covariance (2, 2) of slope and offset."""
    x = np.stack([score, np.ones_like(score)])
    share = expit(logit)
    bread = np.linalg.pinv((x * (weight * share * (1 - share))) @ x.T, hermitian=True)
    squares = np.zeros((2, 2))
    for sample in (truth == 0, truth == 1):
        own, gradients = weight[sample], (x * (share - truth))[:, sample]
        gradients = own * (gradients - np.average(gradients, axis=1, weights=own)[:, None])
        squares += gradients @ gradients.T
    return np.asarray(bread @ squares @ bread)


def _expected_error(score: FloatArray, truth: FloatArray, weight: FloatArray, logit: FloatArray) -> float:
    """Return the mean absolute difference of predicted and observed shares, in bins of equal weight in the score."""
    order = np.argsort(score, kind="stable")
    filled = np.cumsum(weight[order])
    place = np.minimum((BINS * filled / filled[-1]).astype(int), BINS - 1)
    difference = np.bincount(place, (weight * (expit(logit) - truth))[order], minlength=BINS)
    return float(np.abs(difference).sum() / filled[-1])
