"""The correlation matrix of a fit, with its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import NullLocator

from hepflow.plots import parameters
from hepflow.plots.figure import TOP, Figure, canvas, finished, header
from hepflow.plots.style import styled

if TYPE_CHECKING:
    from hepflow.stats.diagnostics import Correlations

CELLS = (0.24, 0.42)  # inches: of many parameters, and of few
FEW = 12
BAR = 0.8  # inches on the right, for the colours and their axis
LEAST = 2.4  # inches across, for the title of the colours


@styled
def correlations(result: Correlations, *, label: str = "hepflow", right: str = "") -> Figure:
    """Draw correlation coefficients in percent; what rounds to zero is left empty.

    Parameters
    ----------
    result
        What `hepflow.stats.correlations` returned; its `threshold` leaves out what moves alone.
    label, right
        Text above the left and the right corner.
    """
    count = len(result.names)
    cell = max(CELLS[0] if count > FEW else CELLS[1], LEAST / count)
    margin = parameters.margin(result.names)
    width, height = margin + cell * count + BAR, TOP + cell * count + margin
    figure = canvas(width, height, left=margin, right=BAR, bottom=margin)
    ax = figure.subplots()
    image = ax.imshow(100 * result.matrix, cmap="RdBu_r", vmin=-100, vmax=100, aspect="auto")
    size = min(cell * 27, 9.0)
    for row, column in np.argwhere(np.abs(result.matrix) >= 0.005):
        value = 100 * result.matrix[row, column]
        colour = "white" if abs(value) > 60 else "black"
        text = f"{value:.0f}".replace("-", "−")
        ax.text(column, row, text, ha="center", va="center_baseline", size=size, color=colour)
    names = parameters.shown(result.names)
    ax.set_xticks(range(count), names, size=parameters.SIZE, rotation=90)
    ax.set_yticks(range(count), names, size=parameters.SIZE)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_locator(NullLocator())
    ax.tick_params(which="both", length=0)
    header(ax, label, right)
    drawn = finished(figure)
    bar = figure.add_axes((1 - (BAR - 0.1) / width, margin / height, 0.13 / width, cell * count / height))
    figure.colorbar(image, cax=bar, ticks=[-100, -50, 0, 50, 100])
    bar.tick_params(which="both", length=0, labelsize=parameters.SIZE)
    bar.minorticks_off()
    bar.set_ylabel("Correlation [%]", size=9, labelpad=0)
    return drawn
