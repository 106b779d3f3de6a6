"""Non-closure: what a method misses behind a cut, as its trials show it, smooth in how tight the cut is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats
from scipy.special import expit, xlogy

from hepflow.importance import effective_counts
from hepflow.regions import Window
from hepflow.sample import FloatArray
from hepflow.selection.scores import Scored

if TYPE_CHECKING:
    from hepflow.selection.validation import Validation

SLICES = 18  # of the score, at most: more tell no more of a smooth curve
LEAST = 5.0  # data events that the tightest slice is to hold
ORDERS = 3  # of the polynomial, at most
P_ORDER = 0.05  # p-value below which an order beyond the first is taken
IN_BANDS, IN_SIMULATION = 1 / 2, 1.0  # what part of a difference found there is expected in the signal region
SPREAD = np.sqrt(1 / 12)  # standard deviation of that part
UNKNOWN = np.sqrt(3)  # error where nothing can be measured: that of the correction is one then


@dataclass(frozen=True)
class NonClosure:
    """Relative difference of data and expectation behind a cut of some trials, and what it says of the search.

    Parameters
    ----------
    value, error
        The difference, and its statistical error.
    share
        What part of it is expected in the signal region. Of validation bands a half: the gap between their sidebands
        is about twice as wide as that of the signal region, so that the part lies between none and all, anywhere
        alike. Of simulation, which is tried in the signal region itself, all, with the same spread.
    """

    value: float
    error: float
    share: float = IN_BANDS

    @property
    def correction(self) -> float:
        """How many more events than the template says are expected in the signal region, relative to these."""
        return self.share * self.value

    @property
    def size(self) -> float:
        """The error of the correction, from that of the difference and the spread of the part, ``s^2 = 1/12``.

        ``sqrt(value^2 s^2 + error^2 (share^2 + s^2))``, the standard deviation of a product of both.
        """
        return float(np.sqrt(self.value**2 * SPREAD**2 + self.error**2 * (self.share**2 + SPREAD**2)))


def non_closure(
    trials: Sequence[Validation], background_efficiency: float, share: float = IN_BANDS
) -> NonClosure:
    """Return what trials on the same data show behind a cut.

    Parameters
    ----------
    trials
        At least one; others differ by the seed of all trainings.
    background_efficiency
        Of the cut: each trial's threshold is the quantile of its own template.
    share
        See `NonClosure`.

    Notes
    -----
    The score is cut into slices between quantiles of the template. In each, the events of the data in what stands for
    the signal region and in the sidebands, n and m of e and v expected, share a factor that is none of the
    non-closure's: of n + m events, n are binomial with ``logit p = ln(e / v) + f``, f a polynomial of the logarithm
    of the efficiency. It is a straight line, as of a classifier whose log ratio is too large by a factor, unless a
    likelihood-ratio test asks for more. What lies behind the cut is the mean of ``exp(f)`` over the slices there,
    weighted by e, over that of all. A tight cut so learns from looser ones, and no difference jumps with a single
    event.

    Of several trials the counts are averaged, since the data are the same: their error is that of one.
    """
    counts = [_slices(trial) for trial in trials]
    least = min(len(one[0]) for one in counts)
    edges, data, expected, beside, expected_beside, inflation = (
        np.mean([column[:least] for column in columns], axis=0) for columns in zip(*counts, strict=True)
    )
    filled = (expected > 0) & (expected_beside > 0)
    if not filled.any() or not data.any() or not beside.any():
        return NonClosure(0.0, float(UNKNOWN), share)
    terms = _legendre(edges)[filled]
    offset = np.log(expected[filled] / expected_beside[filled])
    coefficients, covariance = _fit(
        data[filled] / inflation[filled], beside[filled] / inflation[filled], offset, terms
    )
    terms = terms[:, : len(coefficients)]
    factor = expected[filled] * np.exp(terms @ coefficients)
    passing = _passing(edges, background_efficiency)[filled]
    behind = factor * passing
    ratio = behind.sum() / (expected[filled] @ passing)
    ratio *= expected[filled].sum() / factor.sum()  # of all events there are neither more nor fewer
    gradient = behind @ terms / behind.sum() - factor @ terms / factor.sum()
    error = ratio * np.sqrt(gradient @ covariance @ gradient)
    return NonClosure(float(ratio - 1), float(error), share)


def together(found: Sequence[NonClosure]) -> tuple[float, float]:
    """Return the correction and its error from several independent estimates.

    Their mean, weighted by their errors; where they disagree, its error is scaled up as the Particle Data Group does.
    """
    corrections = np.array([one.correction for one in found])
    weights = 1 / np.maximum([one.size for one in found], 1e-6) ** 2
    mean = float(np.average(corrections, weights=weights))
    chi2 = float(np.sum(weights * (corrections - mean) ** 2))
    scale = max(1.0, np.sqrt(chi2 / (len(found) - 1))) if len(found) > 1 else 1.0
    return mean, float(scale / np.sqrt(weights.sum()))


def _slices(trial: Validation) -> tuple[FloatArray, ...]:
    """Return, by slice from loose to tight, its looser end, n, e, m, v and by what errors of the template inflate."""
    events = len(trial.data.score)
    tightest = min(0.5, max(LEAST / max(events, 1), 1e-4))
    edges = np.concatenate([[1.0], np.geomspace(0.7, tightest, SLICES - 1)])
    thresholds = np.array([-np.inf, *(trial.template.quantile(edge) for edge in edges[1:]), np.inf])
    thresholds = np.maximum.accumulate(thresholds)
    low, high = trial.windows.signal
    middle = 0.5 * (low + high)
    data, expected, made = _counts(trial.data, trial.template, [(low, middle), (middle, high)], thresholds)
    beside, expected_beside, made_beside = _counts(
        trial.sidebands, trial.validation, list(trial.windows.sidebands), thresholds
    )
    of_data = 1 / np.maximum(data, 1) + 1 / np.maximum(beside, 1)
    inflation = 1 + (1 / np.maximum(made, 1) + 1 / np.maximum(made_beside, 1)) / of_data
    return edges, data, expected, beside, expected_beside, inflation


def _counts(
    data: Scored, template: Scored, bands: Sequence[Window], thresholds: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return, by slice, events of the data, those expected, and what template events are worth behind the latter.

    The number of events in a band is that of the data: the error of a sideband fit's yield is none of the template's.
    """
    observed, expected, squares = (np.zeros(len(thresholds) - 1) for _ in range(3))
    for band in bands:
        seen, made = data.window(*band), template.window(*band)
        observed += np.histogram(seen.score, thresholds)[0]
        if not len(made.score):
            continue
        weight = made.sample.weight * (len(seen.score) / made.sample.weight.sum())
        expected += np.histogram(made.score, thresholds, weights=weight)[0]
        squares += np.histogram(made.score, thresholds, weights=weight**2)[0]
    return observed, expected, effective_counts(expected, squares)


def _legendre(edges: FloatArray) -> FloatArray:
    """Return the polynomials of each slice, by the logarithm of the efficiency in its middle."""
    middle = np.log(np.sqrt(edges * np.append(edges[1:], edges[-1] / 3)))
    place = 2 * (middle - middle[-1]) / (middle[0] - middle[-1]) - 1
    return np.polynomial.legendre.legvander(place, ORDERS)


def _passing(edges: FloatArray, efficiency: float) -> FloatArray:
    """Return the share of each slice that lies behind a cut."""
    ends = np.append(edges[1:], 0.0)
    return np.asarray(np.clip((min(efficiency, 1.0) - ends) / (edges - ends), 0.0, 1.0))


def _fit(
    data: FloatArray, beside: FloatArray, offset: FloatArray, terms: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the coefficients of the binomial fit of as many terms as are worth it, and their covariance."""
    most = max(1, min(terms.shape[1], int(np.sum(data + beside > 0)) - 1))
    best = _maximum(data, beside, offset, terms[:, : min(2, most)])
    for order in range(3, most + 1):
        further = _maximum(data, beside, offset, terms[:, :order])
        if stats.chi2.sf(2 * (further[2] - best[2]), 1) > P_ORDER:
            break
        best = further
    return best[0], best[1]


def _maximum(
    data: FloatArray, beside: FloatArray, offset: FloatArray, terms: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """Return coefficients, covariance and log-likelihood of a binomial fit, by Newton's method."""
    coefficients, total = np.zeros(terms.shape[1]), data + beside
    for _ in range(50):
        p = expit(offset + terms @ coefficients)
        information = (terms * (total * p * (1 - p))[:, None]).T @ terms
        step = np.linalg.solve(information, terms.T @ (data - total * p))
        coefficients = coefficients + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-10:
            break
    p = expit(offset + terms @ coefficients)
    log_likelihood = float(np.sum(xlogy(data, p) + xlogy(beside, 1 - p)))
    return coefficients, np.linalg.inv(information), log_likelihood
