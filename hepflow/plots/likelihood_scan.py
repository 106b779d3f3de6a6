"""The profile likelihood along the signal strength, with its intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from hepflow.plots import artists
from hepflow.plots.figure import Figure, canvas, finished, header
from hepflow.plots.label import Label
from hepflow.plots.style import DATA, EXPECTED, NEUTRAL, SIGNAL, WIDTH, styled
from hepflow.sample import FloatArray
from hepflow.text import decimals, number

if TYPE_CHECKING:
    from hepflow.stats.diagnostics import Interval, LikelihoodScan

HIGHEST = 12.0  # of the axis of -2 Delta ln L


@styled
def likelihood_scan(result: LikelihoodScan, *, label: Label | str = "hepflow", right: str = "") -> Figure:
    r"""Draw ``-2 Delta ln L`` against the signal strength, and where it crosses the level of each interval.

    The dashed parabola is that of the curvature at the best fit: where the two differ, the error is not Gaussian.

    Parameters
    ----------
    result
        What `hepflow.stats.likelihood_scan` returned.
    label, right
        Text above the left and the right corner.
    """
    figure = canvas(WIDTH, 3.6)
    ax = figure.subplots()
    needed = 1.3 * max((interval.rise for interval in result.intervals), default=0.0)
    highest = max(needed, min(float(np.max(result.rise[np.isfinite(result.rise)], initial=1.0)), HIGHEST))
    parabola = ((result.mu - result.mu_hat) / result.mu_hat_error) ** 2
    curves: tuple[tuple[str, FloatArray, dict[str, Any]], ...] = (
        ("Profile likelihood", result.rise, {"color": EXPECTED, "zorder": 3}),
        ("Parabola", parabola, {"color": NEUTRAL, "linestyle": "--", "linewidth": 1, "zorder": 2}),
    )
    for name, curve, look in curves:
        ax.plot(result.mu, np.where(curve <= highest, curve, np.nan), label=name, **look)
    ax.plot([result.mu_hat], [0], "o", color=DATA, clip_on=False, zorder=5)
    for interval in result.intervals:
        _draw_interval(ax, interval)
    ax.set_ylim(0, 1.4 * highest)  # legend and text stand above the curves
    ends = [end for one in result.intervals for end in (one.low, one.high) if np.isfinite(end)]
    low, high = min([result.mu[0], *ends]), max([result.mu[-1], *ends])
    ax.set_xlim(low, high if high > low else low + 1.0)
    ax.set_xlabel(r"Signal strength $\mu$")
    ax.set_ylabel(r"$-2\,\Delta\ln L$")
    ax.legend(loc="upper right")
    ax.text(0.035, 0.965, _summary(result), transform=ax.transAxes, va="top", size=9, linespacing=1.5)
    header(ax, label, right)
    return finished(figure)


def _draw_interval(ax: Axes, interval: Interval) -> None:
    """Draw the level of an interval, and lines down from its ends."""
    ax.axhline(interval.rise, color=NEUTRAL, linewidth=0.8, linestyle=":", zorder=1)
    ax.annotate(
        f"{100 * interval.level:.0f}%",
        (1, interval.rise),
        (-12, 2),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        size=8,
        color=NEUTRAL,
    )
    ends = [end for end in (interval.low, interval.high) if np.isfinite(end)]
    ax.vlines(ends, 0, interval.rise, color=SIGNAL, linewidth=0.9, linestyle=":", zorder=2)


def _summary(result: LikelihoodScan) -> str:
    """Return the best fit and the intervals, one a line; an end that is a bound or missing says so."""
    lines = [rf"$\hat\mu$ = {artists.with_error(result.mu_hat, result.mu_hat_error)}"]
    for one in result.intervals:
        size = 0.5 * (one.high - one.low)
        low, high = (
            _end(end, status, size if np.isfinite(size) else result.mu_hat_error)
            for end, status in ((one.low, one.low_status), (one.high, one.high_status))
        )
        lines.append(f"{100 * one.level:.0f}%: [{low}, {high}]")
    return "\n".join(lines)


def _end(value: float, status: str, size: float) -> str:
    if not np.isfinite(value):
        return status
    written = f"{value:,.{decimals(size)}f}" if 0 < size < np.inf else number(value)
    return f"{written} (bound)" if status == "bound" else written
