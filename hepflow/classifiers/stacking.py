"""Stacking: several scores of the same events made one, by logistic regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from hepflow.sample import FloatArray

LEAST = 1e-3  # share of a say that a score keeps, per standard deviation, where it says nothing


@dataclass(frozen=True, eq=False)
class Stack:
    """A sum of K scores that is a log density ratio: ``log r = weight . score + offset``.

    Parameters
    ----------
    weight
        Shape ``(K,)``, none negative: more of any score never makes an event less signal-like.
    offset
        A number.
    """

    weight: FloatArray
    offset: float

    def log_ratio(self, scores: FloatArray) -> FloatArray:
        """Return the log density ratio (N,) of events with K scores each, ``(K, N)``."""
        ratio: FloatArray = self.weight @ scores + self.offset
        return ratio


def stack(numerator: FloatArray, denominator: FloatArray, denominator_weight: FloatArray) -> Stack:
    """Fit the weights to two samples by logistic regression.

    Parameters
    ----------
    numerator, denominator
        Out-of-fold scores of N and M events by K classifiers, shapes ``(K, N)`` and ``(K, M)``.
    denominator_weight
        Event weights, shape ``(M,)``; both samples count the same in total.

    Notes
    -----
    Stacked regression with weights that are not negative (Breiman, Machine Learning 24 (1996) 49). Scores that share
    their noise share a weight, which no mean of them knows. A score that says nothing keeps next to none: that of
    samples which are alike is then a mean of scores in units of their standard deviations.
    """
    x = np.concatenate([numerator, denominator], axis=1)
    unit = np.maximum(x.std(axis=1, keepdims=True), 1e-300)
    x = x / unit
    y = np.repeat([1.0, 0.0], [numerator.shape[1], denominator.shape[1]])
    weight = np.concatenate(
        [np.full(numerator.shape[1], 1 / numerator.shape[1]), denominator_weight / denominator_weight.sum()]
    )

    def loss(at: FloatArray) -> tuple[float, FloatArray]:
        logit = at[:-1] @ x + at[-1]
        residual = weight * (expit(logit) - y)
        return float(weight @ (np.logaddexp(0, logit) - y * logit)), np.append(x @ residual, residual.sum())

    start = np.append(np.full(len(x), 1 / len(x)), 0.0)
    bounds = [(LEAST / len(x), None)] * len(x) + [(None, None)]
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12, "gtol": 1e-9}
    ).x
    return Stack(found[:-1] / unit[:, 0], float(found[-1]))
