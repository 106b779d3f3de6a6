"""Generated events beside real ones: a panel for each quantity, with their ratio below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from hepflow.plots import artists
from hepflow.plots.figure import Figure, footnotes
from hepflow.plots.label import Label
from hepflow.plots.panels import panels as grid
from hepflow.plots.style import DATA, EXPECTED, NEUTRAL, styled
from hepflow.sample import FloatArray

NOTE = (
    "Points: real events that were held out. Line and band: generated events, with the error of their training. "
    "Below: real over generated."
)
FARTHEST = 0.5  # from one, of ratios that are shown


@dataclass(frozen=True, eq=False)
class Panel:
    """A quantity in bins.

    Parameters
    ----------
    axis
        Its label and unit.
    edges
        Of the bins, shape ``(B + 1,)``.
    generated, error
        Expected events and their error with that of the training, shape ``(B,)``.
    real, real_error
        Events that nothing learned from, and their error, shape ``(B,)``.
    """

    axis: str
    edges: FloatArray
    generated: FloatArray
    error: FloatArray
    real: FloatArray
    real_error: FloatArray


@styled
def generated_features(
    panels: Sequence[Panel],
    *,
    label: Label | str = "hepflow",
    right: str = "",
    vertical: str = "Events",
    note: str = NOTE,
) -> Figure:
    """Draw generated and held-out events, a panel for each quantity, and below each what these are over those.

    Parameters
    ----------
    panels
        The quantities.
    label, right
        Text above the left and the right corner.
    vertical
        What is counted or averaged in bins.
    note
        Stands below the figure.

    Raises
    ------
    ConfigError
        If there is no panel.
    """
    figure, pairs = grid(len(panels), vertical, label, right)
    beyond = [_draw(upper, lower, one) for (upper, lower), one in zip(pairs, panels, strict=True)]
    footnotes(figure, note, artists.BEYOND if any(beyond) else "")
    return Figure(figure)


def _draw(upper: Axes, lower: Axes, panel: Panel) -> bool:
    """Draw one quantity; return whether a ratio lies beyond its axis."""
    edges, centres = panel.edges, 0.5 * (panel.edges[1:] + panel.edges[:-1])
    artists.draw_expected(upper, edges, panel.generated, panel.error)
    look: dict[str, Any] = {"color": DATA, "marker": "o", "markersize": 1.8, "elinewidth": 0.7, "zorder": 5}
    there = panel.real > 0
    upper.errorbar(centres[there], panel.real[there], panel.real_error[there], linestyle="none", **look)
    artists.set_range(upper, np.concatenate([panel.generated, panel.real]), 0.92)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, bar = panel.real / panel.generated, panel.real_error / panel.generated
        band = panel.error / panel.generated
    known = there & np.isfinite(ratio)
    inside = np.where(np.isfinite(band), np.minimum(band, 1.0), 0.0)
    lower.stairs(1 + inside, edges, baseline=1 - inside, fill=True, color=EXPECTED, alpha=0.35, linewidth=0)
    lower.errorbar(centres[known], ratio[known], bar[known], linestyle="none", **look)
    lower.axhline(1, color=NEUTRAL, linewidth=0.7, zorder=1)
    farthest = float(np.max(np.abs(ratio[known] - 1), initial=0.1))
    span = min(1.15 * farthest, FARTHEST)
    lower.set_ylim(1 - span, 1 + span)
    lower.yaxis.set_major_locator(MaxNLocator(nbins=3))
    lower.set_xlim(edges[0], edges[-1])
    lower.set_xlabel(panel.axis, size=9.5, labelpad=2)
    counted = bool(np.all(np.diff(edges) == 1)) and edges[0] % 1 == 0.5  # whole numbers, one a bin
    lower.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=counted))
    return artists.point_beyond(lower, edges, np.where(known, ratio, np.nan))
