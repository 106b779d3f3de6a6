"""An unfolded distribution with its errors, beside the simulation and a reference, and their ratios below."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from hepflow.errors import ConfigError
from hepflow.plots import artists
from hepflow.plots.figure import WIDE, Figure, canvas, finished, footnotes, header, stacked
from hepflow.plots.label import Label
from hepflow.plots.style import DATA, EXPECTED, SIGNAL, WIDTH, styled
from hepflow.quantity import Quantity
from hepflow.sample import FloatArray

FARTHEST = 1.0  # from one, of ratios that are shown
NOTE = "Below: over what was unfolded. Dark band: statistical error; light band: all errors together."


@styled
def unfolded(
    quantity: Quantity,
    edges: FloatArray,
    values: FloatArray,
    errors: tuple[FloatArray, FloatArray],
    simulation: FloatArray,
    *,
    reference: tuple[str, FloatArray, FloatArray] | None = None,
    label: Label | str = "hepflow",
    right: str = "",
) -> Figure:
    """Draw unfolded yields over the width of their bins, and the ratios of others to them.

    Parameters
    ----------
    quantity
        What is unfolded.
    edges
        Of the bins, shape ``(B + 1,)``.
    values, errors
        Yields, and their statistical and total errors, each ``(B,)``.
    simulation
        What was simulated, ``(B,)``.
    reference
        Name, yields and errors by another method.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If the shapes disagree.
    """
    given = (values, *errors, simulation, *(() if reference is None else reference[1:]))
    if any(one.shape != (len(edges) - 1,) for one in given):
        raise ConfigError(f"unfolded: shapes {[one.shape for one in given]} for {len(edges) - 1} bins")
    figure = canvas(WIDTH, 4.6, left=WIDE)
    upper, lower = stacked(figure, (2.2, 1.0))
    width = np.diff(edges)
    _draw(upper, edges, width, values, errors, simulation, reference)
    safe = np.where(values > 0, values, np.nan)
    _draw(lower, edges, safe, values, errors, simulation, reference)
    shown = [values + errors[1], simulation, *(() if reference is None else reference[1:2])]
    artists.set_range(upper, np.concatenate(shown) / np.tile(width, len(shown)), 0.72)
    entries: dict[str, Any] = {
        "Unfolded, total error": (Patch(facecolor=(EXPECTED, 0.3)), Line2D([], [], color=EXPECTED)),
        "Simulation": Line2D([], [], color=SIGNAL, linestyle="--"),
    }
    if reference is not None:
        look: dict[str, Any] = {"color": DATA, "marker": "o", "linestyle": "none", "markersize": 3}
        entries[f"Reference: {reference[0]}"] = Line2D([], [], **look)
    upper.legend(entries.values(), entries.keys(), loc="upper right")
    upper.set_ylabel(f"Events / {quantity.unit or 'unit'}")
    ratios = [simulation / safe, 1 + errors[1] / safe, *(() if reference is None else [reference[1] / safe])]
    away = np.abs(np.concatenate(ratios) - 1)
    span = min(1.2 * float(np.max(away[np.isfinite(away)], initial=0.05)), FARTHEST)
    lower.set_ylim(1 - span, 1 + span)
    lower.yaxis.set_major_locator(MaxNLocator(nbins=4))
    lower.set_ylabel("Ratio", loc="center")
    lower.set_xlim(edges[0], edges[-1])
    lower.set_xlabel(quantity.axis)
    header(upper, label, right)
    footnotes(figure, NOTE)
    return finished(figure)


def _draw(
    ax: Axes,
    edges: FloatArray,
    scale: FloatArray,
    values: FloatArray,
    errors: tuple[FloatArray, FloatArray],
    simulation: FloatArray,
    reference: tuple[str, FloatArray, FloatArray] | None,
) -> None:
    """Draw everything over `scale`: the width of bins, or what was unfolded."""
    middle = np.nan_to_num(values / scale, nan=1.0)
    for error, alpha in zip(errors[::-1], (0.25, 0.35), strict=True):
        half = np.nan_to_num(error / scale)
        ax.stairs(
            middle + half,
            edges,
            baseline=np.maximum(middle - half, 0),
            fill=True,
            color=EXPECTED,
            alpha=alpha,
            lw=0,
        )
    ax.stairs(middle, edges, baseline=None, color=EXPECTED, linewidth=1.2, zorder=3)
    ax.stairs(simulation / scale, edges, baseline=None, color=SIGNAL, linestyle="--", linewidth=1.1, zorder=2)
    if reference is not None:
        centres = 0.5 * (edges[1:] + edges[:-1])
        look: dict[str, Any] = {"color": DATA, "marker": "o", "markersize": 3, "elinewidth": 0.8, "zorder": 5}
        ax.errorbar(centres, reference[1] / scale, reference[2] / scale, linestyle="none", **look)
