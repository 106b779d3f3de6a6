"""A matrix of percentages with its numbers: of fit parameters, and of methods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import NullLocator

from hepflow.plots import parameters
from hepflow.plots.figure import TOP, Figure, canvas, finished, header
from hepflow.plots.label import Label
from hepflow.sample import FloatArray

CELLS = (0.24, 0.42)  # inches: of many rows, and of few
FEW = 12
BAR = 0.8  # inches on the right, for the colours and their axis
LEAST = 3.2  # inches across, for the title of the colours


def draw_matrix(
    matrix: FloatArray,
    names: Sequence[str],
    title: str,
    *,
    signed: bool = True,
    label: Label | str = "hepflow",
    right: str = "",
    most: float = 1.0,
) -> Figure:
    """Draw a matrix in percent; what rounds to zero, or is NaN, is left empty.

    Parameters
    ----------
    matrix
        Numbers from -1 or 0 to 1, shape ``(N, N)``.
    names
        Of rows and columns.
    title
        Of the colours.
    signed
        Whether numbers below zero can be.
    label, right
        Text above the left and the right corner.
    most
        Where the colours end.
    """
    count = len(names)
    cell = max(CELLS[0] if count > FEW else CELLS[1], LEAST / count)
    margin = parameters.margin(names)
    width, height = margin + cell * count + BAR, TOP + cell * count + margin
    figure = canvas(width, height, left=margin, right=BAR, bottom=margin)
    ax = figure.subplots()
    colours, least, dark = ("RdBu_r", -100 * most, 60 * most) if signed else ("Blues", 0, 65 * most)
    image = ax.imshow(100 * matrix, cmap=colours, vmin=least, vmax=100 * most, aspect="auto")
    size = min(cell * 27, 9.0)
    for row, column in np.argwhere(np.abs(matrix) >= 0.005):
        value = 100 * matrix[row, column]
        colour = "white" if abs(value) > dark else "black"
        text = f"{value:.0f}".replace("-", "−")
        ax.text(column, row, text, ha="center", va="center_baseline", size=size, color=colour)
    shown = parameters.shown(names)
    ax.set_xticks(range(count), shown, size=parameters.SIZE, rotation=90)
    ax.set_yticks(range(count), shown, size=parameters.SIZE)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_locator(NullLocator())
    ax.tick_params(which="both", length=0)
    header(ax, label, right)
    drawn = finished(figure)
    place = ax.get_position()
    bar = figure.add_axes((1 - (BAR - 0.1) / width, place.y0, 0.13 / width, place.height))
    figure.colorbar(image, cax=bar, ticks=np.linspace(least, 100 * most, 5))
    bar.tick_params(which="both", length=0, labelsize=parameters.SIZE)
    bar.minorticks_off()
    bar.set_ylabel(title, size=9, labelpad=3)
    return drawn
