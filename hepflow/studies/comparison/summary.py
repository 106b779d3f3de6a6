"""Summary: mean and error over seeds of what a method reached, and its ratio to the idealized detector.

The numbers of tables; and of figures, for which curves and matrices are averaged, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hepflow.sample import FloatArray
from hepflow.studies.comparison.record import Estimate, Matrix, MethodResult

IDEALIZED = "idealized"  # the method that the others are measured against
NOISE = 25  # background events below which an efficiency is noise, as in `selection.truth`, which takes long to load
POINTS = 150  # of a mean curve


@dataclass(frozen=True)
class Summary:
    """One method at one injection, over all seeds.

    Parameters
    ----------
    method, title, uses_truth, injected
        As in `MethodResult`.
    seeds
        How many data sets.
    mean
        Name of a quantity (see `MethodResult.quantities`) -> mean over the seeds that have it, with its standard
        error; for a single one the statistical error.
    relative
        The same of its ratio to the idealized detector on the same data set, for significance improvements.
    doubted
        The background efficiencies of the cuts that failed a check on any data set.
    """

    method: str
    title: str
    uses_truth: bool
    injected: int
    seeds: int
    mean: Mapping[str, Estimate]
    relative: Mapping[str, Estimate]
    doubted: frozenset[float] = frozenset()


@dataclass(frozen=True, eq=False)
class Curve:
    """A mean over seeds along `x`, with its standard error; None for a single seed. All of shape ``(N,)``."""

    x: FloatArray
    mean: FloatArray
    error: FloatArray | None


@dataclass(frozen=True, eq=False)
class Improvement:
    """Significance improvement of one method at one injection, as far as background is not too rare to measure.

    Parameters
    ----------
    over_signal
        Against the signal efficiency; NaN below that of the tightest cut of any seed.
    over_rejection
        Against the background rejection, up to the largest that all seeds reach.
    """

    over_signal: Curve
    over_rejection: Curve


def summarise(results: Sequence[MethodResult]) -> tuple[Summary, ...]:
    """Return the summary of every method at every injection, in the order in which they first appear."""
    idealized = {(one.seed, one.injected): one.quantities() for one in results if one.method == IDEALIZED}
    found: dict[tuple[str, int], list[MethodResult]] = {}
    for one in results:
        found.setdefault((one.method, one.injected), []).append(one)
    return tuple(_summary(same, idealized) for same in found.values())


def _summary(
    results: list[MethodResult], idealized: Mapping[tuple[int, int], Mapping[str, Estimate]]
) -> Summary:
    measured: dict[str, list[Estimate]] = {}
    relative: dict[str, list[Estimate]] = {}
    for one in results:
        reference = idealized.get((one.seed, one.injected), {})
        for name, estimate in one.quantities().items():
            measured.setdefault(name, []).append(estimate)
            if "sic" in name and name in reference and reference[name].value > 0:
                relative.setdefault(name, []).append(_ratio(estimate, reference[name]))
    first = results[0]
    return Summary(
        method=first.method,
        title=first.title,
        uses_truth=first.uses_truth,
        injected=first.injected,
        seeds=len(results),
        mean={name: _mean(estimates) for name, estimates in measured.items()},
        relative={name: _mean(estimates) for name, estimates in relative.items()},
        doubted=frozenset(cut for one in results for cut in one.doubted),
    )


def improvement(results: Sequence[MethodResult]) -> Improvement | None:
    """Return the mean significance improvement over the data sets of one method; None where no truth tells it."""
    measured = [curve for curve in map(_measured, results) if len(curve[0]) > 1]
    if not measured:
        return None
    efficiency = np.linspace(0, 1, POINTS)
    rejection = np.geomspace(1, min(1 / background[-1] for background, _ in measured), POINTS)
    return Improvement(
        _curve(efficiency, [_over_signal(*one, efficiency) for one in measured]),
        _curve(rejection, [_over_rejection(*one, rejection) for one in measured]),
    )


def _measured(result: MethodResult) -> tuple[FloatArray, FloatArray]:
    """Return background and signal efficiencies from loose to tight, down to where background is noise."""
    background, signal = np.array(result.background_efficiency), np.array(result.signal_efficiency)
    kept = (background > 0) & (background >= NOISE / (result.background or np.inf))
    return background[kept], signal[kept]


def _over_signal(background: FloatArray, signal: FloatArray, at: FloatArray) -> FloatArray:
    """Return the significance improvement at signal efficiencies, NaN below the tightest cut."""
    found = np.interp(at, signal[::-1], np.log(background[::-1]), left=np.nan)
    return np.asarray(at / np.exp(0.5 * found))


def _over_rejection(background: FloatArray, signal: FloatArray, at: FloatArray) -> FloatArray:
    """Return the significance improvement at background rejections."""
    return np.asarray(np.interp(np.log(at), -np.log(background), signal) * np.sqrt(at))


def _curve(x: FloatArray, of_seeds: Sequence[FloatArray]) -> Curve:
    values = np.array(of_seeds)
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
    return Curve(x, values.mean(axis=0), error)


def mean_agreement(matrices: Sequence[Matrix]) -> tuple[list[str], FloatArray]:
    """Return the methods that are in all of these matrices, and the mean of their numbers, NaN where one has none."""
    names = [name for name in matrices[0].names if all(name in one.names for one in matrices)]
    return names, np.mean([_numbers(one, names) for one in matrices], axis=0)


def _numbers(matrix: Matrix, names: Sequence[str]) -> FloatArray:
    """Return the numbers for some of a matrix' names, NaN where there is none."""
    chosen = [matrix.names.index(name) for name in names]
    return np.array(matrix.value, dtype=np.float64)[np.ix_(chosen, chosen)]


def _mean(estimates: list[Estimate]) -> Estimate:
    """Return the mean and its standard error, or the only estimate there is."""
    if len(estimates) == 1:
        return estimates[0]
    values = [one.value for one in estimates]
    return Estimate(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values))))


def _ratio(one: Estimate, other: Estimate) -> Estimate:
    """Return a ratio, with the error of independent ones: too large for methods that share their events."""
    ratio = one.value / other.value
    return Estimate(
        ratio, float(np.hypot((one.error or 0.0) / other.value, ratio * (other.error or 0.0) / other.value))
    )
