"""Closure of several methods in bands of m_jj: the AUC of template against background."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator

from hepflow.plots.artists import numbers
from hepflow.plots.figure import Figure, canvas, finished, header
from hepflow.plots.label import Label
from hepflow.plots.style import NEUTRAL, WIDTH, styled
from hepflow.studies.comparison.figures.methods import LEGEND, chosen, legend_beside, looks, named
from hepflow.studies.comparison.record import Comparison

SPREAD = 0.7  # width that the points of one band share, in units of the distance of bands
LEAST = 0.005  # the axis reaches at least so far from 0.5


@styled
def closure_bands(comparison: Comparison, injected: int, *, label: Label | str = "hepflow") -> Figure:
    """Draw the AUC of a classifier that tells each method's template from background, band by band; 0.5 is perfect.

    Parameters
    ----------
    comparison
        With closure in at least one band.
    injected
        Which injection to draw.
    label
        Text above the left corner.
    """
    rows, style = chosen(comparison, injected), looks(comparison)
    bands = list(
        dict.fromkeys(
            name.removeprefix("closure ") for one in rows for name in one.mean if name.startswith("closure ")
        )
    )
    measured = [one for one in rows if any(f"closure {band}" in one.mean for band in bands)]
    figure = canvas(WIDTH + 0.4 * max(len(bands) - 3, 0) + LEGEND, 3.6, right=LEGEND + 0.15)
    ax = figure.subplots()
    ax.axhline(0.5, color="black", linewidth=0.8, linestyle=":", zorder=1)
    reach = LEAST
    for number, one in enumerate(measured):
        offset = SPREAD * ((number + 0.5) / len(measured) - 0.5)
        found = [one.mean.get(f"closure {band}") for band in bands]
        value = numbers(None if estimate is None else estimate.value for estimate in found)
        error = numbers(None if estimate is None else estimate.error or 0.0 for estimate in found)
        point = {**style[one.method], "linestyle": "none", "markersize": 4.5}
        ax.errorbar(np.arange(len(bands)) + offset, value, error, elinewidth=1.0, zorder=3, **point)
        reach = max(reach, float(np.nanmax(np.abs(value - 0.5) + error, initial=0.0)))
    for border in np.arange(len(bands) - 1) + 0.5:
        ax.axvline(border, color=NEUTRAL, linewidth=0.6, alpha=0.5, zorder=0.5)
    ax.set_xticks(range(len(bands)), bands)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.tick_params(axis="x", which="both", length=0)
    ax.set_xlim(-0.5, len(bands) - 0.5)
    low = max(float(np.min(ax.dataLim.intervaly, initial=0.5)), 0.0)
    ax.set_ylim(min(low, 0.5) - 0.1 * reach, 0.5 + 1.12 * reach)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set_xlabel(f"Region of {comparison.resonance.symbol}")
    ax.set_ylabel("AUC, template against background")
    header(ax, label, named(comparison, injected))
    legend_beside(figure, {one.title: {**style[one.method], "linestyle": "none"} for one in measured})
    return finished(figure)
