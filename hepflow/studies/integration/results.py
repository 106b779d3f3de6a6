"""From an integral to the record that is written, drawn and reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.engine.job import Job, published
from hepflow.integration import Integral
from hepflow.integration.integral import OVERWEIGHT
from hepflow.integration.sampler import means_and_spreads
from hepflow.sample import FloatArray
from hepflow.studies.integration.record import IntegrationRecord, MarginalRecord, Numbers, WeightRecord
from hepflow.version import versions

FILE = "integration.json"
AXES = 12  # that are drawn at most
BINS = 30  # of an axis
PER_BIN = 40  # points at least, on the average, where there are few
WEIGHT_BINS = 60
LOWEST = 1e-4  # weight over the mean, of those that are drawn
CHI2 = 3.0  # a degree of freedom, above which iterations do not agree
LEAST = 0.01  # efficiency at 0.1 % overweight, below which events cost too many calls


@published
def integration(job: Job) -> list[Path]:
    """Write ``integration.json``."""
    path = job.out / FILE
    recorded(job["integral"].integral, **job.settings).write(path)
    return [path]


def recorded(
    found: Integral, *, name: str, function: str, seed: int = 1, config_hash: str = "", unweighted: int = 0
) -> IntegrationRecord:
    """Return the record of an integral."""
    nothing = not np.any(found.points.weight)
    return IntegrationRecord(
        name=name,
        seed=seed,
        config_hash=config_hash,
        versions=versions(),
        function=function,
        bounds=tuple((float(low), float(high)) for low, high in found.sampler.integrand.box),
        **found.numbers(),
        unweighted=unweighted,
        losses=tuple({"training": one.training, "validation": one.validation} for one in found.losses),
        weights=None if nothing else weight_spectrum(found),
        marginals=() if nothing else tuple(marginals(found)),
        warnings=doubts(found),
    )


def doubts(found: Integral) -> tuple[str, ...]:
    """Return what puts value or events in doubt, in sentences."""
    notes = []
    if found.dof and found.chi2 > CHI2 * found.dof:
        notes.append(
            f"The iterations do not agree: chi2 is {found.chi2:.1f} for {found.dof} degrees of freedom. Rare points "
            "of large weight make the value and its error; map the peaks by channels, or give more calls."
        )
    efficiency = found.efficiency(OVERWEIGHT)
    if efficiency < LEAST:
        notes.append(
            f"Of 1,000 points {1000 * efficiency:.2g} stay as events of equal weight at 0.1 % overweight: the "
            "proposals have not learned the integrand. Give more calls, or channels that map its peaks."
        )
    return tuple(notes)


def weight_spectrum(found: Integral) -> WeightRecord:
    """Return the spectrum of the weights, channels by their shares of the integral."""
    size = np.abs(found.weight_by_share())
    size = size / size.mean()
    low = max(LOWEST, 0.8 * float(size[size > 0].min()))
    edges = np.geomspace(low, max(1.05 * float(size.max()), 2.0), WEIGHT_BINS + 1)
    return WeightRecord(
        edges=_numbers(edges),
        shares=_numbers(np.histogram(size, edges)[0] / len(size)),
        tops=(float(size.max()), found.always_kept()),
        efficiencies=(found.efficiency(), found.efficiency(OVERWEIGHT)),
        below=float(np.mean(size < low)),
    )


def marginals(found: Integral) -> list[MarginalRecord]:
    """Return shares of the integral and of the proposals' points in bins of each of the first axes.

    The proposals count by their channels' shares of the integral, as in events without a call of the integrand.
    """
    x, channel = found.points.x, found.points.channel
    size = np.abs(found.weight)
    size = size / size.sum()
    means, _ = means_and_spreads(np.abs(found.points.weight), channel, len(found.names))
    counts = np.bincount(channel, minlength=len(found.names))
    expected = means[channel] / counts[channel]  # of a point: its channel's mean
    expected = expected / expected.sum()
    bins = int(np.clip(len(x) // PER_BIN, 5, BINS))
    drawn = []
    for axis, (low, high) in enumerate(found.sampler.integrand.box[:AXES]):
        edges = np.linspace(low, high, bins + 1)
        place = np.clip(np.searchsorted(edges, x[:, axis], side="right") - 1, 0, bins - 1)
        integrand, proposal = (_sums(place, each, bins) for each in (size, expected))
        ratio = np.divide(integrand, proposal, out=np.zeros(bins), where=proposal > 0)
        error = np.sqrt(_sums(place, (size - ratio[place] * expected) ** 2, bins))
        drawn.append(MarginalRecord(f"x{axis}", *map(_numbers, (edges, integrand, proposal, error))))
    return drawn


def _sums(place: NDArray[np.int64], weight: FloatArray, bins: int) -> FloatArray:
    return np.asarray(np.bincount(place, weight, bins), dtype=np.float64)


def _numbers(values: ArrayLike) -> Numbers:
    return tuple(float(value) for value in np.asarray(values))
