"""What is expected without signal along an axis: the median as a dashed line, bands of one and two sigma."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hepflow.plots.style import ONE_SIGMA, TWO_SIGMA
from hepflow.sample import FloatArray


def draw_bands(ax: Axes, x: FloatArray, expected: FloatArray) -> dict[str, Any]:
    """Draw values expected at -2 to 2 sigma (N, 5) along `x` (N,), and return the entries of the legend.

    Line and bands break off where values are NaN.
    """
    for inner, colour in ((0, TWO_SIGMA), (1, ONE_SIGMA)):
        band: dict[str, Any] = {"facecolor": colour, "linewidth": 0, "zorder": 2 + inner}
        ax.fill_between(x, expected[:, inner], expected[:, 4 - inner], **band)
    median: dict[str, Any] = {"color": "black", "linestyle": "--", "linewidth": 1.1}
    ax.plot(x, expected[:, 2], zorder=4, **median)
    return {
        "Expected": Line2D([], [], **median),
        r"$\pm 1\,\sigma$": Patch(facecolor=ONE_SIGMA),
        r"$\pm 2\,\sigma$": Patch(facecolor=TWO_SIGMA),
    }
