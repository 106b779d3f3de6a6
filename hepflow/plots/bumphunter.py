"""BumpHunter: the spectrum with the window that it found, and how often toys find one as significant."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hepflow.plots import artists
from hepflow.plots.figure import WIDE, Figure, canvas, finished, header, stacked
from hepflow.plots.mjj import MASS
from hepflow.plots.style import DATA, EXPECTED, SIGNAL, WIDTH, styled

if TYPE_CHECKING:
    from hepflow.stats.bumphunter import BumpHunterResult

APART = 0.95  # inches between the two columns
BINS = 50
FARTHEST = 2.5  # times the largest toy: an observed statistic beyond is an arrow at the edge
# Below text, which the borders of the window may cross
PAPER: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8}


@styled
def bumphunter(result: BumpHunterResult, *, label: str = "hepflow", right: str = "") -> Figure:
    """Draw the spectrum with its most significant window and its pulls, and the statistics of the toys beside it.

    Pulls are ``(data - expected) / sqrt(expected)``. Nothing is shaded where no window has an excess.

    Parameters
    ----------
    result
        What `hepflow.stats.bumphunter` returned.
    label, right
        Text above the left and the right corner.
    """
    figure = canvas(1.9 * WIDTH, 3.9, left=WIDE)
    grid = figure.add_gridspec(1, 2, width_ratios=(1.25, 1), wspace=2 * APART / (1.9 * WIDTH - WIDE - APART))
    upper, lower = stacked(figure, (3.2, 1), grid[0])
    toys = figure.add_subplot(grid[1])
    _draw_spectrum(upper, lower, result)
    _draw_toys(toys, result)
    header(upper, label)
    header(toys, "", right)
    return finished(figure)


def _draw_spectrum(upper: Axes, lower: Axes, result: BumpHunterResult) -> None:
    exact = np.zeros(len(result.expected))
    artists.draw_expected(upper, result.edges, result.expected, exact)
    artists.draw_points(upper, result.edges, result.observed)
    entries: dict[str, Any] = {
        "Data": Line2D([], [], color=DATA, marker="o", markersize=3.5, linestyle="none"),
        "Expected background": Line2D([], [], color=EXPECTED),
    }
    kind = "deficit" if result.deficit else "excess"
    lines = [f"No {kind} in {result.n_windows:,} windows"]
    if result.statistic > 0:
        entries[f"Largest {kind}"] = artists.shade((upper, lower), result.window)
        low, high = result.window
        lines = [
            f"{low:g} to {high:g} GeV",
            rf"$n_{{\mathrm{{obs}}}}$ = {result.n_obs:,.0f}",
            rf"$n_{{\mathrm{{exp}}}}$ = {result.n_exp:,.{1 if result.n_exp < 100 else 0}f}",
            rf"Local $p$ = {_power_of_ten(-result.statistic / log(10))}",
        ]
    legend = upper.legend(entries.values(), entries.keys(), loc="upper right", frameon=True)
    legend.get_frame().set(**PAPER)
    summary = upper.text(0.035, 0.965, "\n".join(lines), va="top", size=9, linespacing=1.35, zorder=4)
    summary.set(transform=upper.transAxes, bbox={**PAPER, "pad": 2})
    artists.set_range(upper, np.concatenate([result.observed, result.expected]), 0.6, floor=0.2)
    upper.set_ylabel(artists.bin_text(result.edges))
    found = artists.pulls(result.observed, result.expected, exact)
    artists.draw_pulls(lower, result.edges, found, EXPECTED, found)
    lower.set_ylabel("Pull", loc="center")
    lower.set_xlim(result.edges[0], result.edges[-1])
    lower.set_xlabel(MASS)


def _draw_toys(ax: Axes, result: BumpHunterResult) -> None:
    thrown, observed = result.toy_statistics, result.statistic
    largest = max(float(thrown.max()), 1.0)
    reach = 1.08 * max(largest, min(observed, FARTHEST * largest))
    counts, edges = np.histogram(thrown, np.linspace(0, reach, BINS + 1))
    ax.stairs(counts, edges, fill=True, facecolor=(EXPECTED, 0.3), edgecolor=EXPECTED, linewidth=1.1)
    height: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "color": SIGNAL}
    if observed < reach:
        (mark,) = ax.plot([observed, observed], [0, 0.62], linewidth=1.6, **height)
    else:
        (mark,) = ax.plot([0.97 * reach], [0.3], linestyle="none", marker=">", markersize=7, **height)
    entries = {
        f"{len(thrown):,} toys of the background": Patch(facecolor=(EXPECTED, 0.3), edgecolor=EXPECTED),
        f"Observed, {observed:.1f}": mark,
    }
    ax.legend(entries.values(), entries.keys(), loc="upper right")
    z = rf"{result.global_z:.1f}$\,\sigma$"
    if np.any(thrown >= observed):
        summary = f"Global $p$ = {_with_error(result.global_p, result.global_p_error)}\n$Z$ = {z}"
    else:
        summary = f"Global $p$ < {_power_of_ten(np.log10(result.global_p))}\n$Z$ > {z}"
    ax.text(0.955, 0.77, summary, transform=ax.transAxes, va="top", ha="right", size=9, linespacing=1.35)
    artists.set_range(ax, counts.astype(np.float64), 0.62, floor=0.5, log=True)
    ax.set_xlim(0, reach)
    ax.set_xlabel(r"Statistic of the most significant window, $-\ln\,p$")
    ax.set_ylabel(f"Toys / {edges[1]:.2g}")


def _power_of_ten(exponent: float) -> str:
    """Return a p-value from its decimal logarithm, which may be far below what a float can hold."""
    if exponent > -3:
        return f"{10**exponent:.2g}"
    power = int(np.floor(exponent))
    return rf"${10 ** (exponent - power):.1f} \times 10^{{{power}}}$"


def _with_error(p: float, error: float) -> str:
    """Return a p-value and its error, rounded to two digits of the error."""
    return f"{p:.{1 - int(np.floor(np.log10(error)))}f} ± {error:.2g}" if error > 0 else f"{p:g}"
