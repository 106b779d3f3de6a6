"""-2 ln L around a point, with its curvature in parts: many parameters move one bin each, and meet no other bin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hepflow.sample import FloatArray

IndexArray = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Expansion:
    """-2 ln L around a point, before its curvature is put together.

    Parameters
    ----------
    alone
        The bin that a parameter moves, where it moves one alone at any point, shape ``(P,)``; -1 for all others.
    value
        -2 ln L above that of the saturated model, shape ``(...)``; infinite where it is undefined.
    gradient
        Shape ``(..., P)``.
    jacobian
        Derivatives of the rates by the parameters that are not alone, in their order, ``(..., N, Q)``.
    own
        Derivative of its bin's rate by each parameter that is alone, in their order, ``(..., P - Q)``.
    weight
        What each bin contributes to the curvature, ``(..., N)``.
    prior
        What the constraints add to its diagonal, ``(..., P)``.
    """

    alone: IndexArray
    value: FloatArray
    gradient: FloatArray
    jacobian: FloatArray
    own: FloatArray
    weight: FloatArray
    prior: FloatArray

    @property
    def diagonal(self) -> FloatArray:
        """The diagonal of the curvature, shape ``(..., P)``."""
        found, local = self.prior.copy(), self.alone >= 0
        found[..., ~local] += (self.weight[..., None, :] @ self.jacobian**2)[..., 0, :]
        found[..., local] += self.weight[..., self.alone[local]] * self.own**2
        return found

    @property
    def curvature(self) -> FloatArray:
        """The curvature matrix, shape ``(..., P, P)``."""
        jacobian = self.columns(np.arange(len(self.alone)))
        matrix = (np.swapaxes(jacobian, -1, -2) * self.weight[..., None, :]) @ jacobian
        diagonal = np.arange(matrix.shape[-1])
        matrix[..., diagonal, diagonal] += self.prior
        return np.asarray(matrix)

    def columns(self, index: IndexArray) -> FloatArray:
        """Return the derivatives of the rates (..., N, K) by some parameters (K,), each once and in their order."""
        local = self.alone[index] >= 0
        if len(index) == self.jacobian.shape[-1] and not np.any(local):
            return self.jacobian
        shared = self.jacobian[..., self._places[index[~local]]]
        if not np.any(local):
            return shared
        table = np.zeros((*shared.shape[:-1], len(index)))
        table[..., ~local] = shared
        table[..., self.alone[index[local]], np.flatnonzero(local)] = self.slopes(index[local])
        return table

    def slopes(self, index: IndexArray) -> FloatArray:
        """Return the derivatives (..., K) by some parameters that are alone (K,), each of the rate of its bin."""
        return self.own[..., self._places[index]]

    def of(self, rows: NDArray[np.generic]) -> Self:
        """Return that of some points, by their numbers or a mask, where there are many."""
        if rows.dtype == np.bool_ and np.all(rows):
            return self  # as in most rounds
        parts = {name: getattr(self, name)[rows] for name in vars(self) if name != "alone"}
        return replace(self, **parts)

    @property
    def _places(self) -> IndexArray:
        """Where each parameter stands among those of its kind, shape ``(P,)``."""
        local = self.alone >= 0
        return np.where(local, np.cumsum(local), np.cumsum(~local)) - 1
