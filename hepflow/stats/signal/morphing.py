"""Signals between the simulated mass points, by interpolating the quantiles of the mass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from hepflow.errors import ConfigError, InputError
from hepflow.importance import unit_weight
from hepflow.sample import FloatArray, Sample
from hepflow.stats.bins import Bins
from hepflow.stats.signal.template import SignalShape, SignalTemplate
from hepflow.stats.spectra import as_bins

if TYPE_CHECKING:
    import hist

# Share of the events in a bin of a histogram that has none: a cumulative distribution that rises everywhere,
# if only by this, has an inverse.
_GAP = 1e-12


@dataclass(frozen=True, eq=False)
class MassPoint:
    """The signal simulated at one mass, as the cumulative distribution of the reconstructed mass.

    Made by `of` from a sample or by `of_histogram`.

    Parameters
    ----------
    mass
        m_X, GeV.
    quantiles
        Reconstructed masses, increasing, shape ``(Q,)``, GeV.
    cumulative
        Fraction of the events below each of them, strictly increasing, shape ``(Q,)``.
    events
        Events at signal strength one.
    weight
        Mean weight of an event, ``sum(w^2) / sum(w)``; zero where the shape has no statistical error.
    generated
        Events at signal strength one before every selection; None where that is not known.

    Raises
    ------
    ConfigError
        If the mass is not above zero.
    InputError
        If there are no events, or fewer were generated.
    """

    mass: float
    quantiles: FloatArray
    cumulative: FloatArray
    events: float
    weight: float = 0.0
    generated: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.mass < np.inf:
            raise ConfigError(f"mass point at {self.mass} GeV: expected a finite mass above zero")
        if not self.events > 0:
            raise InputError(f"mass point {self.mass:g} GeV has no events: leave it out, or loosen the cut")
        if self.generated is not None and not self.events * (1 - 1e-9) <= self.generated < np.inf:
            raise InputError(
                f"mass point {self.mass:g} GeV: {self.events:g} events of {self.generated:g} generated; give the "
                "sum of the weights of all events, before any selection"
            )

    @classmethod
    def of(cls, mass: float, signal: Sample, *, generated: float | None = None) -> MassPoint:
        """Return the point of a signal sample, weighted to strength one.

        Raises
        ------
        InputError
            If a weight is negative or not finite: such a sample has no quantiles. A histogram of it may.
        """
        _check_values(mass, "weight", signal.weight)
        filled = np.flatnonzero(signal.weight)
        order = filled[np.argsort(signal.mass[filled])]
        weight = signal.weight[order]
        total = float(np.sum(weight))
        cumulative = (np.cumsum(weight) - 0.5 * weight) / (total or 1.0)
        return cls(mass, signal.mass[order], cumulative, total, unit_weight(weight), generated)

    @classmethod
    def of_histogram(
        cls,
        mass: float,
        edges: ArrayLike | Bins | hist.Hist[Any],
        counts: ArrayLike | None = None,
        *,
        generated: float | None = None,
    ) -> MassPoint:
        """Return the point of events per bin (B,) on bin edges (B + 1,) in GeV, several bins to a width.

        Its templates have no statistical error. Without `counts`, `edges` is a `hist.Hist`, or the `Bins` that
        `read_spectrum` returns, of which the variances give one.

        Raises
        ------
        InputError
            If a count is negative or not finite, or there is not one to each bin.
        """
        weight = 0.0
        if counts is None:
            bins = as_bins(edges)
            edges, counts, weight = bins.edges, bins.values, 0.0 if bins.variances is None else bins.weight
        edges, counts = np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64)
        if counts.shape != (len(edges) - 1,) or np.any(np.diff(edges) <= 0):
            raise InputError(
                f"mass point {mass:g} GeV: expected increasing edges (B + 1,) and counts (B,); got "
                f"{edges.shape} and {counts.shape}"
            )
        _check_values(mass, "count", counts)
        total = float(np.sum(counts))
        cumulative = np.concatenate([[0.0], np.cumsum(counts + _GAP * (total or 1.0))])
        return cls(mass, edges, cumulative / cumulative[-1], total, weight, generated)


@dataclass(frozen=True, eq=False)
class SignalMorph:
    """The signals of a few mass points, and of every mass between them.

    Between the points m_1 and m_2 the mass below which a fraction p of the events lies is

        x(p) = (1 - t) x_1(p) + t x_2(p),    t = (m_X - m_1) / (m_2 - m_1),

    (A. L. Read, NIM A 425 (1999) 357): exact where the distances from the peak are linear in m_X, be they
    constant or in proportion to it. The logarithms of yield and efficiency, over that of the mass, go through all
    points by monotone cubics (F. N. Fritsch, J. Butland, SIAM J. Sci. Stat. Comput. 5 (1984) 300): powers of the
    mass are exact, and nothing swings between the points.

    Parameters
    ----------
    points
        Two or more, in any order.

    Raises
    ------
    ConfigError
        If there are fewer than two masses, one comes twice, or only some points have `generated`.
    """

    points: Sequence[MassPoint]

    def __post_init__(self) -> None:
        points = tuple(sorted(self.points, key=lambda point: point.mass))
        masses = [point.mass for point in points]
        if len(points) < 2 or len(set(masses)) < len(points):
            raise ConfigError(f"signal morph of mass points {masses} GeV: expected two or more, each once")
        if len({point.generated is None for point in points}) > 1:
            raise ConfigError("signal morph: give the generated events of every mass point, or of none")
        object.__setattr__(self, "points", points)

    def at(self, mass: float) -> SignalShape:
        """Return the signal of one mass in GeV, as a function of bin edges.

        The statistical error of a bin is ``sqrt(w counts)``, with the mean weight of an event `w` interpolated
        between the two neighbouring points; as two samples enter, it is nearer too large than too small.

        Raises
        ------
        ConfigError
            If the mass lies outside the mass points.
        """
        masses = [point.mass for point in self.points]
        if not masses[0] <= mass <= masses[-1]:
            raise ConfigError(
                f"signal at {mass:g} GeV: the mass points reach from {masses[0]:g} to {masses[-1]:g} GeV, and "
                "nothing is extrapolated; simulate a point beyond"
            )
        upper = min(int(np.searchsorted(masses, mass, side="right")), len(masses) - 1)
        low, high = self.points[upper - 1], self.points[upper]
        share = (mass - low.mass) / (high.mass - low.mass)
        cumulative = np.union1d(low.cumulative, high.cumulative)
        quantiles = sum(
            part * np.interp(cumulative, point.cumulative, point.quantiles)
            for point, part in ((low, 1.0 - share), (high, share))
        )
        weight = (1.0 - share) * low.weight + share * high.weight
        events = _monotone(masses, [point.events for point in self.points], mass)
        efficiencies = [
            point.events / point.generated for point in self.points if point.generated is not None
        ]
        generated = events / _monotone(masses, efficiencies, mass) if efficiencies else None

        def shape(edges: ArrayLike) -> SignalTemplate:
            counts = events * np.diff(
                np.interp(np.asarray(edges), quantiles, cumulative, left=0.0, right=1.0)
            )
            return SignalTemplate(
                counts, np.sqrt(weight * counts), f"signal, {mass:g} GeV", generated=generated
            )

        return shape


def _monotone(masses: list[float], values: list[float], mass: float) -> float:
    return float(np.exp(PchipInterpolator(np.log(masses), np.log(values))(np.log(mass))))


def _check_values(mass: float, what: str, values: FloatArray) -> None:
    bad = np.flatnonzero(~np.isfinite(values) | (values < 0))
    if len(bad):
        raise InputError(
            f"mass point {mass:g} GeV: {what} {values[bad[0]]} at {bad[0]}; expected finite numbers, zero or more. "
            "Where weights are negative, give a histogram with bins wide enough to hold none"
        )
