"""A spectrum and options of the command line to a scan over masses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from hepflow.cli import options
from hepflow.cli.targets import read_bins, refuse_options
from hepflow.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from hepflow.sample import FloatArray
    from hepflow.stats import MassScan, Scan, SignalMorph
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


@dataclass(frozen=True)
class CrossSection:
    """What turns strengths into cross-sections: values of the options, as far as they were given.

    Parameters
    ----------
    luminosity
        Inverse femtobarn; None leaves strengths as they are.
    efficiency
        A number, or a file of mass and share.
    theory
        A file of mass and femtobarn.
    """

    luminosity: float | None
    efficiency: str | None
    theory: str | None

    def __post_init__(self) -> None:
        given = {"--efficiency": self.efficiency, "--theory": self.theory}
        if self.luminosity is None:
            refuse_options("these need --luminosity", given)

    def scaled(self, scan: MassScan, found: Scan) -> Scan:
        """Return limits as cross-sections, where a luminosity is known."""
        from hepflow.stats import in_femtobarn

        if self.luminosity is None:
            return found
        return in_femtobarn(found, self.luminosity, self._efficiency(scan), self._events(scan))

    def curve(self) -> tuple[FloatArray, FloatArray] | None:
        """Return the theory's masses and cross-sections."""
        from hepflow.stats import read_curve

        return None if self.theory is None else read_curve(self.theory)

    def expected(self, scan: MassScan) -> FloatArray | None:
        """Return the p-values that the theory's signal is expected to have; None without one."""
        from hepflow.stats import curve_at, expected_p0

        curve = self.curve()
        if curve is None or self.luminosity is None:
            return None
        events = curve_at(curve, scan.masses) * self.luminosity * self._efficiency(scan)
        return expected_p0(scan, events / self._events(scan))

    def _events(self, scan: MassScan) -> FloatArray | float:
        """Return the events of strength one: one of a Gaussian, those of histograms else."""
        import numpy as np

        if scan.unit == "one signal event":
            return 1.0
        return np.array([signal.counts.sum() for signal in scan.signals])

    def _efficiency(self, scan: MassScan) -> FloatArray | float:
        from hepflow.stats import curve_at, read_curve

        if self.efficiency is None:
            return 1.0
        try:
            return float(self.efficiency)
        except ValueError:
            found = curve_at(read_curve(self.efficiency), scan.masses)
        for mass, share in zip(scan.masses, found, strict=True):
            if share != share:
                raise InputError(
                    f"{self.efficiency}: no efficiency at {mass:g} GeV; expected masses on both sides of it"
                )
        return found
