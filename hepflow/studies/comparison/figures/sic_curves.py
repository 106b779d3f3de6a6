"""Significance improvement of several methods, against signal efficiency and background rejection."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from hepflow.plots.figure import Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.style import NEUTRAL, WIDTH, styled
from hepflow.studies.comparison.figures.methods import LEGEND, Look, legend_beside, looks, named
from hepflow.studies.comparison.record import Comparison
from hepflow.studies.comparison.summary import Curve, improvement

NOISE = "Curves end where background is too rare to measure."


@styled
def sic_curves(comparison: Comparison, injected: int, *, label: Label | str = "hepflow") -> Figure:
    r"""Draw :math:`\epsilon_S / \sqrt{\epsilon_B}` of every method against signal efficiency and rejection.

    Lines are means over the seeds, bands their standard errors. They end where background is too rare to measure.

    Parameters
    ----------
    comparison
        Of methods that truth labels judge.
    injected
        Which injection to draw.
    label
        Text above the left corner.
    """
    figure = canvas(1.75 * WIDTH + LEGEND, 3.6, right=LEGEND + 0.15)
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.09})
    style, entries = looks(comparison), {}
    top, strictest = 1.0, 10.0
    for method, look in style.items():
        same = [one for one in comparison.results if one.method == method]
        found = improvement([one for one in same if one.injected == injected])
        if found is None:
            continue
        entries[same[0].title] = look
        for ax, curve in ((left, found.over_signal), (right, found.over_rejection)):
            _draw(ax, curve, look)
            top = max(top, float(np.nanmax(curve.mean, initial=1.0)))
        strictest = max(strictest, float(found.over_rejection.x[-1]))
    random = {"color": NEUTRAL, "linestyle": ":", "linewidth": 1.0, "zorder": 0.5}
    left.plot(np.linspace(0, 1, 100), np.sqrt(np.linspace(0, 1, 100)), **random)
    rejection = np.geomspace(1, strictest, 100)
    right.plot(rejection, 1 / np.sqrt(rejection), **random)
    entries["random"] = {**random, "marker": "none"}
    left.set_xlim(0, 1)
    right.set_xscale("log")
    right.set_xlim(1, strictest)
    left.set_ylim(0, 1.12 * top)
    left.set_xlabel(r"Signal efficiency $\epsilon_S$")
    right.set_xlabel(r"Background rejection $1/\epsilon_B$")
    left.set_ylabel(r"SIC, $\epsilon_S/\sqrt{\epsilon_B}$")
    header(left, label, named(comparison, injected), last=right)
    footnotes(figure, "SIC: significance improvement. Bands: standard error of the mean over seeds. ", NOISE)
    legend_beside(figure, entries, markers=False)
    return finished(figure)


def _draw(ax: Axes, curve: Curve, look: Look) -> None:
    line: Look = {**look, "marker": "none"}
    ax.plot(curve.x, curve.mean, **line)
    if curve.error is not None:
        low, high = curve.mean - curve.error, curve.mean + curve.error
        ax.fill_between(curve.x, low, high, color=look["color"], alpha=0.15, linewidth=0, zorder=1)
