"""What the figures of a comparison share: how each method looks, and a legend for many of them."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from hepflow.plots.style import DATA, MARKERS, SEQUENCE
from hepflow.studies.comparison.record import Comparison
from hepflow.studies.comparison.summary import Summary

# a colour, a marker and a dash of its own for each method, none of which needs the others to be told apart
COLOURS = (*SEQUENCE[1:], "#e76300", "#2b2d7c", "#d6589f")
DASHES: tuple[Any, ...] = ("-", (0, (6, 1.5)), (0, (6, 1.5, 1, 1.5)))
REFERENCES: tuple[Any, ...] = ((0, (4, 2)), (0, (1, 1.5)))
LEGEND = 1.35  # inches beside the axes

Look = dict[str, Any]


def looks(comparison: Comparison) -> dict[str, Look]:
    """Return colour, marker and dashes of each method by name; references, which use truth, are black and open."""
    found: dict[str, Look] = {}
    references = 0
    for one in comparison.results:
        if one.method in found:
            continue
        number = len(found) - references
        look: Look = {
            "color": COLOURS[number % len(COLOURS)],
            "marker": MARKERS[number % len(MARKERS)],
            "linestyle": DASHES[number % len(DASHES)],
        }
        if one.uses_truth:
            look = {
                "color": DATA,
                "marker": MARKERS[references % len(MARKERS)],
                "linestyle": REFERENCES[references % len(REFERENCES)],
                "markerfacecolor": "white",
            }
            references += 1
        found[one.method] = look
    return found


def chosen(comparison: Comparison, injected: int) -> list[Summary]:
    """Return the summaries of all methods at one injection."""
    return [one for one in comparison.summary() if one.injected == injected]


def legend_beside(figure: Canvas, entries: dict[str, Look], *, markers: bool = True) -> None:
    """Put the methods' names to the right of all axes."""
    hidden: Look = {} if markers else {"marker": "none"}
    lines = [Line2D([], [], **{**look, **hidden}) for look in entries.values()]
    edge = figure.subplotpars.right + 0.08 / figure.get_size_inches()[0]
    figure.legend(
        lines,
        entries.keys(),
        loc="upper left",
        bbox_to_anchor=(edge, figure.subplotpars.top),
        borderaxespad=0,
        borderpad=0,
        handlelength=2.4,
    )


def named(comparison: Comparison, injected: int) -> str:
    """Return which data a figure shows, for its upper right corner."""
    seeds = max((one.seeds for one in chosen(comparison, injected)), default=0)
    return f"{comparison.name}, {injected:,} injected, {seeds} seed{'s' * (seeds != 1)}"
