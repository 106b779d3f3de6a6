"""Data at detector level beside the simulation as it was, and with the unfolded weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hepflow.errors import ConfigError
from hepflow.plots import artists
from hepflow.plots.figure import WIDE, Figure, canvas, finished, footnotes, header, stacked
from hepflow.plots.label import Label
from hepflow.plots.style import DATA, EXPECTED, NEUTRAL, SIGNAL, WIDTH, styled
from hepflow.sample import FloatArray

FARTHEST = 1.0  # from one, of ratios that are shown
NOTE = (
    "Below: data over the refolded simulation, with the error of both; dashed: over the simulation as it was."
)


@styled
def refolded(
    name: str,
    edges: FloatArray,
    data: tuple[FloatArray, FloatArray],
    again: FloatArray,
    simulation: FloatArray,
    *,
    error: FloatArray | None = None,
    unit: str = "",
    label: Label | str = "hepflow",
    right: str = "",
) -> Figure:
    """Draw a reconstructed distribution of data, of the simulation, and of this weighted.

    Parameters
    ----------
    name
        Of the reconstructed quantity, for the axis.
    edges
        Of the bins, shape ``(B + 1,)``.
    data
        Yields and errors, ``(B,)`` each.
    again, simulation
        Yields of the simulation with the unfolded weights, and with its own, ``(B,)``.
    error
        Of data less the weighted simulation; that of data if left out.
    unit
        Of the quantity.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If the shapes disagree.
    """
    given = (*data, again, simulation)
    if any(one.shape != (len(edges) - 1,) for one in given):
        raise ConfigError(f"refolded: shapes {[one.shape for one in given]} for {len(edges) - 1} bins")
    figure = canvas(WIDTH, 4.4, left=WIDE)
    upper, lower = stacked(figure, (2.2, 1.0))
    centres, width = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
    points: dict[str, Any] = {"color": DATA, "marker": "o", "markersize": 3, "linestyle": "none"}
    upper.errorbar(centres, data[0] / width, data[1] / width, elinewidth=0.8, zorder=5, **points)
    upper.stairs(again / width, edges, baseline=None, color=EXPECTED, linewidth=1.3, zorder=3)
    dashed: dict[str, Any] = {"color": SIGNAL, "linestyle": "--", "linewidth": 1.1}
    upper.stairs(simulation / width, edges, baseline=None, zorder=2, **dashed)
    artists.set_range(upper, np.concatenate([data[0], again, simulation]) / np.tile(width, 3), 0.72)
    entries = {
        "Data": Line2D([], [], **points),
        "Refolded": Line2D([], [], color=EXPECTED),
        "Simulation as it was": Line2D([], [], **dashed),
    }
    upper.legend(entries.values(), entries.keys(), loc="upper right")
    upper.set_ylabel(f"Events / {unit or 'unit'}")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, bar = data[0] / again, (data[1] if error is None else error) / again
        before = data[0] / simulation
    known = np.isfinite(ratio) & (data[0] > 0)
    lower.errorbar(centres[known], ratio[known], bar[known], elinewidth=0.8, zorder=5, **points)
    lower.stairs(np.where(np.isfinite(before), before, np.nan), edges, baseline=None, **dashed)
    lower.axhline(1, color=NEUTRAL, linewidth=0.7, zorder=1)
    away = np.abs(np.concatenate([ratio[known], before[np.isfinite(before)]]) - 1)
    span = min(1.2 * float(np.max(away, initial=0.05)), FARTHEST)
    lower.set_ylim(1 - span, 1 + span)
    beyond = artists.point_beyond(lower, edges, np.where(known, ratio, np.nan))
    lower.yaxis.set_major_locator(MaxNLocator(nbins=4))
    lower.set_ylabel("Ratio", loc="center")
    lower.set_xlim(edges[0], edges[-1])
    lower.set_xlabel(name)
    header(upper, label, right)
    footnotes(figure, NOTE, artists.BEYOND if beyond else "")
    return finished(figure)
