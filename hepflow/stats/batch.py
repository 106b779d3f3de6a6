"""Fits of one likelihood to many data sets at once: what makes toys cheap.

The Newton iteration of `minimise` on arrays, one row a data set. A parameter that moves a single bin (the gammas of
`staterror` and `shapesys`) couples to nothing but what moves its bin: such parameters are eliminated bin by bin
(Schur complement), and only the few that bins share are solved for as a matrix. Rows that do not converge go to
`minimise`, one by one.
"""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepflow.progress import progress
from hepflow.sample import FloatArray
from hepflow.stats.arrow import objective
from hepflow.stats.likelihood import Expansion, Likelihood
from hepflow.stats.minimise import minimise

Mask = NDArray[np.bool_]

TOLERANCE = 1e-7  # of the estimated distance to the minimum, in -2 ln L
SLOW = 1e-2  # taken, too, where many rounds lead no closer: no p-value of toys feels it
_MAX_ROUNDS = 60
_TOLERATED = 0.01  # share of fits that may fail without a word
_FLAT = 1e-100  # curvature of a parameter that nothing holds: it stays where it is
_UNDETERMINED = 1e-10  # smallest eigenvalue of a curvature, each parameter in its own scale
_CHUNK = 200_000  # array elements of a chunk: what the cache of a processor takes


@dataclass(frozen=True, eq=False)
class Minima:
    """The minima of `T` data sets.

    Parameters
    ----------
    x, value, gradient
        Parameters (T, P), -2 ln L above the saturated model's (T,), and its gradient (T, P), that of fixed
        parameters included.
    valid
        Which of them converged, shape ``(T,)``.
    """

    x: FloatArray
    value: FloatArray
    gradient: FloatArray
    valid: Mask


def fit_many(
    model: Likelihood,
    data: FloatArray,
    start: FloatArray,
    *,
    free: Mask | None = None,
    low: FloatArray | None = None,
    high: FloatArray | None = None,
) -> Minima:
    """Minimise -2 ln L for each of many data sets.

    Parameters
    ----------
    model
        The likelihood.
    data
        Main then auxiliary data, shape ``(T, N + A)``.
    start
        Starting points, shape ``(P,)`` or ``(T, P)``; fixed parameters stay there.
    free
        Which parameters move, shape ``(P,)``; by default those that the model does not fix.
    low, high
        Ends of the parameters, shapes ``(P,)``; by default the model's.

    Warns
    -----
    UserWarning
        If more than a hundredth of the fits do not converge.
    """
    free = ~model.fixed if free is None else free
    low, high = model.low if low is None else low, model.high if high is None else high
    starts = np.where(free, np.clip(start, low, high), start)
    starts = np.broadcast_to(starts, (len(data), len(model.names)))
    solver = _Solver(model, free, low, high)
    size = max(1, _CHUNK // (len(model.names) * model.n_bins))
    chunks = [slice(i, i + size) for i in range(0, len(data), size)]
    with ThreadPoolExecutor(min(len(chunks), os.cpu_count() or 1) or 1) as pool:  # numpy lets go of the GIL
        fits = pool.map(lambda chunk: solver.fit(data[chunk], starts[chunk]), chunks)
        parts = list(progress(fits, "fits of toys", "chunk", total=len(chunks)))
    columns = zip(*((part.x, part.value, part.gradient, part.valid) for part in parts), strict=True)
    found = Minima(*(np.concatenate(column) for column in columns))
    lost = int(np.sum(~found.valid & np.isfinite(found.value)))
    if lost > _TOLERATED * len(data):
        warnings.warn(
            f"{lost} of {len(data)} fits did not converge; the lowest values that they met are used. A mode that the "
            "data do not feel, or asymmetric errors of more than half a yield, make fits unstable",
            stacklevel=2,
        )
    return found


def errors(model: Likelihood, data: FloatArray, x: FloatArray, index: int) -> FloatArray:
    """Return the standard deviation of one parameter at minima (T, P), from the curvature there, shape ``(T,)``.

    It is infinite where the data do not determine the parameter.
    """
    free = np.flatnonzero(~model.fixed)
    matrix, held = model.expand(x, data).curvature, model.constraints
    gammas, width = held.index[held.poisson], held.width[held.poisson]
    at = x[:, gammas]
    observed = (
        data[:, model.n_bins :][:, held.poisson] / at**2
    )  # in place of the expected curvature that steps take
    matrix[:, gammas, gammas] += 2.0 * (observed - width / at)
    curvature = matrix[:, free[:, None], free]
    unit = (free == index).astype(float)[:, None]
    felt = np.sqrt(np.maximum(np.diagonal(curvature, axis1=1, axis2=2), _FLAT))
    scaled = curvature / (felt[:, :, None] * felt[:, None, :])
    determined = np.all(np.isfinite(scaled), axis=(1, 2))
    determined[determined] = np.linalg.eigvalsh(scaled[determined])[:, 0] > _UNDETERMINED
    scaled[~determined] = np.eye(len(free))
    position = int(np.searchsorted(free, index))
    inverse = np.linalg.solve(0.5 * scaled, np.broadcast_to(unit, (len(x), *unit.shape)))[:, position, 0]
    return np.where(determined, np.sqrt(np.maximum(inverse, 0.0)) / felt[:, position], np.inf)


class _Solver:
    """Newton steps for one choice of free parameters."""

    def __init__(self, model: Likelihood, free: Mask, low: FloatArray, high: FloatArray) -> None:
        self.model, self.free, self.low, self.high = model, free, low, high
        self.local, self.bins = _single_bin_parameters(model, free)
        self.shared = np.setdiff1d(np.flatnonzero(free), self.local)

    def fit(self, data: FloatArray, start: FloatArray) -> Minima:
        x, now = start.copy(), self.model.expand(start, data)
        value, gradient = now.value.copy(), now.gradient.copy()
        valid = np.zeros(len(x), dtype=bool)
        step, distance = self._step(x, now)
        rows, scale = np.arange(len(x)), np.ones(len(x))
        for _ in range(_MAX_ROUNDS):
            done = distance < TOLERANCE
            valid[rows[done]] = True
            going = ~done & (scale > 1e-6)
            valid[rows[~going]] |= distance[~going] < SLOW
            rows, step, scale, distance = rows[going], step[going], scale[going], distance[going]
            if not len(rows):
                break
            trial = np.clip(x[rows] + scale[:, None] * step, self.low, self.high)
            trial = np.where(step == 0.0, x[rows], trial)
            there = self.model.expand(trial, data[rows])
            # near the minimum rounding hides the descent
            better = there.value < value[rows] + np.where(distance < 1e-6, 1e-9 * (1 + value[rows]), 0.0)
            scale = np.where(better, 1.0, 0.5 * scale)
            if np.any(better):
                taken = rows[better]
                x[taken], value[taken], gradient[taken] = (
                    trial[better],
                    there.value[better],
                    there.gradient[better],
                )
                step[better], distance[better] = self._step(trial[better], _rows(there, better))
        valid[rows] |= distance < SLOW
        for row in np.flatnonzero(~valid):
            self._one_by_one(int(row), data, start, x, value, gradient, valid)
        return Minima(x, value, gradient, valid)

    def _one_by_one(
        self,
        row: int,
        data: FloatArray,
        start: FloatArray,
        x: FloatArray,
        value: FloatArray,
        gradient: FloatArray,
        valid: Mask,
    ) -> None:
        one = objective(self.model, data[row])
        found = minimise(one, start[row], self.low, self.high, self.free)
        x[row], value[row], valid[row] = found.x, found.value, found.valid
        gradient[row] = one(found.x)[1]

    def _step(self, x: FloatArray, at: Expansion) -> tuple[FloatArray, FloatArray]:
        """Return the Newton steps (T, P) of the parameters that no bound holds, and the EDM of each row (T,)."""
        outward = ((x <= self.low) & (at.gradient > 0)) | ((x >= self.high) & (at.gradient < 0))
        step = self._solve(at, ~outward)
        blocked = ((x <= self.low) & (step < 0)) | ((x >= self.high) & (step > 0))
        again = np.flatnonzero(np.any(blocked, axis=1))
        if len(again):
            held = (outward | blocked)[again]
            step[again] = self._solve(_rows(at, again), ~held)
            np.putmask(step, ((x <= self.low) & (step < 0)) | ((x >= self.high) & (step > 0)), 0.0)
        distance = np.abs(0.5 * np.sum(at.gradient * step, axis=1))
        return step, np.where(np.isfinite(at.value), distance, np.inf)

    def _solve(self, at: Expansion, moving: Mask) -> FloatArray:
        step = np.zeros_like(at.gradient)
        local, shared, bins = self.local, self.shared, self.bins
        right = -at.gradient * moving
        jacobian = at.jacobian[:, :, shared]
        matrix = (np.swapaxes(jacobian, 1, 2) * at.weight[:, None, :]) @ jacobian
        diagonal = np.arange(len(shared))
        matrix[:, diagonal, diagonal] += at.prior[:, shared]
        felt = matrix[:, diagonal, diagonal]  # by the data or a constraint
        active = moving[:, shared] & (felt > _FLAT)
        size = np.sqrt(np.where(active, felt, 1.0))
        wanted = right[:, shared]
        if len(local):
            slope = at.jacobian[:, bins, local] * moving[:, local]
            weighted = at.weight[:, bins] * slope
            own = weighted * slope + at.prior[:, local]
            own = np.where(moving[:, local] & (own > _FLAT), own, np.inf)
            coupling = weighted[:, :, None] * jacobian[:, bins, :]
            scaled = coupling / own[:, :, None]
            matrix = matrix - np.swapaxes(coupling, 1, 2) @ scaled
            wanted = wanted - (right[:, None, local] @ scaled)[:, 0]
        matrix *= active[:, :, None] & active[:, None, :]
        matrix /= size[:, :, None] * size[:, None, :]
        matrix[:, diagonal, diagonal] += np.where(active, 1e-10, 1.0)
        solved = np.linalg.solve(matrix, (wanted * active / size)[..., None])[..., 0] / size
        step[:, shared] = solved
        if len(local):
            step[:, local] = (right[:, local] - (coupling @ solved[..., None])[..., 0]) / own
        return step


def _single_bin_parameters(model: Likelihood, free: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the free parameters that move one bin alone, at most one for each bin, and those bins.

    Rates are linear in such parameters, so two points tell which bins one moves.
    """
    moves = np.zeros((model.n_bins, len(model.names)), dtype=bool)
    for x in (model.at(0.7), model.at(1.3)):
        moves |= model.rates(np.where(model.fixed, x, x * 1.1 + 0.1))[1] != 0.0
    single = np.flatnonzero(free & (moves.sum(axis=0) == 1))
    bins = np.argmax(moves[:, single], axis=0)
    kept = np.unique(bins, return_index=True)[1]
    return single[kept], bins[kept]


def _rows(at: Expansion, rows: NDArray[np.generic]) -> Expansion:
    if rows.dtype == np.bool_ and np.all(rows):
        return at  # as in most rounds
    return Expansion(at.value[rows], at.gradient[rows], at.jacobian[rows], at.weight[rows], at.prior[rows])
