"""A spectrum and options of the command line to a scan over masses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hepflow.cli import options
from hepflow.cli.targets import read_bins

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from hepflow.stats import MassScan, SignalMorph
    from hepflow.stats.bins import Bins


def mass_scan(
    spectrum: Bins,
    *,
    masses: tuple[float, float, float] | None,
    width: float,
    signals: tuple[str, ...],
    window: float | None,
    function: str,
    sqrt_s: float,
    max_shape: int | None,
    spurious: ArrayLike = 0.0,
) -> MassScan:
    """Return the scan of a spectrum; the arguments are options of the command line, and the scan's own `spurious`."""
    from hepflow.smooth import function_of
    from hepflow.stats import MassScan, gaussian_family, scan_masses

    grid = (
        scan_masses(spectrum.edges, spectrum.counts, width)
        if masses is None
        else options.grid("--masses", masses)
    )
    morph = _simulated(signals, spectrum.weight) if signals else None
    if morph is not None and masses is None:
        grid = grid[(grid >= morph.points[0].mass) & (grid <= morph.points[-1].mass)]
    return MassScan(
        spectrum,
        masses=grid,
        signal=gaussian_family(width) if morph is None else morph.at,
        function=function_of(function),
        sqrt_s=sqrt_s,
        max_shape=max_shape,
        half_range=window,
        spurious=spurious,
        unit="one signal event" if morph is None else "the signal of the histograms",
    )


def _simulated(signals: tuple[str, ...], weight: float) -> SignalMorph:
    """Return the signals between simulated ones, each given as MASS=FILE, in events of a weight of the data."""
    from hepflow.stats import MassPoint, SignalMorph

    points = []
    for text in signals:
        mass, _, file = text.partition("=")
        try:
            value = float(mass)
        except ValueError:
            value = 0.0
        if not value > 0 or not file:
            raise click.BadParameter(
                f"{text!r}: expected MASS=FILE, such as 3000=signal_3000.csv", param_hint="--signal"
            )
        points.append(MassPoint.of_histogram(value, read_bins(file, errors=True).scaled(1 / weight)))
    return SignalMorph(points)
