"""Newton steps of many fits at once, without matrices larger than they have to be.

Two kinds of parameters need no room in the matrix that is solved. One that moves a single bin (the gammas of
`staterror` and `shapesys`) meets others in that bin alone: it makes the bin weigh less. Where there are more
constrained parameters that move many bins than bins, a matrix of the bins stands for theirs (Woodbury's identity).
"""

from __future__ import annotations

import numpy as np

from hepflow.sample import FloatArray
from hepflow.stats.expansion import Expansion, IndexArray, Mask
from hepflow.stats.likelihood import Likelihood

_FLAT = 1e-100  # curvature of a parameter that nothing holds: it stays where it is


class NewtonSteps:
    """The steps of `T` fits of one likelihood with the same free parameters.

    Parameters
    ----------
    model
        The likelihood, of `P` parameters.
    free
        Which of them move, shape ``(P,)``.
    """

    def __init__(self, model: Likelihood, free: Mask) -> None:
        self._local, self._bins = _of_one_bin(model, free)
        shared = np.setdiff1d(np.flatnonzero(free), self._local)
        held = np.isin(shared, model.constraints.index)
        if model.n_bins >= held.sum():
            held[:] = False
        self._shared, self._held, self._rest = shared, np.flatnonzero(held), np.flatnonzero(~held)

    def __call__(self, at: Expansion, moving: Mask) -> FloatArray:
        """Return the steps (T, P) of the parameters that move (T, P), zero for all others."""
        step, right = np.zeros_like(at.gradient), -at.gradient * moving
        local, bins, weight = self._local, self._bins, at.weight
        jacobian = at.columns(self._shared)
        active, wanted, prior = moving[:, self._shared], right[:, self._shared], at.prior[:, self._shared]
        if len(local):
            slope = at.slopes(local) * moving[:, local]
            pull, own = weight[:, bins] * slope, weight[:, bins] * slope**2 + at.prior[:, local]
            there = moving[:, local] & (own > _FLAT)
            own = np.where(there, own, np.inf)
            softened, pulled = weight.copy(), np.zeros_like(weight)
            softened[:, bins] = np.where(there, weight[:, bins] * at.prior[:, local] / own, weight[:, bins])
            pulled[:, bins] = pull * right[:, local] / own
            weight, wanted = softened, (wanted - _times(jacobian, pulled)) * active
        solved = self._solve(jacobian, weight, prior, wanted, active)
        step[:, self._shared] = solved
        if len(local):
            step[:, local] = (right[:, local] - pull * _moved(jacobian, solved)[:, bins]) / own
        return step

    def _solve(
        self, jacobian: FloatArray, weight: FloatArray, prior: FloatArray, wanted: FloatArray, active: Mask
    ) -> FloatArray:
        """Solve ``(J^T W J + D) x = y`` for the parameters that are active, (T, Q)."""
        held, rest = self._held, self._rest
        if not len(held):
            weighted = np.swapaxes(jacobian, 1, 2) * weight[:, None, :]
            return _solve_dense(weighted @ jacobian, prior, wanted, active)
        among, others = jacobian[:, :, held] * active[:, None, held], jacobian[:, :, rest]
        width = np.where(active[:, held], prior[:, held], 1.0)
        root, diagonal = np.sqrt(weight), np.arange(weight.shape[1])
        bins = root[:, :, None] * ((among / width[:, None, :]) @ np.swapaxes(among, 1, 2)) * root[:, None, :]
        bins[:, diagonal, diagonal] += 1.0
        softened = root[:, :, None] * np.linalg.inv(bins) * root[:, None, :]  # what others see of the bins
        x = np.zeros_like(wanted)
        pulled = _moved(softened, _moved(among, wanted[:, held] / width))
        matrix = np.swapaxes(others, 1, 2) @ softened @ others
        x[:, rest] = _solve_dense(
            matrix, prior[:, rest], wanted[:, rest] - _times(others, pulled), active[:, rest]
        )
        left = wanted[:, held] - _times(among, weight * _moved(others, x[:, rest]))
        x[:, held] = (left - _times(among, _moved(softened, _moved(among, left / width)))) / width
        return x


def _solve_dense(matrix: FloatArray, prior: FloatArray, wanted: FloatArray, active: Mask) -> FloatArray:
    """Solve ``(M + D) x = y`` (T, Q), each parameter in its own scale; those that nothing holds stay."""
    diagonal = np.arange(matrix.shape[1])
    matrix[:, diagonal, diagonal] += prior
    felt = matrix[:, diagonal, diagonal]  # by the data or a constraint
    active = active & (felt > _FLAT)
    size = np.sqrt(np.where(active, felt, 1.0))
    matrix *= active[:, :, None] & active[:, None, :]
    matrix /= size[:, :, None] * size[:, None, :]
    matrix[:, diagonal, diagonal] += np.where(active, 1e-10, 1.0)
    return np.asarray(np.linalg.solve(matrix, (wanted * active / size)[..., None])[..., 0] / size)


def _moved(matrix: FloatArray, x: FloatArray) -> FloatArray:
    """Return ``M x`` of matrices (T, A, B) and vectors (T, B)."""
    return np.asarray((matrix @ x[..., None])[..., 0])


def _times(matrix: FloatArray, x: FloatArray) -> FloatArray:
    """Return ``M^T x`` of matrices (T, A, B) and vectors (T, A)."""
    return np.asarray((x[:, None, :] @ matrix)[:, 0])


def _of_one_bin(model: Likelihood, free: Mask) -> tuple[IndexArray, IndexArray]:
    """Return the free parameters that move one bin alone, at most one for each bin, and those bins."""
    alone = np.flatnonzero(free & (model.alone >= 0))
    bins, first = np.unique(model.alone[alone], return_index=True)
    order = np.argsort(first)
    return alone[first[order]], bins[order]
