"""Distances between the histograms of one feature: Kullback-Leibler, Hellinger and chi2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse, stats

from hepflow.importance import effective_size
from hepflow.sample import FloatArray
from hepflow.twosample.pooled import Pooled
from hepflow.twosample.statistic import Measure, Statistic

PER_BIN = 10  # events of the smaller sample in a bin, on average, at least


@dataclass(frozen=True)
class _Binned(Statistic):
    """What the three share: bins with as many events of both samples together in each, but where values are equal.

    Parameters
    ----------
    bins
        Their number; fewer where a bin would have less than ten events of the smaller sample.
    """

    bins: int = 20

    each: ClassVar[bool] = True

    def _filled(self, pooled: Pooled) -> sparse.csr_array:
        """Return a matrix (B, P) that adds up what stands in each bin."""
        column = pooled.x[:, 0]
        bins = max(min(self.bins, int(pooled.worth / PER_BIN)), 2)
        order = np.argsort(column, kind="stable")
        below = np.cumsum(pooled.presence[order])
        inner = np.unique(column[order][np.searchsorted(below, np.linspace(0, 1, bins + 1)[1:-1])])
        # a bin holds what lies below its upper edge: one value of many events has a bin of its own
        _, place = np.unique(np.searchsorted(inner, column, side="right"), return_inverse=True)
        rows = np.arange(len(column))
        return sparse.csr_array((np.ones(len(column)), (place, rows)), shape=(place.max() + 1, len(column)))


@dataclass(frozen=True)
class KullbackLeibler(_Binned):
    """Kullback-Leibler divergence of the second sample from the first, ``sum(p log(p / q))``, in nats.

    A bin that the second sample leaves empty counts as half an event of it.
    """

    label: ClassVar[str] = "Kullback-Leibler"

    def prepare(self, pooled: Pooled, seed: int) -> Measure:
        """Sort events into bins."""
        filled, least = self._filled(pooled), 0.5 / effective_size(pooled.v)

        def measure(u: FloatArray, v: FloatArray) -> FloatArray:
            p, q = np.maximum(filled @ u, 0.0), np.maximum(filled @ v, least)
            ratio = np.log(p / q, where=p > 0, out=np.zeros_like(p))
            return np.asarray(np.sum(p * ratio, axis=0))

        return measure


@dataclass(frozen=True)
class Hellinger(_Binned):
    """Hellinger distance ``sqrt(1 - sum(sqrt(p q)))``, from 0 to 1."""

    label: ClassVar[str] = "Hellinger"

    def prepare(self, pooled: Pooled, seed: int) -> Measure:
        """Sort events into bins."""
        filled = self._filled(pooled)

        def measure(u: FloatArray, v: FloatArray) -> FloatArray:
            p, q = np.maximum(filled @ u, 0.0), np.maximum(filled @ v, 0.0)
            return np.asarray(np.sqrt(np.maximum(1 - np.sum(np.sqrt(p * q), axis=0), 0.0)))

        return measure


@dataclass(frozen=True)
class ChiSquare(_Binned):
    r"""Chi2 of two histograms per degree of freedom: ``sum((p - q)^2 / variance) / (bins - 1)``.

    Notes
    -----
    The variance is that of both samples without a difference, with weights that of arXiv:physics/0605123. The p-value
    of unweighted events is that of the chi2 distribution.
    """

    label: ClassVar[str] = "chi2 / ndf"

    def prepare(self, pooled: Pooled, seed: int) -> Measure:
        """Sort events into bins."""
        filled = self._filled(pooled)
        u, v = pooled.u, pooled.v
        squares = u**2 + v**2
        variance = filled @ pooled.mixture * squares.sum() if pooled.flat else filled @ squares
        seen = variance > 0  # what is left are events without a weight
        inverse, ndf = 1 / variance[seen], max(int(seen.sum()) - 1, 1)

        def measure(u: FloatArray, v: FloatArray) -> FloatArray:
            return np.asarray(inverse @ (filled @ (u - v))[seen] ** 2 / ndf)

        return measure

    def null_p(self, pooled: Pooled, value: float) -> float | None:
        """Return the p-value of the chi2 distribution, for unweighted events."""
        ndf = self._filled(pooled).shape[0] - 1
        return float(stats.chi2.sf(value * ndf, ndf)) if pooled.flat and ndf > 0 else None
