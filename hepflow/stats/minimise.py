"""Minimisation inside a box: Newton steps first, then iminuit from several starts.

Newton with the analytic curvature needs some ten evaluations and ends at rounding accuracy; where it stalls,
MIGRAD takes over with the same gradient, then SIMPLEX and MIGRAD at its most careful.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from iminuit import Minuit
from numpy.typing import NDArray
from scipy import linalg

from hepflow.sample import FloatArray
from hepflow.stats.arrow import Arrow, Matrix, groups

Objective = Callable[[FloatArray], tuple[float, FloatArray, Matrix]]
_Moved = tuple[int, FloatArray, float, FloatArray, Matrix]

TOLERANCE = 1e-12  # of the estimated distance to the minimum, in -2 ln L: a millionth of a standard deviation
_ACCEPTABLE = 1e-6  # from here on steps need not descend: rounding hides it
_MAX_STEPS = 100
_POLISH = 5
_PATIENCE = 15
_STRIDE = 2  # halvings of a step
_CROSSING = 4  # steps
_FLAT = 1e-10
_ALONG = 1e-4  # share of a flat direction from which on a parameter, or a combination, lies along it
_UNFELT = 1e-100


@dataclass(frozen=True, eq=False)
class Minimum:
    """A point, its value, and its estimated distance to the minimum (EDM).

    `distances` is the share of each parameter in the EDM, shape ``(P,)``.
    """

    x: FloatArray
    value: float
    edm: float
    distances: FloatArray
    valid: bool


@np.errstate(divide="ignore", invalid="ignore", over="ignore")  # what is no number is judged, not warned of
def minimise(
    objective: Objective, start: FloatArray, low: FloatArray, high: FloatArray, free: NDArray[np.bool_]
) -> Minimum:
    """Minimise value, gradient and curvature of `objective` over the free parameters inside ``[low, high]``.

    Returns
    -------
    Minimum
        The first valid one, or else the lowest that was found.
    """
    best = newton(objective, start, low, high, free)
    if best.valid:
        return best
    for retry in _minuit(objective, start, best.x, low, high, free):
        polished = newton(objective, retry, low, high, free)
        if polished.valid:
            return polished
        if polished.value < best.value or not np.isfinite(best.value):
            best = polished
    return best


def newton(
    objective: Objective, start: FloatArray, low: FloatArray, high: FloatArray, free: NDArray[np.bool_]
) -> Minimum:
    """Take projected Newton steps, halved until they descend, until the EDM is below 1e-12."""
    x = np.where(free, np.clip(start, low, high), start)
    value, gradient, curvature = objective(x)
    edm, distances, valid, polished = np.inf, np.zeros_like(x), False, 0
    for steps in range(_MAX_STEPS):
        if not np.isfinite(value):
            break
        if steps >= _PATIENCE:  # far from linear: the approximate curvature misleads
            curvature = hessian(objective, x, curvature, low, high, free)
        step = _step(x, gradient, curvature, low, high, free)
        distances = np.abs(0.5 * gradient * step)
        edm = float(abs(0.5 * gradient @ step))
        if edm < TOLERANCE:
            valid = True
            break
        if edm < _ACCEPTABLE:
            valid = polished == _POLISH
            if valid:
                break
            polished += 1
            x = np.where(step == 0.0, x, np.clip(x + step, low, high))
            value, gradient, curvature = objective(x)
            continue
        moved = _descend(objective, x, step, value, gradient, low, high)
        if moved is None or moved[0] > _STRIDE:  # halved often: a curved valley, which steps cross in two
            ahead = _across(objective, x, step, value, low, high, free)
            moved = moved if ahead is None or (moved and moved[2] <= ahead[2]) else ahead
        if moved is None:
            break
        _, x, value, gradient, curvature = moved
    return Minimum(x, value, edm, distances, valid)


def _step(
    x: FloatArray,
    gradient: FloatArray,
    curvature: Matrix,
    low: FloatArray,
    high: FloatArray,
    free: NDArray[np.bool_],
) -> FloatArray:
    """Return the Newton step of the parameters that no bound holds back."""
    moving = free & ~((x <= low) & (gradient > 0)) & ~((x >= high) & (gradient < 0))
    step = np.zeros_like(x)
    while np.any(moving):
        step = -_solved(curvature, moving, gradient)
        blocked = moving & (((x <= low) & (step < 0)) | ((x >= high) & (step > 0)))
        if not np.any(blocked):
            break
        moving &= ~blocked
        step[blocked] = 0.0
    return step


def _solved(curvature: Matrix, moving: NDArray[np.bool_], right: FloatArray) -> FloatArray:
    """Solve for the moving parameters; all others are zero."""
    if isinstance(curvature, Arrow):
        left, matrix, vector = curvature.eliminated(moving, right)
        return curvature.filled(moving, right, solve_positive(matrix, vector), left)
    solution = np.zeros_like(right)
    solution[moving] = solve_positive(curvature[np.ix_(moving, moving)], right[moving])
    return solution


def _descend(
    objective: Objective,
    x: FloatArray,
    step: FloatArray,
    value: float,
    gradient: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> _Moved | None:
    """Return how often the step had to be halved until it descends, and where it ends."""
    for halvings in range(40):
        trial = np.clip(x + step * 0.5**halvings, low, high)
        trial = np.where(step == 0.0, x, trial)
        new = objective(trial)
        if new[0] <= value + min(1e-4 * float(gradient @ (trial - x)), 0.0) and new[0] < value:
            return halvings, trial, *new
    return None


def _across(
    objective: Objective,
    x: FloatArray,
    step: FloatArray,
    value: float,
    low: FloatArray,
    high: FloatArray,
    free: NDArray[np.bool_],
) -> _Moved | None:
    """Return where a few whole steps end that may rise at first, if the last one is lower than the start.

    Many events make valleys so narrow that a straight step leaves them at once; the next one leads back.
    """
    for _ in range(_CROSSING):
        x = np.where(step == 0.0, x, np.clip(x + step, low, high))
        new = objective(x)
        if not np.isfinite(new[0]):
            return None
        if new[0] < value:
            return 0, x, *new
        step = _step(x, new[1], new[2], low, high, free)
    return None


def solve_positive(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """Solve for a symmetric matrix, with negative curvature turned positive and flat directions bounded.

    What has no curvature at all stays where it is.
    """
    felt = np.abs(np.diag(matrix)) > _UNFELT
    if not np.all(felt):
        step = np.zeros_like(vector)
        if np.any(felt):
            step[felt] = solve_positive(matrix[np.ix_(felt, felt)], vector[felt])
        return step
    scale = np.sqrt(np.abs(np.diag(matrix)))
    scaled, right = matrix / np.outer(scale, scale), vector / scale
    try:
        factor = linalg.cho_factor(scaled, check_finite=False)
        return np.asarray(linalg.cho_solve(factor, right, check_finite=False) / scale)
    except linalg.LinAlgError:
        eigenvalues, vectors = linalg.eigh(scaled)
        return np.asarray(vectors @ ((vectors.T @ right) / np.maximum(np.abs(eigenvalues), 1e-8)) / scale)


def hessian(
    objective: Objective,
    x: FloatArray,
    curvature: Matrix,
    low: FloatArray,
    high: FloatArray,
    free: NDArray[np.bool_],
) -> FloatArray:
    """Return the second derivatives (P, P) of the free parameters, from differences of the gradient."""
    if isinstance(curvature, Arrow):
        return _hessian_of_groups(objective, x, curvature, low, high, free)
    result = np.zeros_like(curvature)
    index = np.flatnonzero(free)
    for i in index:
        h = 1e-3 * np.sqrt(2.0 / max(curvature[i, i], 1e-12))
        up, down = x.copy(), x.copy()
        up[i], down[i] = min(x[i] + h, high[i]), max(x[i] - h, low[i])
        result[i, index] = ((objective(up)[1] - objective(down)[1]) / (up[i] - down[i]))[index]
    return 0.5 * (result + result.T)


def _hessian_of_groups(
    objective: Objective,
    x: FloatArray,
    curvature: Arrow,
    low: FloatArray,
    high: FloatArray,
    free: NDArray[np.bool_],
) -> FloatArray:
    """Return the same, from differences along many parameters at once that do not meet in any bin."""
    result, alone = np.zeros((len(x), len(x))), curvature.alone
    h = 1e-3 * np.sqrt(2.0 / np.maximum(curvature.diagonal, 1e-12))
    for group in groups(alone, free):
        up, down = x.copy(), x.copy()
        up[group] = np.minimum(x[group] + h[group], high[group])
        down[group] = np.maximum(x[group] - h[group], low[group])
        change = objective(up)[1] - objective(down)[1]
        if alone[group[0]] < 0:
            result[group[0], free] = change[free] / (up - down)[group[0]]
            continue
        member = dict(zip(alone[group].tolist(), group.tolist(), strict=True))
        for other in np.flatnonzero(free & (alone >= 0)):
            one = member.get(int(alone[other]))
            if one is not None:
                result[one, other] = change[other] / (up[one] - down[one])
    shared = free & (alone < 0)
    result[np.ix_(~shared, shared)] = result[np.ix_(shared, ~shared)].T
    return 0.5 * (result + result.T)


def _minuit(
    objective: Objective,
    start: FloatArray,
    stalled: FloatArray,
    low: FloatArray,
    high: FloatArray,
    free: NDArray[np.bool_],
) -> Iterator[FloatArray]:
    """Yield where MIGRAD ends, from both starts and with rising care."""

    def value(x: FloatArray) -> float:
        return min(objective(np.asarray(x))[0], 1e30)

    def gradient(x: FloatArray) -> FloatArray:
        return objective(np.asarray(x))[1]

    for strategy, simplex in ((1, False), (2, True)):
        for point in (stalled, start):
            minuit = Minuit(value, np.where(free, np.clip(point, low, high), point), grad=gradient)
            minuit.errordef, minuit.strategy, minuit.tol = Minuit.LEAST_SQUARES, strategy, 1e-3
            minuit.limits = list(zip(low, high, strict=True))
            minuit.fixed = list(~free)
            if simplex:
                minuit.simplex()
            minuit.migrad()
            yield np.array(minuit.values)


@dataclass(frozen=True, eq=False)
class Curvature:
    """The second derivatives of -2 ln L at its minimum, taken apart into directions.

    Parameters
    ----------
    size
        Parameters, `P`.
    index, scale
        Those that move, and the scale of each, shapes ``(Q,)``.
    eigenvalues, vectors
        Of the matrix in those scales, shapes ``(Q,)`` and ``(Q, Q)``.
    """

    size: int
    index: NDArray[np.intp]
    scale: FloatArray
    eigenvalues: FloatArray
    vectors: FloatArray

    @property
    def covariance(self) -> FloatArray:
        """The covariance (P, P): infinite variance where the likelihood does not determine a parameter."""
        result = np.zeros((self.size, self.size))
        flat = self.eigenvalues < _FLAT
        inner = (self.vectors[:, ~flat] * (2.0 / self.eigenvalues[~flat])) @ self.vectors[:, ~flat].T
        undetermined = np.flatnonzero(np.any(np.abs(self.vectors[:, flat]) > _ALONG, axis=1))
        inner[undetermined, undetermined] = np.inf
        result[np.ix_(self.index, self.index)] = inner / np.outer(self.scale, self.scale)
        return result

    def variance(self, slope: FloatArray) -> float:
        """Return the variance of a combination ``slope @ x``; infinite if the likelihood does not determine it.

        It may be determined where none of its parameters is, as a product of two free factors.
        """
        along = self.vectors.T @ (slope[self.index] / self.scale)
        flat = self.eigenvalues < _FLAT
        if np.any(np.abs(along[flat]) > _ALONG * np.linalg.norm(along)):
            return float(np.inf)
        return float(np.sum(along[~flat] ** 2 * 2.0 / self.eigenvalues[~flat]))


@np.errstate(divide="ignore", invalid="ignore", over="ignore")
def curvature_at(
    objective: Objective, x: FloatArray, low: FloatArray, high: FloatArray, free: NDArray[np.bool_]
) -> Curvature:
    """Return the curvature of -2 ln L at its minimum, from differences of the gradient.

    Fixed parameters do not move, nor do those that a bound holds where the likelihood does not curve.
    """
    _, gradient, curvature = objective(x)
    index = np.flatnonzero(free)
    if not len(index):
        return Curvature(len(x), index, np.zeros(0), np.zeros(0), np.zeros((0, 0)))
    second = hessian(objective, x, curvature, low, high, free)[np.ix_(index, index)]
    held = ((x <= low) & (gradient > 1e-3)) | ((x >= high) & (gradient < -1e-3))
    if np.any(held[index]) and linalg.eigvalsh(second)[0] <= 0:
        second = second[np.ix_(~held[index], ~held[index])]
        index = index[~held[index]]
    scale = np.sqrt(np.maximum(np.abs(np.diag(second)), 1e-300))
    if not np.isfinite(second).all():  # no direction is determined then
        return Curvature(len(x), index, np.ones(len(index)), np.zeros(len(index)), np.eye(len(index)))
    return Curvature(len(x), index, scale, *linalg.eigh(second / np.outer(scale, scale)))
