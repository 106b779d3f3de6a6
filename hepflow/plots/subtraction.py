"""The difference of two samples: both spectra, what is left by smooth weights and by counting, and pulls below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from hepflow.errors import ConfigError
from hepflow.plots import artists
from hepflow.plots.figure import WIDE, Figure, canvas, finished, footnotes, header, stacked
from hepflow.plots.label import Label
from hepflow.plots.style import DATA, EXPECTED, NEUTRAL, SEQUENCE, TRUTH, WIDTH, styled
from hepflow.sample import FloatArray

if TYPE_CHECKING:
    from hepflow.generation import SubtractedHistogram

BOTH, MINUS = NEUTRAL, SEQUENCE[3]
FILLED = 0.75  # share of the panel of differences below the largest; the legend stands above
LINEAR, FAR = (
    3.0,
    10.0,
)  # typical errors up to which an axis is linear, and times these from which it is logarithmic
EVEN = 1.5  # bins whose widths differ more than this make a logarithmic axis of positive edges
PULLS = "Pulls: what is left by weights, less the {}."
LOGARITHMIC = "Dotted in the middle: the axis is linear below, and logarithmic above."
KNOWN, COUNTED = "truth, over its error", "counted difference, over the error of counting"


@styled
def subtraction(
    histogram: SubtractedHistogram,
    *,
    truth: ArrayLike | None = None,
    label: Label | str = "hepflow",
    right: str = "",
) -> Figure:
    """Draw the two samples, their difference with its error beside that of counting, and its pulls.

    Contents are per unit of the axis. Pulls are of the difference by weights against the truth, or against the
    counted difference where no truth is known, over the error of counting, as the weights' own is near zero where
    events are few: as both come of the same events, those are small.

    Parameters
    ----------
    histogram
        What `Subtracted.histogram` returned.
    truth
        The true difference in each bin, shape ``(B,)``, where it is known.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If `truth` does not fit the bins.
    """
    known = None if truth is None else np.asarray(truth, dtype=np.float64)
    if known is not None and known.shape != histogram.values.shape:
        raise ConfigError(f"truth of shape {known.shape} for {len(histogram.values)} bins")
    figure = canvas(WIDTH, 5.6, left=WIDE)
    upper, middle, lower = stacked(figure, (1.6, 1.9, 0.9))
    _draw_samples(upper, histogram)
    _draw_difference(middle, histogram, known)
    counted = histogram.binned, histogram.binned_error
    against, error = counted if known is None else (known, histogram.error)
    pulls = _over(histogram.values - against, error)
    artists.draw_significances(lower, histogram.edges, pulls, EXPECTED, pulls)
    unit = f" / {histogram.quantity.unit}" if histogram.quantity.unit else " / unit"
    for ax in (upper, middle):
        ax.set_ylabel(f"Events{unit}")
    lower.set_ylabel("Pull", loc="center")
    lower.set_xlabel(histogram.quantity.axis)
    _set_x(lower, histogram.edges)
    header(upper, label, right)
    linear = LOGARITHMIC if middle.get_yscale() == "symlog" else ""
    footnotes(figure, PULLS.format(KNOWN if known is not None else COUNTED), linear)
    return finished(figure)


def _over(values: FloatArray, divisor: FloatArray) -> FloatArray:
    return np.divide(values, divisor, out=np.zeros_like(values), where=divisor > 0)


def _set_x(ax: Axes, edges: FloatArray) -> None:
    widths = np.diff(edges)
    ax.set_xlim(edges[0], edges[-1])
    if edges[0] > 0 and edges[-1] > 10 * edges[0] and widths.max() > EVEN * widths.min():
        ax.set_xscale("log")
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))


def _set_y(ax: Axes, shown: FloatArray, error: float) -> None:
    """Show all and the zero, the legend above; linear up to a few errors, logarithmic beyond if that is far."""
    low, high = min(0.0, float(shown.min())), max(float(shown.max()), 0.0)
    inside = LINEAR * error
    if high > FAR * inside > 0:
        ax.set_yscale("symlog", linthresh=inside)
        axis = ax.yaxis.get_transform()
        low, high = (float(axis.transform(np.array([one]))[0]) for one in (low, high))
        ends = low - 0.05 * (high - low), low + (high - low) / FILLED
        ax.set_ylim(*(float(axis.inverted().transform(np.array([one]))[0]) for one in ends))
        decades = 10.0 ** np.arange(np.ceil(np.log10(inside)), np.ceil(np.log10(shown.max())) + 1)
        ax.set_yticks([*(-decades[-decades > shown.min()]), 0.0, *decades])
        ax.axhline(inside, color=NEUTRAL, linewidth=0.6, linestyle=":", zorder=1)
    else:
        ax.set_ylim(low - 0.05 * (high - low), low + (high - low) / FILLED)
    ax.yaxis.set_minor_locator(NullLocator())


def _draw_samples(ax: Axes, histogram: SubtractedHistogram) -> None:
    widths, entries = np.diff(histogram.edges), {}
    for name, colour, style in (("Both", BOTH, "-"), ("Minus", MINUS, "--")):
        look: dict[str, Any] = {"color": colour, "linestyle": style, "linewidth": 1.2}
        ax.stairs(getattr(histogram, name.lower()) / widths, histogram.edges, baseline=None, **look)
        entries[name] = Line2D([], [], **look)
    artists.set_range(ax, np.concatenate([histogram.both, histogram.minus]) / np.tile(widths, 2), 0.8)
    ax.legend(entries.values(), entries.keys(), loc="upper right", ncols=2, columnspacing=1.2)


def _draw_difference(ax: Axes, histogram: SubtractedHistogram, truth: FloatArray | None) -> None:
    edges, widths = histogram.edges, np.diff(histogram.edges)
    values, error = histogram.values / widths, histogram.error / widths
    counted, its = histogram.binned / widths, histogram.binned_error / widths
    entries: dict[str, Any] = {}
    if truth is not None:
        ax.stairs(truth / widths, edges, baseline=None, color=TRUTH, linewidth=1.3, linestyle="--", zorder=4)
        entries["Truth"] = Line2D([], [], color=TRUTH, linewidth=1.3, linestyle="--")
    ax.stairs(
        values + error, edges, baseline=values - error, fill=True, color=EXPECTED, alpha=0.35, linewidth=0
    )
    ax.stairs(values, edges, baseline=None, color=EXPECTED, linewidth=1.2, zorder=3)
    entries[r"Weights $\pm 1\,\sigma$"] = Patch(facecolor=(EXPECTED, 0.35), edgecolor=EXPECTED)
    points: dict[str, Any] = {"color": DATA, "marker": "o", "markersize": 2.5, "linestyle": "none"}
    centres = np.sqrt(edges[1:] * edges[:-1]) if edges[0] > 0 else 0.5 * (edges[1:] + edges[:-1])
    ax.errorbar(centres, counted, its, elinewidth=0.8, zorder=2, **points)
    entries["Counted"] = Line2D([], [], **points)
    ax.axhline(0, color="black", linewidth=0.6, zorder=1)
    shown = [values - error, values + error, counted - its, counted + its]
    _set_y(ax, np.array(shown), float(np.median(its)))
    ax.legend(entries.values(), entries.keys(), loc="upper right", ncols=3, columnspacing=1.0)
