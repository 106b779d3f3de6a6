"""What several figures draw: data points, expectation with its band, significances, ranges, numbers in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import mplhep
import numpy as np
from hist.intervals import poisson_interval
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from hepflow import text
from hepflow.plots.style import DATA, EXPECTED, NEUTRAL, SIDEBAND
from hepflow.results import CutResult
from hepflow.sample import FloatArray

BAR = 0.02  # height of the bars that mark sidebands, in units of the panel
BEYOND = "Triangles: the ratio is beyond the axis."
LOG_FROM = 30.0  # a ratio of largest to smallest value that a linear axis no longer shows


def numbers(values: Iterable[float | None]) -> FloatArray:
    """Return values as an array, NaN where there is none."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def cross_section(quantity: str) -> str:
    """Return the factors of a cross-section, such as "sigma x B", in LaTeX."""
    return quantity.replace("sigma", r"$\sigma$").replace(" x ", r"$\times$").replace("eff", r"$\epsilon$")


def garwood(counts: FloatArray) -> FloatArray:
    """Return the distances from counts (B,) to the ends of their central 68 % Poisson intervals, shape ``(2, B)``.

    F. Garwood, Biometrika 28 (1936) 437.
    """
    known = np.where(np.isfinite(counts) & (counts >= 0), counts, 0.0)
    low, high = poisson_interval(known)
    distances: FloatArray = np.maximum(np.stack([known - low, high - known]), 0.0)
    return distances


def draw_points(ax: Axes, edges: FloatArray, counts: FloatArray, scale: Any = 1.0, **options: Any) -> None:
    """Draw counts as points with their Poisson intervals, both times `scale`; bins without data are left out."""
    options = {"color": DATA, "marker": "o", "markersize": 3.5, "elinewidth": 0.9, "zorder": 5, **options}
    with np.errstate(divide="ignore", invalid="ignore"):
        values, errors = counts * scale, garwood(counts) * scale
    known, empty = np.isfinite(values) & (counts > 0), np.isfinite(values) & (counts == 0)
    centres = 0.5 * (edges[1:] + edges[:-1])
    ax.errorbar(centres[known], values[known], errors[:, known], linestyle="none", **options)
    faint = {"color": options["color"], "linewidth": 0.6, "alpha": 0.5, "zorder": 1}
    ax.vlines(centres[empty], values[empty], (values + errors[1])[empty], **faint)  # "none seen" is data, too


def point_beyond(ax: Axes, edges: FloatArray, values: FloatArray) -> bool:
    """Point by triangles at the edge to values (B,) that the axis, once its range is set, does not show.

    Returns whether there are any: `BEYOND` then belongs below the figure.
    """
    low, high = ax.get_ylim()
    centres, outside = 0.5 * (edges[1:] + edges[:-1]), (values > high, values < low)
    look: dict[str, Any] = {"color": NEUTRAL, "markersize": 3, "transform": ax.get_xaxis_transform()}
    for marker, beyond, height in zip("^v", outside, (0.93, 0.07), strict=True):
        ax.plot(centres[beyond], np.full(int(beyond.sum()), height), marker, zorder=6, **look)
    return bool(np.any(outside))


def draw_expected(
    ax: Axes, edges: FloatArray, expected: FloatArray, error: FloatArray, colour: str = EXPECTED
) -> Patch:
    """Draw expected events as a line with a band of one standard deviation, and return its entry for the legend."""
    low, high = np.maximum(expected - error, 0.0), expected + error
    ax.stairs(high, edges, baseline=low, fill=True, color=colour, alpha=0.35, linewidth=0, zorder=2)
    mplhep.histplot(expected, edges, ax=ax, histtype="step", edges=False, color=colour, zorder=3)
    return Patch(facecolor=(colour, 0.35), edgecolor=colour)


def draw_significances(ax: Axes, edges: FloatArray, z: FloatArray, colour: str, seen: FloatArray) -> None:
    """Fill a panel with the significance per bin, on an axis that shows all in `seen` and -3 to 3 at least."""
    known = np.where(np.isfinite(z), z, 0.0)
    ax.stairs(known, edges, fill=True, color=colour, alpha=0.75, linewidth=0, zorder=2)
    ax.axhline(0, color="black", linewidth=0.7, zorder=3)
    for level in (-2, 2):
        ax.axhline(level, color=NEUTRAL, linewidth=0.6, linestyle=":", zorder=1)
    seen = seen[np.isfinite(seen)]
    low, high = float(np.min(seen, initial=-3.0)), float(np.max(seen, initial=3.0))
    ax.set_ylim(1.25 * low, 1.25 * high)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 3, 5, 10], integer=True))
    ax.yaxis.set_minor_locator(NullLocator())


def shade(axes: Sequence[Axes], window: tuple[float, float] | None, top: float = 1.0) -> Patch | None:
    """Shade the signal region, in the first panel up to a share `top` of its height, and return the legend's entry.

    Legend and text stand above.
    """
    if window is None:
        return None
    for ax, height in zip(axes, (top, *[1.0] * (len(axes) - 1)), strict=True):
        ax.axvspan(*window, ymax=height, facecolor=NEUTRAL, alpha=0.15, linewidth=0, zorder=0)
        for border in window:
            ax.axvline(border, ymax=height, color=NEUTRAL, linewidth=0.7, linestyle="--", zorder=1)
    return Patch(facecolor=(NEUTRAL, 0.15), edgecolor=NEUTRAL, linestyle="--", linewidth=0.7)


def mark_sidebands(ax: Axes, sidebands: Iterable[tuple[float, float]]) -> Patch:
    """Mark the sidebands by bars at the foot of a panel, and return their entry for the legend."""
    look: dict[str, Any] = {"facecolor": SIDEBAND, "linewidth": 0}
    for band in sidebands:
        ax.axvspan(*band, ymax=BAR, zorder=4.5, **look)
    return Patch(**look)


def set_range(
    ax: Axes, values: FloatArray, filled: float, floor: float = 0.0, log: bool | None = None
) -> None:
    """Set the y axis so that `values` fill the lower part (`filled`, 0 to 1); logarithmic where their range demands.

    Parameters
    ----------
    ax
        Axes to set.
    values
        Everything drawn that must be seen; zeros and NaN do not count on a logarithmic axis.
    filled
        Share of the height below the largest value; legend and text stand above it.
    floor
        The logarithmic axis starts no lower than this.
    log
        True or False for one or the other axis; None to choose.
    """
    low, high = _ends(values)
    if log is None:
        log = spans(values)
    if log:
        low = max(0.6 * low, floor)
        high = max(high, 10 * low)
        ax.set_yscale("log")
        ax.set_ylim(low, low * (high / low) ** (1 / filled))
        ax.yaxis.set_minor_formatter(NullFormatter())  # numbers between decades would stand on each other
    else:
        ax.set_ylim(0, high / filled)
        if high >= 1000:
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: count_text(value)))


def spans(values: FloatArray) -> bool:
    """Return whether values (of any shape) span more than a linear axis shows."""
    low, high = _ends(values)
    return high / low > LOG_FROM


def _ends(values: FloatArray) -> tuple[float, float]:
    seen = values[np.isfinite(values) & (values > 0)]
    return (float(seen.min()), float(seen.max())) if len(seen) else (0.5, 1.0)


def upper_ends(counts: FloatArray) -> FloatArray:
    """Return where the error bars of counts (B,) end, shape ``(B,)``."""
    ends: FloatArray = counts + garwood(counts)[1]
    return ends


def count_text(value: float) -> str:
    """Return a number of events as a person writes it: 500, 12,000, 1.2M."""
    return f"{value / 1e6:g}M" if abs(value) >= 1e6 else f"{value:,.0f}"


def with_error(value: float, error: float) -> str:
    """Return a value and its error, rounded to two digits of the error."""
    written = text.with_error(value, error).replace("+-", "±")
    return re.sub(r"e(-\d+)$", lambda found: rf"$\mathdefault{{\,\times 10^{{{int(found[1])}}}}}$", written)


def percent(efficiency: float) -> str:
    """Return an efficiency in percent: 0.001 is ``0.1%``."""
    return f"{100 * efficiency:.3g}%"


def cut_text(cut: CutResult) -> str:
    """Return a cut's name for legends, and whether its data are blinded."""
    if cut.background_efficiency == 1:
        return "No cut"
    return rf"$\epsilon_B$ = {percent(cut.background_efficiency)}" + (", blinded" if cut.blind else "")


def bin_text(edges: FloatArray, unit: str = "GeV") -> str:
    """Return the title of an axis of events per bin."""
    widths = np.diff(edges)
    same = len(widths) > 0 and np.allclose(widths, widths[0], rtol=1e-6)
    return f"Events / {widths[0]:.4g} {unit}".rstrip() if same else "Events / bin"
