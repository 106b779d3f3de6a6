"""Distances between means, variances and correlations of all features: Frechet, and correlation matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hepflow.sample import FloatArray
from hepflow.twosample.pooled import Pooled
from hepflow.twosample.statistic import Measure, Statistic


@dataclass(frozen=True)
class Frechet(Statistic):
    r"""Frechet distance of the standardised features, squared, as if both samples were normal.

    .. math:: |\mu_a - \mu_b|^2 + \mathrm{tr}\left(S_a + S_b - 2 (S_a S_b)^{1/2}\right)

    Notes
    -----
    D. Dowson and B. Landau, J. Multivar. Anal. 12 (1982) 450; of features of jets, arXiv:2106.11535.
    """

    label: ClassVar[str] = "Frechet"

    def prepare(self, pooled: Pooled, seed: int) -> Measure:
        """Make the products of features of which means are taken."""
        moments = _Moments(pooled.scaled())

        def measure(u: FloatArray, v: FloatArray) -> FloatArray:
            (mean_a, s_a), (mean_b, s_b) = moments(u), moments(v)
            root = _root(s_a)
            traces = np.trace(s_a + s_b - 2 * _root(root @ s_b @ root), axis1=1, axis2=2)
            return np.asarray(np.sum((mean_a - mean_b) ** 2, axis=1) + traces)

        return measure


@dataclass(frozen=True)
class Correlations(Statistic):
    """Root mean square, over all pairs of features, of the difference between their correlations in both samples."""

    label: ClassVar[str] = "correlations"
    columns: ClassVar[int] = 2

    def prepare(self, pooled: Pooled, seed: int) -> Measure:
        """Make the products of features of which means are taken."""
        moments = _Moments(pooled.scaled())
        pairs = np.triu_indices(pooled.x.shape[1], 1)

        def measure(u: FloatArray, v: FloatArray) -> FloatArray:
            apart = _correlation(moments(u)[1]) - _correlation(moments(v)[1])
            return np.asarray(np.sqrt(np.mean(apart[:, pairs[0], pairs[1]] ** 2, axis=1)))

        return measure


class _Moments:
    """Means (R, D) and covariances (R, D, D) of R weightings of rows (P, D)."""

    def __init__(self, x: FloatArray) -> None:
        self._left, self._right = np.triu_indices(x.shape[1])
        self._table = np.concatenate([x, x[:, self._left] * x[:, self._right]], axis=1).T
        self._columns = x.shape[1]

    def __call__(self, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
        found = (self._table @ weight).T
        mean, d = found[:, : self._columns], self._columns
        products = np.empty((len(found), d, d))
        products[:, self._left, self._right] = products[:, self._right, self._left] = found[:, d:]
        return mean, products - mean[:, :, None] * mean[:, None, :]


def _root(matrices: FloatArray) -> FloatArray:
    """Return the symmetric square roots of symmetric matrices (R, D, D)."""
    values, vectors = np.linalg.eigh(matrices)
    roots = np.sqrt(np.maximum(values, 0.0))
    return np.asarray((vectors * roots[:, None, :]) @ vectors.transpose(0, 2, 1))


def _correlation(covariance: FloatArray) -> FloatArray:
    """Return correlations (R, D, D); of a feature without a variance they are zero."""
    spread = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0))
    scale = spread[:, :, None] * spread[:, None, :]
    return np.asarray(np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 0))
