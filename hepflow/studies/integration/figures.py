"""The figures of an integral, from its points."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hepflow.integration import Integral
from hepflow.integration.integral import OVERWEIGHT
from hepflow.integration.sampler import means_and_spreads
from hepflow.plots.figure import Figure
from hepflow.plots.integral_iterations import integral_iterations
from hepflow.plots.integral_marginals import Marginal, integral_marginals
from hepflow.plots.integral_weights import WeightSpectrum, integral_weights
from hepflow.plots.label import Label
from hepflow.sample import FloatArray

AXES = 12  # that are drawn at most
BINS = 30  # of an axis
PER_BIN = 40  # points at least, on the average, where there are few
WEIGHT_BINS = 60
LOWEST = 1e-4  # weight over the mean, of those that are drawn


def figures(
    found: Integral, *, label: Label | str = "hepflow", right: str = ""
) -> Iterator[tuple[str, Figure]]:
    """Yield the name and the drawing of each figure; of an integrand that is zero there is none but the iterations.

    Parameters
    ----------
    found
        The integral.
    label, right
        Text above the left and the right corner.
    """
    summary = (found.value, found.error, found.chi2, found.dof)
    yield "iterations", integral_iterations(found.iterations, *summary, label=label, right=right)
    if not np.any(found.points.weight):
        return
    yield "weights", integral_weights([weight_spectrum(found, "Points")], label=label, right=right)
    yield "marginals", integral_marginals(marginals(found), label=label, right=right)


def weight_spectrum(found: Integral, name: str) -> WeightSpectrum:
    """Return the spectrum of the weights, channels by their shares of the integral."""
    size = np.abs(found.weight_by_share())
    size = size / size.mean()
    low = max(LOWEST, 0.8 * float(size[size > 0].min()))
    edges = np.geomspace(low, max(1.05 * float(size.max()), 2.0), WEIGHT_BINS + 1)
    return WeightSpectrum(
        name=name,
        edges=edges,
        shares=np.histogram(size, edges)[0] / len(size),
        tops=(float(size.max()), found.always_kept()),
        efficiencies=(found.efficiency(), found.efficiency(OVERWEIGHT)),
        below=float(np.mean(size < low)),
    )


def marginals(found: Integral) -> list[Marginal]:
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
        drawn.append(Marginal(f"x{axis}", edges, integrand, proposal, error))
    return drawn


def _sums(place: NDArray[np.int64], weight: FloatArray, bins: int) -> FloatArray:
    return np.asarray(np.bincount(place, weight, bins), dtype=np.float64)
