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
from hepflow.plots.figure import TOP, WIDE, Figure, canvas, finished, footnotes, header, stacked
from hepflow.plots.label import Label
from hepflow.plots.p_values import p_text
from hepflow.plots.style import DATA, EXPECTED, WIDTH, styled
from hepflow.results import Histogram
from hepflow.sample import FloatArray

NAMES = {"data": "Data", "background": "True background", "template": "Template", "signal": "Signal"}
BAND = r"$\pm 1\,\sigma$ of the template"
BELOW = 0.56  # inches between rows, for labels with indices
LEAST, SPAN = 0.2, 0.5  # the ratio's axis shows 1 -+ as much at least, and at most
SURE = 25  # events of a bin whose ratio decides what the axis shows
FILLED = 0.62  # share of the upper panel below the largest count
TESTED = "p: of chi2 between template and data, with the statistical errors of both."


@styled
def closure(histograms: Sequence[Histogram], *, label: Label | str = "hepflow", right: str = "") -> Figure:
    """Draw features of the template against those of the events it stands for, with their ratio below.

    All ratios have one axis. Each feature has its chi2 and p-value, where the record has them.

    Parameters
    ----------
    histograms
        One a feature, with the series ``template`` and either ``data`` or ``background``.
    label, right
        Text above the left and the right corner.
    """
    columns = 2 if len(histograms) == 4 else min(len(histograms), 3)
    rows = ceil(len(histograms) / columns)
    wide, high = (WIDTH if columns == 1 else 2.3), 2.5  # of one cell, inches
    figure = canvas(columns * (wide + WIDE) + 0.2, rows * (high + BELOW) + TOP, left=WIDE, bottom=BELOW)
    grid = figure.add_gridspec(rows, columns, wspace=WIDE / wide, hspace=BELOW / high)
    reach, beyond = _reach(histograms), False
    corners: list[Axes] = []
    entries: dict[str, Any] = {}
    for index, histogram in enumerate(histograms):
        row, column = divmod(index, columns)
        upper, lower = stacked(figure, (2.6, 1), grid[row, column])
        entries = _draw(upper, lower, histogram, reach) | entries
        beyond |= artists.point_beyond(lower, artists.numbers(histogram.edges), _ratio(histogram))
        if column == 0:
            upper.set_ylabel("Events / bin")
            lower.set_ylabel("Ratio", loc="center")
        if row == 0:
            corners.append(upper)
    first = corners[0]
    place: dict[str, Any] = {"loc": "upper right", "bbox_to_anchor": (1, 0.92), "borderaxespad": 0.4}
    first.legend(entries.values(), entries.keys(), fontsize=8, **place)
    header(first, label, right, last=corners[-1])
    tested = any(histogram.chi2 is not None for histogram in histograms)
    footnotes(figure, TESTED if tested else "", artists.BEYOND if beyond else "")
    return finished(figure)


def _series(histogram: Histogram) -> tuple[str, FloatArray | None, FloatArray]:
    """Return what the template stands for, by name and counts (B,), and the template's (B,)."""
    bins = len(histogram.edges) - 1
    observed = "background" if "background" in histogram.series else "data"
    counts = histogram.series.get(observed)
    template = artists.numbers(histogram.series.get("template", (None,) * bins))
    return observed, None if counts is None else artists.numbers(counts), template


def _inverse(template: FloatArray) -> FloatArray:
    found: FloatArray = np.divide(1.0, template, out=np.full(len(template), np.nan), where=template > 0)
    return found


def _ratio(histogram: Histogram) -> FloatArray:
    _, counts, template = _series(histogram)
    return np.full(len(template), np.nan) if counts is None else counts * _inverse(template)


def _reach(histograms: Sequence[Histogram]) -> float:
    """Return how far the axis of all ratios reaches from one: to those of well-filled bins."""
    farthest = LEAST / 1.3
    for histogram in histograms:
        _, counts, _ = _series(histogram)
        if counts is not None:
            ratio = _ratio(histogram)
            sure = ratio[np.isfinite(ratio) & (counts >= SURE)]
            farthest = max(farthest, float(np.max(np.abs(sure - 1), initial=0.0)))
    return min(1.3 * farthest, SPAN)


def _draw(upper: Axes, lower: Axes, histogram: Histogram, reach: float) -> dict[str, Any]:
    """Draw one feature, and return the entries of its legend."""
    edges = artists.numbers(histogram.edges)
    observed, counts, template = _series(histogram)
    error = artists.numbers(histogram.template_error or (0.0,) * len(template))
    upper.stairs(template, edges, fill=True, facecolor=(EXPECTED, 0.3), edgecolor=EXPECTED, linewidth=1.1)
    entries: dict[str, Any] = {}
    shown = [template]
    if counts is not None:
        artists.draw_points(upper, edges, counts, markersize=2.5)
        entries[NAMES[observed]] = Line2D([], [], color=DATA, marker="o", markersize=2.5, linestyle="none")
        shown.append(artists.upper_ends(counts))
        _draw_ratio(lower, edges, counts, template)
    entries[NAMES["template"]] = Patch(facecolor=(EXPECTED, 0.3), edgecolor=EXPECTED)
    if histogram.template_error:
        relative = np.nan_to_num(error * _inverse(template))
        band: dict[str, Any] = {"facecolor": (EXPECTED, 0.35), "linewidth": 0}
        lower.stairs(1 + relative, edges, baseline=1 - relative, fill=True, zorder=1, **band)
        entries[BAND] = Patch(**band)
    artists.set_range(upper, np.concatenate(shown), FILLED, log=False)
    if histogram.chi2 is not None and histogram.p_value is not None:
        told = rf"$\chi^2$ / ndf = {histogram.chi2:.1f} / {histogram.ndf},  $p$ = {p_text(histogram.p_value)}"
        upper.text(0.96, 0.965, told, transform=upper.transAxes, ha="right", va="top", size=8)
    lower.set_ylim(1 - reach, 1 + reach)
    step = max(round(0.6 * reach, 1), 0.1)
    lower.set_yticks([1 - step, 1, 1 + step])
    lower.set_xlim(edges[0], edges[-1])
    lower.set_xlabel(histogram.label)
    lower.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    return entries


def _draw_ratio(ax: Axes, edges: FloatArray, counts: FloatArray, template: FloatArray) -> None:
    artists.draw_points(ax, edges, counts, _inverse(template), markersize=2.5)
    ax.axhline(1, color=EXPECTED, linewidth=1, zorder=1)
