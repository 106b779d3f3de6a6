"""Replicas of two samples: weights as they could have been, without a difference and with the one that there is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hepflow.sample import FloatArray
from hepflow.twosample.pooled import Pooled

NUMBERS = 1_000_000  # of an array of replicas, so that memory stays small

Weights = tuple[FloatArray, FloatArray]
"""Weights of all rows in the first and the second sample, one column a replica: shapes ``(P, R)``."""


def blocks(pooled: Pooled, replicas: int) -> Iterator[int]:
    """Yield numbers of replicas that fit in memory together."""
    most = max(NUMBERS // len(pooled), 1)
    for start in range(0, replicas, most):
        yield min(most, replicas - start)


def resampled(pooled: Pooled, replicas: int, random: np.random.Generator) -> Weights:
    """Return bootstrap replicas: events of each sample drawn with replacement, with their weights."""
    n, total = pooled.size, len(pooled)
    u, v = np.zeros((total, replicas)), np.zeros((total, replicas))
    for replica in range(replicas):
        for side, weight, start, stop in ((u, pooled.u, 0, n), (v, pooled.v, n, total)):
            drawn = random.integers(0, stop - start, stop - start)
            side[start:stop, replica] = weight[start:stop] * np.bincount(drawn, minlength=stop - start)
    return u / u.sum(axis=0), v / v.sum(axis=0)


def without_difference(pooled: Pooled, replicas: int, random: np.random.Generator) -> Weights:
    """Return replicas of the null hypothesis, that both samples come from one density.

    Where all events of a sample weigh the same, labels are exchanged between the samples: exact. The halves on which
    classifiers are trained and tried exchange theirs apart. Else weights may differ between the samples (as data and
    reweighted simulation do), labels cannot be exchanged, and bootstrap fluctuations of each sample are put around
    the mixture of both: right for many events. Weights of such a replica may be negative.
    """
    if not pooled.flat:
        u, v = resampled(pooled, replicas, random)
        around = pooled.mixture[:, None]
        return around + u - pooled.u[:, None], around + v - pooled.v[:, None]
    first = np.repeat((np.arange(len(pooled)) < pooled.size)[:, None], replicas, axis=1)
    for half in (pooled.tried, ~pooled.tried):
        first[half] = random.permuted(first[half], axis=0)
    return first / pooled.size, ~first / (len(pooled) - pooled.size)
