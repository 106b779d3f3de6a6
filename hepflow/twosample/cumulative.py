"""Distances between the distribution functions of one feature: Kolmogorov-Smirnov and Wasserstein; and sliced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from hepflow.importance import effective_size
from hepflow.sample import FloatArray
from hepflow.twosample.pooled import Pooled
from hepflow.twosample.statistic import Measure, Statistic

MANY = 500  # events a sample from which on the asymptotic distribution of Kolmogorov and Smirnov is right

Places = NDArray[np.intp]


@dataclass(frozen=True)
class KolmogorovSmirnov(Statistic):
    """Largest difference between the two distribution functions, from 0 to 1.

    Notes
    -----
    The p-value of 500 unweighted events or more without ties is scipy's asymptotic one (`scipy.stats.ks_2samp`).
    """

    label: ClassVar[str] = "Kolmogorov-Smirnov"
    each: ClassVar[bool] = True

    def prepare(self, pooled: Pooled, seed: int) -> Measure:
        """Sort the feature."""
        order, ends, _ = _sorted(pooled.x[:, 0])

        def measure(u: FloatArray, v: FloatArray) -> FloatArray:
            return np.asarray(np.abs(_summed(u - v, order)[ends]).max(axis=0))

        return measure

    def null_p(self, pooled: Pooled, value: float) -> float | None:
        """Return the asymptotic p-value, where it holds."""
        tied = len(np.unique(pooled.x)) < len(pooled)
        if tied or not pooled.flat or pooled.worth < MANY:
            return None
        n, m = effective_size(pooled.u), effective_size(pooled.v)
        return float(stats.kstwo.sf(value, np.round(n * m / (n + m))))


@dataclass(frozen=True)
class Wasserstein(Statistic):
    """Area between the two distribution functions: how far events must be moved on average, in the feature's unit."""

    label: ClassVar[str] = "Wasserstein"
    each: ClassVar[bool] = True

    def prepare(self, pooled: Pooled, seed: int) -> Measure:
        """Sort the feature."""
        return _area(pooled.x[:, 0])


@dataclass(frozen=True)
class SlicedWasserstein(Statistic):
    """Mean Wasserstein distance of the standardised features along random directions.

    Parameters
    ----------
    directions
        How many.

    Notes
    -----
    N. Bonneel et al., J. Math. Imaging Vis. 51 (2015) 22.
    """

    directions: int = 30

    label: ClassVar[str] = "sliced Wasserstein"
    columns: ClassVar[int] = 2

    def prepare(self, pooled: Pooled, seed: int) -> Measure:
        """Sort the projections."""
        axes = np.random.default_rng(seed).normal(size=(self.directions, pooled.x.shape[1]))
        axes /= np.linalg.norm(axes, axis=1, keepdims=True)
        areas = [_area(column) for column in axes @ pooled.scaled().T]

        def measure(u: FloatArray, v: FloatArray) -> FloatArray:
            return np.asarray(sum(area(u, v) for area in areas) / len(areas))

        return measure


def _area(column: FloatArray) -> Measure:
    order, _, sorted_ = _sorted(column)
    steps = np.diff(sorted_)

    def measure(u: FloatArray, v: FloatArray) -> FloatArray:
        apart = _summed(u - v, order)[:-1]
        return np.asarray(steps @ np.abs(apart, out=apart))

    return measure


def _summed(difference: FloatArray, order: Places) -> FloatArray:
    """Return the difference of the distribution functions at each sorted row, shape ``(P, R)``."""
    taken = difference[order]
    return np.cumsum(taken, axis=0, out=taken)


def _sorted(column: FloatArray) -> tuple[Places, Places, FloatArray]:
    """Return the order of a column (P,), where in it equal values end, and the sorted column."""
    order = np.argsort(column, kind="stable")
    values = column[order]
    return order, np.append(np.flatnonzero(np.diff(values) > 0), len(values) - 1), values
