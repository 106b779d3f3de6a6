"""Signal region and sidebands of the resonant mass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, log10

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError, InputError
from hepflow.sample import FloatArray, Sample
from hepflow.shown import show_briefly

Window = tuple[float, float]
MOST_BINS = 20_000  # of a spectrum: more than one for each GeV of the LHC


@dataclass(frozen=True)
class Windows:
    """A signal region and the sidebands around it, in GeV, each half-open ``[low, high)``.

    Raises
    ------
    ConfigError
        If a window is empty or reversed, two overlap, or the sidebands do not stand on both sides.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2500, 3300), (3700, 5000)])
    >>> windows.in_signal(np.array([3299.0, 3300.0, 3700.0]))
    array([False,  True, False])
    >>> windows.edges(400).round()  # an edge on every border, the bins about as wide
    array([2500., 2900., 3300., 3700., 4133., 4567., 5000.])
    >>> windows.validation(width=100).signal
    (3200.0, 3800.0)
    """

    signal: Window
    sidebands: tuple[Window, ...]

    def __init__(self, signal: Sequence[float] = (), sidebands: Sequence[Sequence[float]] = ()) -> None:
        if any(np.ndim(band) == 0 for band in sidebands):
            raise ConfigError(
                f"sidebands {sidebands}: expected pairs [low, high] in GeV, one below and one above the signal "
                "region, such as sidebands=[(2500, 3300), (3700, 5000)]"
            )
        object.__setattr__(self, "signal", _window("signal region", signal))
        bands = sorted(_window("sideband", band) for band in sidebands)
        object.__setattr__(self, "sidebands", tuple(bands))
        if not bands:
            raise ConfigError("regions: no sideband given; the background needs at least one on each side")
        ordered = sorted([self.signal, *bands])
        for left, right in pairwise(ordered):
            if right[0] < left[1]:
                raise ConfigError(
                    f"regions overlap: {_text(left)} and {_text(right)}; let one end where the next begins"
                )
        if bands[0][0] >= self.signal[1] or bands[-1][1] <= self.signal[0]:
            raise ConfigError(
                f"regions: every sideband stands on one side of the signal region {_text(self.signal)}; "
                "the background is interpolated, so give one below and one above"
            )

    @property
    def range(self) -> Window:
        """Lowest and highest edge of all regions."""
        return min(self.signal[0], self.sidebands[0][0]), max(self.signal[1], self.sidebands[-1][1])

    def in_signal(self, mass: FloatArray) -> NDArray[np.bool_]:
        """Return the mask of masses (N,) in the signal region."""
        return (mass >= self.signal[0]) & (mass < self.signal[1])

    def in_sidebands(self, mass: FloatArray) -> NDArray[np.bool_]:
        """Return the mask of masses (N,) in any sideband."""
        inside = np.zeros(len(mass), dtype=bool)
        for low, high in self.sidebands:
            inside |= (mass >= low) & (mass < high)
        return inside

    def split(self, data: Sample) -> tuple[Sample, Sample]:
        """Return the events of the signal region and those of the sidebands.

        Raises
        ------
        InputError
            If a region holds no event at all: it lies outside the data.
        """
        for what, (low, high) in [("signal region", self.signal), *[("sideband", b) for b in self.sidebands]]:
            if not np.any((data.mass >= low) & (data.mass < high)):
                span = (
                    f"{data.mass.min():.0f} to {data.mass.max():.0f} GeV" if len(data) else "no event at all"
                )
                raise InputError(
                    f"no event in the {what} {low:g}-{high:g} GeV: the data hold {span}. "
                    "Check the regions, and that masses are read in GeV"
                )
        return data.select(self.in_signal(data.mass)), data.select(self.in_sidebands(data.mass))

    def check_sidebands(self) -> None:
        """Refuse a signal region that is wider than all sidebands together: they hold too little to interpolate from.

        Raises
        ------
        ConfigError
            With both widths.
        """
        width, beside = self._widths()
        if width > beside * (1 + 1e-9):  # equal ones come from subtractions
            raise ConfigError(
                f"regions: the signal region {_text(self.signal)} is wider than the sidebands: {width:g} GeV, and "
                f"{beside:g} GeV in all. Widen the sidebands, or choose a narrower signal region or validation bands"
            )

    @classmethod
    def beside(cls, signal: Window, width: float, within: Window) -> Windows:
        """Return a signal region with a sideband of `width` GeV on each side, cut where `within` ends.

        Raises
        ------
        ConfigError
            If nothing is left of a sideband.
        """
        low, high = max(signal[0] - width, within[0]), min(signal[1] + width, within[1])
        if low >= signal[0] or high <= signal[1]:
            raise ConfigError(
                f"the signal region {_text(signal)} leaves no room for sidebands in {_text(within)}; move it, or "
                "widen the range"
            )
        return cls(signal, [(low, signal[0]), (signal[1], high)])

    def _widths(self) -> tuple[float, float]:
        """Return the widths of the signal region and of all sidebands together, GeV."""
        return self.signal[1] - self.signal[0], sum(high - low for low, high in self.sidebands)

    def validation(self, width: float | None = None) -> Windows:
        """Return windows whose signal region reaches further: what it gains on both sides are the validation bands.

        Parameters
        ----------
        width
            Of each band, GeV. By default half the signal region's, but at most half of the sideband it is taken from,
            and never so much that the sidebands that are left would be narrower than what lies between them.

        Raises
        ------
        ConfigError
            If a band would swallow the sideband that it is taken from.
        """
        if width is None:
            self.check_sidebands()
        below = max(band for band in self.sidebands if band[1] <= self.signal[0])
        above = min(band for band in self.sidebands if band[0] >= self.signal[1])
        others = [band for band in self.sidebands if band not in (below, above)]
        inside, beside = self._widths()
        most = min(0.5 * inside, 0.25 * (beside - inside))
        widths = [min(most, 0.5 * (high - low)) if width is None else width for low, high in (below, above)]
        for band, taken in zip((below, above), widths, strict=True):
            if not 0 < taken < band[1] - band[0]:
                raise ConfigError(
                    f"regions: validation bands of {taken:g} GeV leave nothing of the sideband {_text(band)}; "
                    "choose a smaller width"
                )
        low, high = below[1] - widths[0], above[0] + widths[1]
        return Windows((low, high), [*others, (below[0], low), (high, above[1])])

    def edges(self, width: float) -> FloatArray:
        """Return bin edges over all regions, about `width` GeV apart, with an edge on every region's border.

        Raises
        ------
        ConfigError
            If that makes more than `MOST_BINS`.
        """
        low, high = self.range
        if not (high - low) / width <= MOST_BINS:
            raise ConfigError(
                f"bins of {width:g} GeV from {low:g} to {high:g} GeV are more than {MOST_BINS:,}; expected wider ones"
            )
        borders = sorted({edge for window in (self.signal, *self.sidebands) for edge in window})
        pieces = [
            np.linspace(low, high, max(1, round((high - low) / width)) + 1)[:-1]
            for low, high in pairwise(borders)
        ]
        return np.append(np.concatenate(pieces), borders[-1])


def sliding(within: Window, width: float, step: float, sidebands: float) -> list[Window]:
    """Return the signal regions of a search over a whole spectrum, low to high, at whole GeV where they are wide.

    Parameters
    ----------
    within
        What they and their sidebands stand in, GeV.
    width
        Of each, over the mass in its middle: the resolution is about proportional to the mass.
    step
        Distance of neighbours, in units of the width.
    sidebands
        Width of the sideband on each side, in units of the signal region's.

    Raises
    ------
    ConfigError
        If not one has room.
    """
    reach = width * (0.5 + sidebands)  # from the middle to the end of a sideband, over the mass
    found: list[Window] = []
    mass = within[0] / (1 - reach) if reach < 1 else np.inf
    while mass * (1 + reach) <= within[1]:
        digits = max(0, 1 - floor(log10(width * mass)))
        found.append((round(mass * (1 - 0.5 * width), digits), round(mass * (1 + 0.5 * width), digits)))
        mass *= 1 + step * width
    if not found:
        raise ConfigError(
            f"no window of {width:.3g} of its mass has room in {_text(within)} with sidebands {sidebands:g} times as "
            "wide; widen the range, or choose narrower windows or sidebands"
        )
    return found


def _window(what: str, value: Sequence[float]) -> Window:
    try:
        low, high = (float(end) for end in value)
    except (TypeError, ValueError):
        low = high = np.nan
    if not 0 <= low < high < np.inf:
        shown = list(value) if isinstance(value, Sequence) else value
        raise ConfigError(f"{what} {shown}: expected [low, high] in GeV with 0 <= low < high")
    return low, high


def _text(window: Window) -> str:
    return f"{window[0]:g}-{window[1]:g} GeV"


show_briefly([Windows])
