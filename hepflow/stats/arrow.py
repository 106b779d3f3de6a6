"""The curvature of a likelihood in which most parameters move a bin each: gammas of `staterror` and `shapesys`.

Such a parameter meets all others in its own bin alone. The matrix is then an arrow: what they share is dense and
small, and each bin's own part is solved for in closed form (the gammas are profiled), however many bins there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepflow.sample import FloatArray
from hepflow.stats.expansion import Expansion, IndexArray
from hepflow.stats.likelihood import Likelihood

MANY = 100  # parameters from which on it is worth it; with fewer, a dense matrix is as quick


@dataclass(frozen=True, eq=False)
class Arrow:
    """The curvature at one point, never put together.

    Parameters
    ----------
    found
        -2 ln L around that point, of `N` bins and `P` parameters.
    """

    found: Expansion

    @property
    def alone(self) -> IndexArray:
        """The bin that a parameter moves, where it moves one alone, shape ``(P,)``; -1 for all others."""
        return self.found.alone

    @property
    def diagonal(self) -> FloatArray:
        """The diagonal, shape ``(P,)``."""
        return self.found.diagonal

    def eliminated(
        self, moving: NDArray[np.bool_], right: FloatArray
    ) -> tuple[NDArray[np.bool_], FloatArray, FloatArray]:
        """Return which moving parameters are left once those of single bins are solved for, their matrix and vector.

        Of a bin with weight `w`, the slopes `u` of its own parameters and `D` their priors, the matrix is
        ``D + w u u^T``; the others see the bin with the weight ``w / (1 + w a)``, ``a = sum(u^2 / D)``.
        """
        own, bins, slope, prior = self._own(moving)
        left = moving & ~own
        others = self.found.columns(np.flatnonzero(left))
        softened, pull = self._softened(bins, slope, prior, right[own])
        matrix = (others.T * softened) @ others + np.diag(self.found.prior[left])
        return left, matrix, np.asarray(right[left] - (softened * pull) @ others)

    def filled(
        self, moving: NDArray[np.bool_], right: FloatArray, solution: FloatArray, left: NDArray[np.bool_]
    ) -> FloatArray:
        """Return the whole solution (P,) from that of the parameters that were left, zero for what does not move."""
        result = np.zeros(len(moving))
        result[left] = solution
        own, bins, slope, prior = self._own(moving)
        moved = self.found.weight * (self.found.columns(np.flatnonzero(left)) @ solution)
        rest = right[own] - moved[bins] * slope
        softened, pull = self._softened(bins, slope, prior, rest)
        result[own] = (rest - (softened * pull)[bins] * slope) / prior
        return result

    def _own(self, moving: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], IndexArray, FloatArray, FloatArray]:
        """Return which moving parameters have a bin and a constraint of their own; bin, slope and prior of each."""
        own = moving & (self.alone >= 0) & (self.found.prior > 0)
        bins = self.alone[own]
        return own, bins, self.found.slopes(np.flatnonzero(own)), self.found.prior[own]

    def _softened(
        self, bins: IndexArray, slope: FloatArray, prior: FloatArray, right: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the weight that others see in each bin (N,), and what its own parameters pull there (N,)."""
        weight, n = self.found.weight, len(self.found.weight)
        give, pull = (
            np.bincount(bins, each / prior, n).astype(np.float64) for each in (slope**2, slope * right)
        )
        return weight / (1.0 + weight * give), pull


Matrix = FloatArray | Arrow


def objective(
    model: Likelihood, data: FloatArray
) -> Callable[[FloatArray], tuple[float, FloatArray, Matrix]]:
    """Return -2 ln L of one data set as `minimise` wants it: value, gradient and curvature at a point (P,)."""
    if len(model.names) < MANY:
        return lambda x: model.evaluate(x, data)

    def evaluate(x: FloatArray) -> tuple[float, FloatArray, Matrix]:
        found = model.expand(x, data)
        return float(found.value), found.gradient, Arrow(found)

    return evaluate


def groups(alone: IndexArray, free: NDArray[np.bool_]) -> list[IndexArray]:
    """Return the free parameters in groups whose members do not meet: those of single bins together, others alone."""
    index = np.flatnonzero(free)
    bins = alone[index]
    found = [index[[i]] for i in np.flatnonzero(bins < 0)]
    local = index[bins >= 0]
    while len(local):
        first = np.unique(alone[local], return_index=True)[1]
        found.append(local[np.sort(first)])
        local = np.delete(local, first)
    return found
