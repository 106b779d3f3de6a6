"""Closure: the background template beside the events that it stands for, feature by feature."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from hepflow.plots import artists
from hepflow.plots.figure import TOP, WIDE, Figure, canvas, finished, header, stacked
from hepflow.plots.style import DATA, EXPECTED, NEUTRAL, WIDTH, styled
from hepflow.results import Histogram
from hepflow.sample import FloatArray

NAMES = {"data": "Data", "background": "True background", "template": "Template", "signal": "Signal"}
BELOW = 0.56  # inches between rows, for labels with indices
SPAN = 0.5  # the ratio's axis shows at most 1 -+ this


@styled
def closure(histograms: Sequence[Histogram], *, label: str = "hepflow", right: str = "") -> Figure:
    """Draw features of the template against those of the events it stands for, with their ratio below.

    Parameters
    ----------
    histograms
        One a feature, with the series ``template`` and either ``data`` or ``background``.
    label, right
        Text above the left and the right corner.
    """
    columns = 2 if len(histograms) == 4 else min(len(histograms), 3)
    rows = ceil(len(histograms) / columns)
    wide, high = (WIDTH if columns == 1 else 2.3), 2.3  # of one cell, inches
    figure = canvas(columns * (wide + WIDE) + 0.2, rows * (high + BELOW) + TOP, left=WIDE, bottom=BELOW)
    grid = figure.add_gridspec(rows, columns, wspace=WIDE / wide, hspace=BELOW / high)
    for index, histogram in enumerate(histograms):
        row, column = divmod(index, columns)
        upper, lower = stacked(figure, (2.6, 1), grid[row, column])
        entries = _draw(upper, lower, histogram)
        if column == 0:
            upper.set_ylabel("Events / bin")
            lower.set_ylabel("Ratio", loc="center")
        if index == 0:
            upper.legend(entries.values(), entries.keys(), loc="upper right")
            header(upper, label, right if columns == 1 else "")
        if row == 0 and column == columns - 1 and columns > 1:
            header(upper, "", right)
    return finished(figure)


def _draw(upper: Axes, lower: Axes, histogram: Histogram) -> dict[str, Any]:
    """Draw one feature, and return the entries of its legend."""
    edges = artists.numbers(histogram.edges)
    series = {name: artists.numbers(counts) for name, counts in histogram.series.items()}
    observed = "background" if "background" in series else "data"
    template = series.get("template", np.full(len(edges) - 1, np.nan))
    upper.stairs(template, edges, fill=True, facecolor=(EXPECTED, 0.3), edgecolor=EXPECTED, linewidth=1.1)
    entries: dict[str, Any] = {NAMES["template"]: Patch(facecolor=(EXPECTED, 0.3), edgecolor=EXPECTED)}
    shown = [template]
    if observed in series:
        counts = series[observed]
        artists.draw_points(upper, edges, counts, markersize=2.5)
        entries = {
            NAMES[observed]: Line2D([], [], color=DATA, marker="o", markersize=2.5, linestyle="none"),
            **entries,
        }
        shown.append(counts)
        _draw_ratio(lower, edges, counts, template)
    artists.set_range(upper, np.concatenate(shown), 0.78, log=False)
    lower.set_xlim(edges[0], edges[-1])
    lower.set_xlabel(histogram.label)
    lower.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    return entries


def _draw_ratio(ax: Axes, edges: FloatArray, counts: FloatArray, template: FloatArray) -> None:
    """Draw counts over the template; the axis shows 1 -+ `SPAN` at most, and arrows point to what lies beyond."""
    inverse = np.divide(1.0, template, out=np.full(len(template), np.nan), where=template > 0)
    artists.draw_points(ax, edges, counts, inverse, markersize=2.5)
    ax.axhline(1, color=EXPECTED, linewidth=1, zorder=1)
    ratio = counts * inverse
    sure = ratio[np.isfinite(ratio) & (counts >= 25)]
    reach = float(np.clip(1.3 * np.max(np.abs(sure - 1), initial=0.0), 0.2, SPAN))
    ax.set_ylim(1 - reach, 1 + reach)
    step = round(0.6 * reach, 1)
    ax.set_yticks([1 - step, 1, 1 + step])
    centres = 0.5 * (edges[1:] + edges[:-1])
    for marker, beyond, height in (("^", ratio > 1 + reach, 0.93), ("v", ratio < 1 - reach, 0.07)):
        ax.plot(
            centres[beyond],
            np.full(int(beyond.sum()), height),
            marker,
            color=NEUTRAL,
            markersize=3,
            transform=ax.get_xaxis_transform(),
        )
