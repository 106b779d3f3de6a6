"""Significance improvement at fixed background efficiencies, a row a method."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator

from hepflow.plots.artists import percent
from hepflow.plots.figure import TOP, Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.parameters import margin
from hepflow.plots.style import NEUTRAL, styled
from hepflow.studies.comparison.figures.methods import chosen, looks, named
from hepflow.studies.comparison.record import Comparison, Estimate
from hepflow.studies.comparison.summary import IDEALIZED

ROW = 0.26  # inches
PANEL = 2.1  # inches
GAP = 0.12  # inches
SIZE = 9.5  # points


@styled
def sic_by_method(comparison: Comparison, injected: int, *, label: Label | str = "hepflow") -> Figure:
    """Draw the significance improvement of every method, and its largest where it is no noise, as points with errors.

    A line and a band show the idealized detector; the names of references, which use truth labels, are grey.

    Parameters
    ----------
    comparison
        Of methods that truth labels judge.
    injected
        Which injection to draw.
    label
        Text above the left corner.
    """
    rows, look = chosen(comparison, injected), looks(comparison)
    known = dict.fromkeys(name for one in rows for name in one.mean if name.startswith("sic at "))
    names = {name: rf"SIC at $\epsilon_B$ = {percent(float(name.removeprefix('sic at ')))}" for name in known}
    names["max_sic"] = "Max. SIC"
    titles = [one.title for one in rows]
    side = margin(titles, SIZE) + 0.08
    width = side + len(names) * (PANEL + GAP) + 0.1
    figure = canvas(width, TOP + ROW * (len(rows) + 0.4) + 0.5, left=side, right=0.15)
    axes = figure.subplots(1, len(names), sharey=True, squeeze=False, gridspec_kw={"wspace": GAP / PANEL})[0]
    for ax, (name, title) in zip(axes, names.items(), strict=True):
        reach = 0.0
        for place, one in enumerate(rows):
            found = one.mean.get(name, Estimate(np.nan))
            error = found.error or 0.0
            reach = max(reach, np.nan_to_num(found.value + error))
            point = {**look[one.method], "linestyle": "none", "markersize": 5}
            ax.errorbar(found.value, place, xerr=error, elinewidth=1.1, zorder=3, **point)
            if one.method == IDEALIZED and np.isfinite(found.value):
                ax.axvline(found.value, color=NEUTRAL, linewidth=0.8, linestyle="--", zorder=1)
                band = found.value - error, found.value + error
                ax.axvspan(*band, color=NEUTRAL, alpha=0.15, linewidth=0, zorder=0)
        ax.set_xlim(0, 1.08 * max(reach, 1.0))
        ax.set_ylim(len(rows) - 0.3, -0.7)
        ax.set_xlabel(title)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.tick_params(axis="y", which="both", length=0)
    axes[0].set_yticks(range(len(rows)), titles, size=SIZE)
    for text, one in zip(axes[0].get_yticklabels(), rows, strict=True):
        text.set_color(NEUTRAL if one.uses_truth else "black")
    header(axes[0], label, named(comparison, injected), last=axes[-1])
    footnotes(figure, "SIC: significance improvement. Line and band: the idealized detector, with its error.")
    return finished(figure)
