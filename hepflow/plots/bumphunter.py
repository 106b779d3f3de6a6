"""BumpHunter: the spectrum with the window that it found, and how often toys find one as significant."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hepflow.plots import artists
from hepflow.plots.bin_significance import AXIS, NOTE, significances
from hepflow.plots.distribution import binning, draw_toys, mark_observed
from hepflow.plots.figure import WIDE, Figure, canvas, finished, footnotes, header, stacked
from hepflow.plots.label import Label
from hepflow.plots.mjj import FILLED, SHADED
from hepflow.plots.p_values import p_text, power_text, toys_text, z_text
from hepflow.plots.style import DATA, EXPECTED, WIDTH, styled
from hepflow.quantity import M_JJ, Quantity

if TYPE_CHECKING:
    from hepflow.stats.bumphunter import BumpHunterResult

APART = 0.95  # inches between the two columns


@styled
def bumphunter(
    result: BumpHunterResult, *, label: Label | str = "hepflow", right: str = "", resonance: Quantity = M_JJ
) -> Figure:
    """Draw the spectrum with its most significant window, and the statistics of the toys beside it.

    Below is the signed Poisson significance of each bin, as in `hepflow.plots.spectrum`. Nothing is shaded where
    no window has an excess.

    Parameters
    ----------
    result
        What `hepflow.stats.bumphunter` returned.
    label, right
        Text above the left and the right corner.
    resonance
        What the axis of masses is called.
    """
    figure = canvas(1.9 * WIDTH, 3.9, left=WIDE)
    grid = figure.add_gridspec(1, 2, width_ratios=(1.25, 1), wspace=2 * APART / (1.9 * WIDTH - WIDE - APART))
    upper, lower = stacked(figure, (3.2, 1), grid[0])
    toys = figure.add_subplot(grid[1])
    _draw_spectrum(upper, lower, result, resonance)
    _draw_toys(toys, result)
    header(upper, label, right, last=toys)
    footnotes(figure, NOTE.replace(", with the background's error", ""))
    return finished(figure)


def _draw_spectrum(upper: Axes, lower: Axes, result: BumpHunterResult, resonance: Quantity) -> None:
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
        entries[f"Largest {kind}"] = artists.shade((upper, lower), result.window, SHADED)
        low, high = result.window
        lines = [
            f"{low:g} to {high:g} GeV",
            rf"$n_{{\mathrm{{obs}}}}$ = {result.n_obs:,.0f}",
            rf"$n_{{\mathrm{{exp}}}}$ = {result.n_exp:,.{1 if result.n_exp < 100 else 0}f}",
            rf"Local $p$ = {power_text(-result.statistic / log(10))}",
        ]
    upper.legend(entries.values(), entries.keys(), loc="upper right")
    upper.text(0.035, 0.965, "\n".join(lines), transform=upper.transAxes, va="top", size=9, linespacing=1.35)
    shown = np.concatenate([result.observed, result.expected])
    logarithmic = artists.spans(shown)
    tops = artists.upper_ends(result.observed)
    artists.set_range(upper, np.concatenate([shown, tops]), FILLED, floor=0.2, log=logarithmic)
    upper.set_ylabel(artists.bin_text(result.edges))
    found = significances(result.observed, result.expected, exact)
    artists.draw_significances(lower, result.edges, found, EXPECTED, found)
    lower.set_ylabel(AXIS, loc="center")
    lower.set_xlim(result.edges[0], result.edges[-1])
    lower.set_xlabel(resonance.axis)


def _draw_toys(ax: Axes, result: BumpHunterResult) -> None:
    entries = draw_toys(ax, result.toy_statistics, binning(result.toy_statistics, result.statistic), log=True)
    entries |= mark_observed(ax, result.statistic)
    ax.legend(entries.values(), entries.keys(), loc="upper right")
    if np.any(result.toy_statistics >= result.statistic):
        p = toys_text(result.global_p, result.global_p_error, len(result.toy_statistics))
        summary = f"Global $p$ {p}\n$Z$ = {z_text(result.global_z)}"
    else:
        summary = f"Global $p$ < {p_text(result.global_p)}\n$Z$ > {z_text(result.global_z)}"
    ax.text(0.955, 0.77, summary, transform=ax.transAxes, va="top", ha="right", size=9, linespacing=1.35)
    ax.set_xlabel(r"Statistic of the most significant window, $-\ln\,p$")
