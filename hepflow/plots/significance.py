"""The excess against the cut: its significance, and observed over expected events."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from hepflow.plots import artists
from hepflow.plots.figure import Figure, canvas, finished, footnotes, header, stacked
from hepflow.plots.label import Label
from hepflow.plots.mjj import FAILED
from hepflow.plots.style import DATA, EXPECTED, NEUTRAL, SIGNAL, WIDTH, styled
from hepflow.results import Results

BLIND = "Blinded cuts have no observed number: left out."
FILLED = 0.74  # share of the upper panel below the largest significance; the legend stands above


@styled
def significance(results: Results, *, label: Label | str = "hepflow") -> Figure:
    """Draw the local significance of each selection, and observed over expected events in the signal region.

    Beside it stands the significance expected of a signal at strength one, where there is one. Selections that failed
    a check are crossed out, and marked as in the table of a run.
    """
    cuts = sorted((results.inclusive, *results.cuts), key=lambda cut: -cut.background_efficiency)
    efficiency = artists.numbers(cut.background_efficiency for cut in cuts)
    z, aim = artists.numbers(cut.z for cut in cuts), artists.numbers(cut.z_expected for cut in cuts)
    figure = canvas(WIDTH, 3.9, right=0.32)
    upper, lower = stacked(figure, (2.0, 1))
    upper.plot(efficiency, z, "-o", color=DATA)
    entries: dict[str, Any] = {"Observed": Line2D([], [], color=DATA, marker="o")}
    if np.any(np.isfinite(aim)):
        look: dict[str, Any] = {"color": SIGNAL, "linestyle": "--", "marker": "o", "markerfacecolor": "white"}
        upper.plot(efficiency, aim, zorder=1.5, **look)
        entries[r"Expected, $\mu$ = 1"] = Line2D([], [], **look)
    doubted = np.array([bool(results.doubts(cut)) for cut in cuts])
    if doubted.any():
        cross: dict[str, Any] = {"color": SIGNAL, "marker": "x", "markersize": 13, "linestyle": "none"}
        upper.plot(efficiency[doubted], z[doubted], zorder=5, **cross)
        entries[f"{FAILED} failed a check"] = Line2D([], [], **{**cross, "markersize": 8})
    upper.legend(entries.values(), entries.keys(), loc="upper right", ncols=2, columnspacing=1.2)
    highest = 1.1 * max(4.0, float(np.nanmax([*z, *aim], initial=0.0)))
    for level in (3, 5):
        if level < highest:
            upper.axhline(level, color=NEUTRAL, linewidth=0.8, linestyle="--", zorder=1)
            upper.text(
                1.01,
                level,
                rf"${level}\,\sigma$",
                transform=upper.get_yaxis_transform(),
                va="center",
                size=8.5,
                color=NEUTRAL,
            )
    upper.set_ylim(0, highest / FILLED)
    upper.set_ylabel("Local significance")
    header(upper, label, f"{results.name}, {results.method}")
    footnotes(figure, BLIND if results.blind else "")

    observed, expected = (
        artists.numbers(cut.n_obs for cut in cuts),
        artists.numbers(cut.n_exp for cut in cuts),
    )
    error = artists.numbers(cut.n_exp_error for cut in cuts)
    inverse = np.divide(1.0, expected, out=np.full(len(cuts), np.nan), where=expected > 0)
    lower.errorbar(
        efficiency,
        np.ones(len(cuts)),
        error * inverse,
        linestyle="none",
        linewidth=9,
        color=EXPECTED,
        alpha=0.35,
    )
    lower.errorbar(
        efficiency,
        observed * inverse,
        artists.garwood(observed) * inverse,
        linestyle="none",
        marker="o",
        color=DATA,
        elinewidth=0.9,
    )
    lower.axhline(1, color=EXPECTED, linewidth=1, zorder=1)
    lower.legend([Patch(facecolor=(EXPECTED, 0.35))], ["Error of the expectation"], loc="upper left")
    ends = (observed + artists.garwood(observed)[1]) * inverse
    low, _ = lower.get_ylim()
    highest = float(np.max(ends[np.isfinite(ends)], initial=1.2))
    lower.set_ylim(low, low + (highest - low) / 0.7)  # the legend stands above
    lower.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    lower.set_ylabel("Obs. / exp.", loc="center")
    lower.set_xscale("log")
    lower.set_xlim(1.6, float(np.min(efficiency[efficiency > 0], initial=1.0)) / 1.6)
    lower.set_xlabel(r"Background efficiency $\epsilon_B$ of the cut")
    return finished(figure)
