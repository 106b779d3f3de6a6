"""The injection study: what every method reaches with more and more signal in the data."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from hepflow.errors import ConfigError
from hepflow.plots.artists import numbers, percent
from hepflow.plots.figure import Figure, canvas, finished, footnotes, header, stacked
from hepflow.plots.label import Label
from hepflow.plots.style import NEUTRAL, WIDTH, styled
from hepflow.studies.comparison.figures.methods import LEGEND, Look, legend_beside, looks
from hepflow.studies.comparison.record import Comparison, Estimate
from hepflow.studies.comparison.summary import Summary

NOTHING = Estimate(float("nan"))


@styled
def injection_scan(
    comparison: Comparison, background_efficiency: float | None = None, *, label: Label | str = "hepflow"
) -> Figure:
    """Draw the significance improvement and the local significance of every method against signal over background.

    Points are means over the seeds, bands their standard errors.

    Parameters
    ----------
    comparison
        With at least two injections.
    background_efficiency
        Of the cut behind the local significance and, where there is one, the significance improvement; by default the
        tightest, with the largest significance improvement.
    label
        Text above the left corner.

    Raises
    ------
    ConfigError
        If there is only one injection, or no such cut.
    """
    if len(comparison.injections) < 2:
        raise ConfigError("this comparison holds one injection; expected at least two to draw a scan")
    known = sorted({cut.background_efficiency for one in comparison.results for cut in one.cuts})
    efficiency = known[0] if background_efficiency is None and known else background_efficiency
    if efficiency not in known:
        raise ConfigError(f"no cut at a background efficiency of {efficiency}; known: {known}")
    sic = "max_sic" if background_efficiency is None else f"sic at {efficiency:.12g}"
    figure = canvas(WIDTH + LEGEND, 4.6, right=LEGEND + 0.25)
    upper, lower = stacked(figure, (1, 1))
    summary, style = comparison.summary(), looks(comparison)
    entries = {}
    for method, look in style.items():
        rows = sorted((one for one in summary if one.method == method), key=lambda one: one.injected)
        entries[rows[0].title] = look
        for ax, name in ((upper, sic), (lower, f"z at {efficiency:.12g}")):
            _draw(ax, rows, name, look)
    upper.set_ylabel(
        "Max. SIC" if sic == "max_sic" else rf"SIC at $\epsilon_B$ = {percent(efficiency or 0.0)}"
    )
    lower.set_ylabel(rf"Local significance at $\epsilon_B$ = {percent(efficiency or 0.0)}")
    upper.axhline(1, color=NEUTRAL, linewidth=0.8, linestyle=":", zorder=0.5)
    for level in (3, 5):
        lower.axhline(level, color=NEUTRAL, linewidth=0.8, linestyle="--", zorder=0.5)
    for ax, shared in ((upper, "lower"), (lower, "upper")):  # no number where the panels touch
        ax.set_ylim(0, 1.08 * max(ax.dataLim.y1, 2.0))
        ax.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], prune=shared))
    shares = [100 * one.mean.get("signal_over_background", NOTHING).value for one in summary]
    lower.set_xlim(min(0.0, float(np.nanmin([0.0, *shares]))), 1.05 * float(np.nanmax([0.1, *shares])))
    lower.set_xlabel("Signal over background in the signal region [%]")
    header(upper, label, comparison.name)
    footnotes(figure, "Bands: standard error of the mean over seeds. SIC: significance improvement.")
    legend_beside(figure, entries)
    return finished(figure)


def _draw(ax: Axes, rows: list[Summary], name: str, look: Look) -> None:
    share = 100 * numbers(one.mean.get("signal_over_background", NOTHING).value for one in rows)
    found = [one.mean.get(name, NOTHING) for one in rows]
    value, error = (numbers(one.value for one in found), numbers(one.error or 0.0 for one in found))
    ax.plot(share, value, clip_on=False, **look)
    ax.fill_between(
        share, value - error, value + error, color=look["color"], alpha=0.15, linewidth=0, zorder=1
    )
