"""CLs against signal strength, and the limits where it falls to one less the confidence level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from scipy.interpolate import PchipInterpolator

from hepflow.plots.bands import draw_bands
from hepflow.plots.figure import Figure, canvas, finished, header
from hepflow.plots.label import Label
from hepflow.plots.style import DATA, SIGNAL, WIDTH, styled
from hepflow.sample import FloatArray

if TYPE_CHECKING:
    from hepflow.stats.limits import CLsScan, UpperLimit

LOWEST, HIGHEST = 2e-3, 12.0  # of the axis; the legend stands above 1
SMALLEST = 1e-9  # CLs whose logarithm is taken
FINE = 501
POINTS: dict[str, Any] = {"color": DATA, "marker": "o", "markersize": 3, "elinewidth": 0.9}


@styled
def cls_scan(result: CLsScan, *, label: Label | str = "hepflow", right: str = "") -> Figure:
    """Draw observed and expected CLs against the signal strength, and mark both limits.

    Where CLs comes from toys, points with their statistical errors are the strengths at which toys were thrown. Of a
    blinded result, whose observed values are NaN, only what is expected is drawn.

    Parameters
    ----------
    result
        What `hepflow.stats.cls_scan` or `hepflow.stats.upper_limit_toys` returned.
    label, right
        Text above the left and the right corner.
    """
    figure = canvas(WIDTH, 3.6, right=0.38)
    ax = figure.subplots()
    mu, values = _interpolated(result)
    bands = draw_bands(ax, mu, values[:, 1:])
    entries = _draw_observed(ax, result, mu, values[:, 0]) | bands
    _draw_limits(ax, result.limit)
    ax.legend(entries.values(), entries.keys(), loc="upper right")
    summary = rf"{100 * result.limit.level:g}% CL limit on $\mu$" + "\n" + _summary(result.limit)
    ax.text(0.035, 0.965, summary, transform=ax.transAxes, va="top", size=9, linespacing=1.35)
    ax.set_yscale("log")
    ax.set_ylim(LOWEST, HIGHEST)
    ax.set_yticks([0.01, 0.1, 1])
    ax.set_yticks(np.outer([0.001, 0.01, 0.1], range(2, 10)).ravel(), minor=True)
    ax.set_xlim(0, result.mu[-1])
    ax.set_xlabel(r"Signal strength $\mu$")
    ax.set_ylabel(r"CL$_s$")
    header(ax, label, right)
    return finished(figure)


def _draw_observed(ax: Axes, result: CLsScan, mu: FloatArray, values: FloatArray) -> dict[str, Any]:
    if np.all(np.isnan(values)):
        return {}
    ax.plot(mu, values, color=DATA, zorder=5)
    if result.errors is None:
        return {"Observed": Line2D([], [], color=DATA)}
    ax.errorbar(result.mu, result.values[:, 0], result.errors[:, 0], linestyle="none", zorder=6, **POINTS)
    return {"Observed": Line2D([], [], color=DATA, marker="o", markersize=3)}


def _interpolated(result: CLsScan) -> tuple[FloatArray, FloatArray]:
    """Return strengths (N,) from 0, where CLs is 1, and CLs (N, 6) along them: smooth in its logarithm, as it is."""
    mu, logarithm = result.mu, np.log(np.maximum(result.values, SMALLEST))
    if mu[0] > 0:
        mu, logarithm = np.append(0.0, mu), np.concatenate([np.zeros((1, 6)), logarithm])
    fine, values = np.linspace(0.0, mu[-1], FINE), np.full((FINE, 6), np.nan)
    known = np.isfinite(logarithm).all(axis=0)
    values[:, known] = np.exp(PchipInterpolator(mu, logarithm[:, known])(fine))
    return fine, values


def _draw_limits(ax: Axes, limit: UpperLimit) -> None:
    """Draw the line of one less the confidence level, and lines down from it at the observed and median limit."""
    size = 1 - limit.level
    line: dict[str, Any] = {"color": SIGNAL, "linewidth": 1, "zorder": 7}
    ax.axhline(size, **line)
    ax.annotate(
        f"{size:.2g}",
        (1, size),
        (4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        size=9,
        color=SIGNAL,
    )
    for value, dash in ((limit.observed, "-"), (limit.expected[2], "--")):
        ax.plot([value, value], [LOWEST, size], linestyle=dash, **line)


def _summary(limit: UpperLimit) -> str:
    _, low, median, high, _ = limit.expected
    expected = rf"Expected {median:.3g}$^{{+{high - median:.2g}}}_{{-{median - low:.2g}}}$"
    if np.isnan(limit.observed):
        return f"{expected} ({limit.calculator})"
    return f"Observed {limit.observed:.3g} ({limit.calculator})\n{expected}"
