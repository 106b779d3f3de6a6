"""The F-test for the order of a smooth function: chi2 and p-values of each order, and their table beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from hepflow.plots import artists
from hepflow.plots.figure import Figure, canvas, finished, header, stacked
from hepflow.plots.label import Label
from hepflow.plots.p_values import p_text
from hepflow.plots.style import DATA, NEUTRAL, SIGNAL, WIDTH, styled
from hepflow.sample import FloatArray

if TYPE_CHECKING:
    from hepflow.smooth import SmoothFit

LEVEL = 0.05  # below, a test asks for one more parameter
FLOOR = 1e-5  # of the axis of p-values; smaller ones are arrows
COLUMNS = ("Shape\nparameters", r"$\chi^2$ / ndf", "Goodness-of-fit\n$p$", "F-test\n$p$")
PLACES = (0.12, 0.37, 0.64, 0.9)  # of the columns, in units of the table's width
TOP, ROW = 0.73, 0.14  # height of the first row, and of a row, in units of the table's height


@styled
def f_test(fit: SmoothFit, *, label: Label | str = "hepflow", right: str = "") -> Figure:
    """Draw chi2 / ndf and both p-values of every order that was tried, and list them beside.

    The order that was taken is shaded. The p-value of the F-test is that of the gain over one
    parameter fewer.

    Parameters
    ----------
    fit
        What `hepflow.smooth.fit_smooth` returned.
    label, right
        Text above the left and the right corner; by default the function on the right.
    """
    figure = canvas(1.85 * WIDTH, 3.4)
    grid = figure.add_gridspec(1, 2, width_ratios=(1, 1.15), wspace=0.1)
    upper, lower = stacked(figure, (1, 1.3), grid[0])
    table = figure.add_subplot(grid[1])
    orders = np.array([test.n_shape for test in fit.tests], dtype=np.float64)
    for ax in (upper, lower):
        taken = (fit.n_shape - 0.3, fit.n_shape + 0.3)
        ax.axvspan(*taken, facecolor=NEUTRAL, alpha=0.2, linewidth=0, zorder=0)
    _draw_chi2(upper, fit, orders)
    _draw_p_values(lower, fit, orders)
    lower.set_xlim(orders[0] - 0.6, orders[-1] + 0.6)
    lower.set_xticks(orders)
    lower.xaxis.set_minor_locator(NullLocator())
    lower.set_xlabel("Shape parameters")
    header(upper, label, right or f"{fit.function.name}: {fit.function.formula}", last=table)
    _draw_table(table, fit)
    return finished(figure)


def _draw_chi2(ax: Axes, fit: SmoothFit, orders: FloatArray) -> None:
    ratio = np.array([test.chi2 / test.ndf if test.ndf else np.nan for test in fit.tests])
    ax.plot(orders, ratio, "-o", color=DATA)
    ax.axhline(1, color=NEUTRAL, linewidth=0.8, linestyle=":", zorder=1)
    artists.set_range(ax, np.append(ratio, 1.0), 0.8)
    if ax.get_yscale() == "linear":
        ax.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    ax.set_ylabel(r"$\chi^2$ / ndf", loc="center")


def _draw_p_values(ax: Axes, fit: SmoothFit, orders: FloatArray) -> None:
    gains = artists.numbers(test.f_p_value for test in fit.tests)
    series: tuple[tuple[str, FloatArray, dict[str, Any]], ...] = (
        (
            "Goodness of fit",
            artists.numbers(test.p_value for test in fit.tests),
            {"color": DATA, "marker": "o"},
        ),
        ("F-test", gains, {"color": SIGNAL, "marker": "s", "linestyle": "--", "markerfacecolor": "white"}),
    )
    for name, p, look in series:
        ax.plot(orders, np.maximum(p, FLOOR), label=name, **look)
        below = p < FLOOR
        arrow: dict[str, Any] = {
            **look,
            "marker": "v",
            "markersize": 6,
            "linestyle": "none",
            "clip_on": False,
        }
        ax.plot(orders[below], np.full(int(below.sum()), FLOOR), **arrow)
    ax.axhline(LEVEL, color=NEUTRAL, linewidth=0.8, linestyle="--", zorder=1)
    near: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "size": 8, "color": NEUTRAL}
    ax.annotate(f"{LEVEL}", (1, LEVEL), (-4, 2), xycoords=("axes fraction", "data"), **near)
    ax.set_yscale("log")
    ax.set_ylim(FLOOR, 200)  # the legend stands above 1
    ax.set_yticks([1e-4, 1e-2, 1])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.legend(loc="upper right", ncols=2, columnspacing=1.2)
    ax.set_ylabel(r"$p$-value", loc="center")


def _draw_table(ax: Axes, fit: SmoothFit) -> None:
    ax.axis("off")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    _draw_row(ax, TOP + ROW, COLUMNS)
    for row, test in enumerate(fit.tests):
        height = TOP - ROW * row
        if test.n_shape == fit.n_shape:
            ax.axhspan(height - 0.5 * ROW, height + 0.5 * ROW, facecolor=NEUTRAL, alpha=0.2, linewidth=0)
        gain = "" if test.f_p_value is None else p_text(test.f_p_value)
        _draw_row(
            ax, height, (f"{test.n_shape}", f"{test.chi2:.1f} / {test.ndf}", p_text(test.p_value), gain)
        )


def _draw_row(ax: Axes, height: float, texts: Sequence[str]) -> None:
    for place, text in zip(PLACES, texts, strict=True):
        ax.text(place, height, text, ha="center", va="center", size=9)
