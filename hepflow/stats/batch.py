"""Fits of one likelihood to many data sets at once: what makes toys cheap.

The Newton iteration of `minimise` on arrays, one row a data set. Rows that do not converge go to `minimise`, one by
one.
"""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from hepflow.progress import progress
from hepflow.sample import FloatArray
from hepflow.stats.arrow import objective
from hepflow.stats.expansion import Expansion, Mask
from hepflow.stats.likelihood import Likelihood
from hepflow.stats.minimise import minimise
from hepflow.stats.newton import NewtonSteps

TOLERANCE = 1e-7  # of the estimated distance to the minimum, in -2 ln L
SLOW = 1e-2  # taken, too, where many rounds lead no closer: no p-value of toys feels it
_MAX_ROUNDS = 60
_TOLERATED = 0.01  # share of fits that may fail without a word
_FLAT = 1e-100  # curvature of a parameter that nothing holds: it stays where it is
_SLOWLY = 0.3  # each step this fraction of the one before: from where on it is extrapolated
_FARTHEST = 5.0  # and how many times the step that is
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
    shared = int(np.sum(model.alone < 0))
    size = max(1, _CHUNK // (shared * model.n_bins + len(model.names)))
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
        self._newton = NewtonSteps(model, free)

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
            plain = better & (scale == 1.0)
            scale = np.where(better, 1.0, np.where(scale > 1.0, 1.0, 0.5 * scale))
            if np.any(better):
                taken, last, before = rows[better], step[better], distance[better]
                x[taken], value[taken], gradient[taken] = (
                    trial[better],
                    there.value[better],
                    there.gradient[better],
                )
                step[better], distance[better] = self._step(trial[better], there.of(better))
                ahead = _reach(last, step[better], before, distance[better])
                scale[better] = np.where(plain[better], ahead, 1.0)
        valid[rows] |= distance < SLOW
        for row in np.flatnonzero(~valid):
            self._one_by_one(int(row), data, x, value, gradient, valid)
        return Minima(x, value, gradient, valid)

    def _one_by_one(
        self,
        row: int,
        data: FloatArray,
        x: FloatArray,
        value: FloatArray,
        gradient: FloatArray,
        valid: Mask,
    ) -> None:
        """Go on with one fit from where its steps ended."""
        one = objective(self.model, data[row])
        found = minimise(one, x[row], self.low, self.high, self.free)
        x[row], value[row], valid[row] = found.x, found.value, found.valid
        gradient[row] = one(found.x)[1]

    def _step(self, x: FloatArray, at: Expansion) -> tuple[FloatArray, FloatArray]:
        """Return the Newton steps (T, P) of the parameters that no bound holds, and the EDM of each row (T,)."""
        outward = ((x <= self.low) & (at.gradient > 0)) | ((x >= self.high) & (at.gradient < 0))
        step = self._newton(at, ~outward)
        blocked = ((x <= self.low) & (step < 0)) | ((x >= self.high) & (step > 0))
        again = np.flatnonzero(np.any(blocked, axis=1))
        if len(again):
            held = (outward | blocked)[again]
            step[again] = self._newton(at.of(again), ~held)
            np.putmask(step, ((x <= self.low) & (step < 0)) | ((x >= self.high) & (step > 0)), 0.0)
        distance = np.abs(0.5 * np.sum(at.gradient * step, axis=1))
        return step, np.where(np.isfinite(at.value), distance, np.inf)


def _reach(last: FloatArray, step: FloatArray, before: FloatArray, distance: FloatArray) -> FloatArray:
    """Return how many times its next step (T, P) a fit should go where a whole one has led to the next.

    Steps leave out second derivatives of the rates. Where these matter, each step is `q` times the one before, and
    all that are still to come add up to ``1 / (1 - q)`` of the next (Aitken). The distances tell the size of `q`;
    where steps turn back, it is negative.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        q = np.sign(np.sum(last * step, axis=1)) * np.sqrt(distance / before)
    return np.where(np.abs(q) > _SLOWLY, 1.0 / (1.0 - np.clip(q, -1.0, 1.0 - 1.0 / _FARTHEST)), 1.0)
