"""The distribution of a statistic in toys, with what was observed marked."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from hepflow.plots import artists
from hepflow.plots.style import EXPECTED, SIGNAL
from hepflow.sample import FloatArray

BINS = 50
LEAST = 1.0  # range of the axis, where all toys are the same
FARTHEST = 2.5  # times the range of the toys: an observed value beyond is an arrow at the edge
FILLED = 0.66  # share of the height below the highest bin; legend and text stand above
MARKED = 0.6  # height of the mark


def binning(toys: FloatArray, observed: float) -> FloatArray:
    """Return edges of bins that hold all toys (T,), and what was observed unless it is far beyond."""
    low, high = min(float(np.min(toys)), observed), float(np.max(toys))
    reach = max(high - low, LEAST)
    low = min(low, max(low - 0.04 * reach, 0.0))
    return np.linspace(low, low + 1.08 * max(reach, min(observed - low, FARTHEST * reach)), BINS + 1)


def draw_toys(ax: Axes, toys: FloatArray, edges: FloatArray, *, log: bool) -> dict[str, Any]:
    """Draw a histogram of the statistics (T,) of toys, set both axes, and return the entry of the legend."""
    counts = np.histogram(toys, edges)[0].astype(np.float64)
    look: dict[str, Any] = {"facecolor": (EXPECTED, 0.3), "edgecolor": EXPECTED}
    ax.stairs(counts, edges, fill=True, linewidth=1.1, **look)
    artists.set_range(ax, counts, FILLED, floor=0.5, log=log)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylabel(f"Toys / {edges[1] - edges[0]:.2g}")
    return {f"{len(toys):,} toys": Patch(**look)}


def mark_observed(ax: Axes, observed: float) -> dict[str, Any]:
    """Mark what was observed with a line, or an arrow where it lies beyond the axis; return the legend's entry."""
    height: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "color": SIGNAL, "zorder": 5}
    low, high = ax.get_xlim()
    if observed <= high:
        (mark,) = ax.plot([observed, observed], [0, MARKED], linewidth=1.6, **height)
    else:
        at = low + 0.97 * (high - low)
        (mark,) = ax.plot([at], [0.5 * MARKED], linestyle="none", marker=">", markersize=7, **height)
    value = f"{observed:,.0f}" if observed >= 100 else f"{observed:.3g}"
    return {f"Observed, {value}": mark}
