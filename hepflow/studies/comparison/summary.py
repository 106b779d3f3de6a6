"""Summary: mean and error over seeds of what a method reached, and its ratio to the idealized detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hepflow.studies.comparison.record import Estimate, MethodResult

IDEALIZED = "idealized"  # the method that the others are measured against


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
    """

    method: str
    title: str
    uses_truth: bool
    injected: int
    seeds: int
    mean: Mapping[str, Estimate]
    relative: Mapping[str, Estimate]


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
    )


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
