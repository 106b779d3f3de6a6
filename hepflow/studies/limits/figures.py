"""Limits for which the analysis was trained again: the efficiencies behind them, and the limits themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hepflow.plots import artists
from hepflow.plots.figure import Figure, canvas, finished, header
from hepflow.plots.label import Label
from hepflow.plots.style import DATA, NEUTRAL, ONE_SIGMA, SIGNAL, TWO_SIGMA, WIDTH, sequence, styled
from hepflow.studies.limits.record import CutLimits, RetrainedLimits

HALF = 0.34  # half the width of a band, in units of the distance of two cuts
EXCLUDED: dict[str, Any] = {"linestyle": "--", "linewidth": 0.9, "zorder": 2}
LIMIT: dict[str, Any] = {
    "marker": "*",
    "markersize": 11,
    "markeredgecolor": "black",
    "linestyle": "none",
    "zorder": 6,
}


def figures(limits: RetrainedLimits, *, label: Label | str = "hepflow") -> Iterator[tuple[str, Figure]]:
    """Yield the name and the drawing of each figure that the limits hold the numbers for."""
    if limits.cuts:
        yield "efficiency", efficiency_curves(limits, label=label)
        yield "limits", retrained_limits(limits, label=label)


@styled
def efficiency_curves(limits: RetrainedLimits, *, label: Label | str = "hepflow") -> Figure:
    """Draw the signal efficiency of every cut against the injected events, with its band of one standard deviation.

    The expected limit is where the curve meets ``s / n``, dashed: the efficiency that
    brings the `s` events behind the cut that are excluded out of `n` in the data.
    """
    figure = canvas(WIDTH, 3.6)
    ax = figure.subplots()
    entries: dict[str, Any] = {}
    for cut, (colour, marker) in zip(limits.cuts, sequence(len(limits.cuts)), strict=True):
        x, low, high = (np.array(one) for one in (cut.injected, cut.efficiency_low, cut.efficiency_high))
        ax.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0, zorder=1)
        ax.plot(x, cut.efficiency, color=colour, zorder=3)
        points = [(one.injected, one.value, one.error) for one in cut.points]
        at, value, error = np.array(points).T
        look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4}
        ax.errorbar(at, value, error, linestyle="none", elinewidth=1, zorder=4, clip_on=False, **look)
        excluded, limit = cut.passing_expected[2], cut.expected[2]
        if excluded is not None:
            shown = x[excluded < 1.05 * max(high) * x]  # the legend stands above
            ax.plot(shown, excluded / shown, color=colour, **EXCLUDED)
        if excluded is not None and limit is not None:
            ax.plot(limit, excluded / limit, color=colour, **LIMIT)
        entries[_name(cut)] = Line2D([], [], **look)
    entries["Expected limit"] = Line2D([], [], color=NEUTRAL, **LIMIT)
    entries[r"$\pm 1\,\sigma$"] = Patch(facecolor=(NEUTRAL, 0.2))
    artists.set_range(ax, np.concatenate([cut.efficiency_high for cut in limits.cuts]), 0.74, log=False)
    ax.set_xlim(0, max(cut.injected[-1] for cut in limits.cuts))
    ax.legend(entries.values(), entries.keys(), loc="upper right", ncols=2, columnspacing=1.2)
    ax.set_xlabel("Signal events in the data")
    ax.set_ylabel("Signal efficiency of the cut")
    header(ax, label, f"{limits.name}, {limits.method}")
    return finished(figure)


@styled
def retrained_limits(limits: RetrainedLimits, *, label: Label | str = "hepflow") -> Figure:
    """Draw upper limits on the signal events behind every cut, with bands of one and two sigma.

    Open diamonds are expected limits with the efficiency of the data as they are. Bands end at the largest injection.
    """
    expected = np.array([artists.numbers(cut.expected) for cut in limits.cuts])
    observed = artists.numbers(cut.observed for cut in limits.cuts)
    fixed = artists.numbers(cut.fixed_expected[2] for cut in limits.cuts)
    places, reach = np.arange(len(limits.cuts)), [cut.injected[-1] for cut in limits.cuts]
    figure = canvas(WIDTH, 3.6)
    ax = figure.subplots()
    for inner, colour in ((0, TWO_SIGMA), (1, ONE_SIGMA)):
        low = expected[:, inner]
        high = np.where(np.isnan(expected[:, 4 - inner]), reach, expected[:, 4 - inner])
        ax.bar(places, high - low, 2 * HALF, low, color=colour, linewidth=0, zorder=2 + inner)
    dashed: dict[str, Any] = {"color": "black", "linestyle": "--", "linewidth": 1.1}
    ax.hlines(expected[:, 2], places - HALF, places + HALF, zorder=4, **dashed)
    band = np.array([artists.numbers(cut.observed_band) for cut in limits.cuts]).T
    error = np.nan_to_num(np.abs(band - observed))
    dots: dict[str, Any] = {"linestyle": "none", "marker": "o", "color": DATA, "elinewidth": 1.3}
    ax.errorbar(places, observed, error, HALF, zorder=5, **dots)
    open_: dict[str, Any] = {"color": SIGNAL, "marker": "D", "markerfacecolor": "white", "linestyle": "none"}
    ax.plot(places, fixed, zorder=4.5, **open_)
    entries = {
        "Observed": Line2D([], [], color=DATA, marker="o", linewidth=1.3),
        "Expected": Line2D([], [], **dashed),
        "Expected, not retrained": Line2D([], [], **open_),
        r"$\pm 1\,\sigma$": Patch(facecolor=ONE_SIGMA),
        r"$\pm 2\,\sigma$": Patch(facecolor=TWO_SIGMA),
    }
    if not np.isfinite(observed).any():
        del entries["Observed"]
    artists.set_range(ax, np.concatenate([expected.ravel(), observed, fixed]), 0.68)
    ax.legend(entries.values(), entries.keys(), loc="upper right", ncols=2, columnspacing=1.2)
    ax.set_xticks(places, [_name(cut) for cut in limits.cuts], size=8.5)
    ax.tick_params(axis="x", which="both", bottom=False, top=False)
    ax.set_xlim(-0.6, len(limits.cuts) - 0.4)
    ax.set_ylabel(f"{100 * limits.level:g}% CL$_s$ limit on signal events")
    header(ax, label, f"{limits.name}, {limits.method}")
    return finished(figure)


def _name(cut: CutLimits) -> str:
    efficiency = cut.background_efficiency
    return "No cut" if efficiency == 1 else rf"$\epsilon_B$ = {artists.percent(efficiency)}"
