"""The classifier's score: data against template in the signal region, and where the cuts are."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from hepflow.plots import artists
from hepflow.plots.closure import NAMES
from hepflow.plots.figure import Figure, canvas, finished, header, stacked
from hepflow.plots.label import Label
from hepflow.plots.style import DATA, EXPECTED, NEUTRAL, SIGNAL, WIDTH, styled
from hepflow.results import Results
from hepflow.sample import FloatArray

DECADE = 10.0  # a logarithmic axis shorter than that has too few numbers
TOP = 0.82  # where the lines of the cuts end, below the legend


@styled
def scores(results: Results, *, label: Label | str = "hepflow") -> Figure:
    """Draw the score of data, template and, where there is one, signal (at strength one), with the cuts marked."""
    histogram = results.scores
    edges = artists.numbers(histogram.edges)
    series = {name: artists.numbers(counts) for name, counts in histogram.series.items()}
    template = series.get("template", np.zeros(len(edges) - 1))
    figure = canvas(WIDTH, 4.2)
    upper, lower = stacked(figure, (3.2, 1))
    upper.stairs(template, edges, fill=True, facecolor=(EXPECTED, 0.3), edgecolor=EXPECTED, linewidth=1.1)
    entries: dict[str, Any] = {}
    if "data" in series:
        artists.draw_points(upper, edges, series["data"])
        _draw_ratio(lower, edges, series["data"], template)
        entries[NAMES["data"]] = Line2D([], [], color=DATA, marker="o", markersize=3.5, linestyle="none")
    entries[NAMES["template"]] = Patch(facecolor=(EXPECTED, 0.3), edgecolor=EXPECTED)
    if "signal" in series:
        upper.stairs(series["signal"], edges, color=SIGNAL, linewidth=1.3)
        entries[r"Signal, $\mu$ = 1"] = Line2D([], [], color=SIGNAL, linewidth=1.3)
    artists.set_range(
        upper, np.concatenate([template, series.get("data", template)]), 0.72, floor=0.3, log=True
    )
    marked = False
    for cut in results.cuts:
        if cut.threshold is not None and edges[0] < cut.threshold < edges[-1]:
            marked = True
            for ax, top in ((upper, TOP), (lower, 1)):
                ax.axvline(cut.threshold, ymax=top, color=NEUTRAL, linewidth=0.8, linestyle="--", zorder=1)
            beside: dict[str, Any] = {
                "textcoords": "offset points",
                "rotation": 90,
                "ha": "right",
                "va": "top",
            }
            upper.annotate(
                artists.percent(cut.background_efficiency),
                (cut.threshold, TOP),
                (-2, 0),
                xycoords=upper.get_xaxis_transform(),
                size=8,
                color=NEUTRAL,
                **beside,
            )
    if marked:
        entries[r"Cuts at $\epsilon_B$"] = Line2D([], [], color=NEUTRAL, linewidth=0.8, linestyle="--")
    upper.legend(entries.values(), entries.keys(), loc="upper right", ncols=2, columnspacing=1.2)
    upper.set_ylabel("Events / bin")
    lower.set_ylabel("Data / templ.", loc="center")
    lower.set_xlabel(histogram.label[:1].upper() + histogram.label[1:])
    lower.set_xlim(edges[0], edges[-1])
    header(upper, label, f"{results.name}, {results.method}, {histogram.where}")
    return finished(figure)


def _draw_ratio(ax: Axes, edges: FloatArray, counts: FloatArray, template: FloatArray) -> None:
    """Draw data over template; on a logarithmic axis where a signal makes it large."""
    inverse = np.divide(1.0, template, out=np.full(len(template), np.nan), where=template > 0)
    artists.draw_points(ax, edges, counts, inverse, markersize=2.5)
    ax.axhline(1, color=EXPECTED, linewidth=1, zorder=1)
    ratio = counts * inverse
    seen = ratio[np.isfinite(ratio) & (ratio > 0)]
    large = float(np.max(seen, initial=1.5)) > DECADE * float(np.min(seen, initial=1.0))
    artists.set_range(ax, np.append(seen, 1.5), 0.85, log=large)
    if not large:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
