"""A grid of quantities: a panel for each, and a narrow one with a ratio below it."""

from __future__ import annotations

from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from hepflow.errors import ConfigError
from hepflow.plots.figure import TOP, WIDE, canvas, header, stacked
from hepflow.plots.label import Label

ACROSS = 4  # panels in a row
PANEL = (3.6, 2.6, 2.1)  # inches across: of one panel, of two, and of more in a row
HEIGHT, BELOW, BESIDE = 1.85, 0.5, 0.42  # inches: of a panel, and between panels
BOTTOM = 0.56  # inches, for the axis of the lowest panels


def panels(count: int, left: str, label: Label | str, right: str) -> tuple[Canvas, list[tuple[Axes, Axes]]]:
    """Return a figure and its pairs of axes, the ratio's below the other.

    Parameters
    ----------
    count
        How many quantities there are.
    left
        Title of the upper axes on the left.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if count < 1:
        raise ConfigError("there are no quantities to draw")
    columns = min(ACROSS, count)
    rows = ceil(count / columns)
    panel = PANEL[min(columns, len(PANEL)) - 1]
    width = WIDE + columns * panel + (columns - 1) * BESIDE + 0.22
    height = TOP + rows * HEIGHT + (rows - 1) * BELOW + BOTTOM
    figure = canvas(width, height, left=WIDE, bottom=BOTTOM)
    grid = figure.add_gridspec(rows, columns, hspace=BELOW / HEIGHT, wspace=BESIDE / panel)
    pairs: list[tuple[Axes, Axes]] = []
    for number in range(count):
        upper, lower = stacked(figure, (2.2, 1.0), grid[number // columns, number % columns])
        if number % columns == 0:
            upper.set_ylabel(left, size=9.5)
            lower.set_ylabel("Ratio", size=9.5, loc="center")
        for ax in (upper, lower):
            ax.tick_params(labelsize=8)
        pairs.append((upper, lower))
    header(pairs[0][0], label, right, last=pairs[columns - 1][0])
    return figure, pairs
