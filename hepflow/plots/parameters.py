"""Rows of fit parameters: their names on an axis, and their pulls in a panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.textpath import TextPath
from matplotlib.ticker import MultipleLocator, NullLocator

from hepflow.plots import artists
from hepflow.plots.style import DATA, NEUTRAL, ONE_SIGMA, TWO_SIGMA

if TYPE_CHECKING:
    from hepflow.stats.diagnostics import Pulls

ROW = 0.19  # inches
SIZE = 8.0  # points
LONGEST = 34  # characters of a name
LEAST = 2.6  # the axis of pulls reaches at least so far

PULL = r"Pull $(\hat\theta - \theta_0)\,/\,\Delta\theta$"


def shown(names: Sequence[str]) -> list[str]:
    """Return names as they are written, the longest with their middle left out."""
    half = (LONGEST - 1) // 2
    short = [name if len(name) <= LONGEST else f"{name[:half]}…{name[-half:]}" for name in names]
    return [name.replace("$", r"\$") for name in short]


def margin(names: Sequence[str], size: float = SIZE) -> float:
    """Return the room in inches that the names need beside an axis."""
    widths = [TextPath((0, 0), name, size=size).get_extents().width for name in shown(names) if name]
    return (max(widths, default=0.0) + 10) / 72


def set_rows(ax: Axes, names: Sequence[str]) -> None:
    """Give each parameter a row, the first on top."""
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_yticks(range(len(names)), shown(names), size=SIZE)
    ax.yaxis.set_minor_locator(NullLocator())
    ax.tick_params(axis="y", which="both", length=0)


def legend_below(figure: Canvas, entries: Mapping[str, Any], columns: int) -> None:
    """Put a legend below all axes, up to their right end."""
    place: dict[str, Any] = {
        "loc": "lower right",
        "bbox_to_anchor": (figure.subplotpars.right, 0),
        "borderaxespad": 0.2,
    }
    figure.legend(entries.values(), entries.keys(), ncols=columns, columnspacing=1.2, **place)


def draw_pulls(ax: Axes, parameters: Pulls, rows: Sequence[int]) -> dict[str, Any]:
    """Draw a pull with its post-fit error a row, over bands of one and two sigma; return the entries of a legend.

    A parameter without a constraint has no pull: its value stands in the row.
    """
    places, chosen = np.arange(len(rows)), list(rows)
    pulls, errors = parameters.pulls[chosen], parameters.constraints[chosen]
    for reach, colour in ((2, TWO_SIGMA), (1, ONE_SIGMA)):
        ax.axvspan(-reach, reach, facecolor=_lighter(colour), linewidth=0, zorder=0)
    ax.axvline(0, color="black", linewidth=0.7, linestyle=":", zorder=1)
    held = np.isfinite(pulls)
    points: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 3.5, "elinewidth": 1.1}
    ax.errorbar(pulls[held], places[held], xerr=errors[held], color=DATA, zorder=3, **points)
    for place in places[~held]:
        text = _value(parameters.values[chosen[place]], parameters.errors[chosen[place]])
        box = {"facecolor": "white", "edgecolor": NEUTRAL, "linewidth": 0.5, "boxstyle": "round,pad=0.15"}
        ax.text(0, place, text, ha="center", va="center_baseline", size=SIZE - 1.5, zorder=4, bbox=box)
    widest = float(np.max(np.abs(pulls[held]) + errors[held], initial=LEAST / 1.08)) * 1.08
    ax.set_xlim(-widest, widest)
    ax.xaxis.set_major_locator(MultipleLocator(1 if widest < 5 else np.ceil(widest / 4)))
    ax.xaxis.set_minor_locator(NullLocator())
    return {
        "Fit": Line2D([], [], color=DATA, marker="o", markersize=3.5, linewidth=1.1),
        r"$\pm 1\,\sigma$": Patch(facecolor=_lighter(ONE_SIGMA)),
        r"$\pm 2\,\sigma$": Patch(facecolor=_lighter(TWO_SIGMA)),
    }


def _lighter(colour: str) -> tuple[float, float, float]:
    """Return a band's colour mixed with white, so that black bars stand out on it and bands do not mix."""
    red, green, blue = 0.6 * np.array(to_rgb(colour)) + 0.4
    return float(red), float(green), float(blue)


def _value(value: float, error: float) -> str:
    return artists.with_error(value, error) if np.isfinite(error) else "not determined"
