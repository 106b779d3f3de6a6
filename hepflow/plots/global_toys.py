"""The largest excess anywhere in a scan: how large it is in toys, and in the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hepflow.plots.distribution import binning, draw_toys, mark_observed
from hepflow.plots.figure import Figure, canvas, finished, header
from hepflow.plots.label import Label
from hepflow.plots.p_values import global_texts
from hepflow.plots.style import WIDTH, styled
from hepflow.sample import FloatArray

if TYPE_CHECKING:
    from hepflow.stats.global_p import GlobalSignificance

SMALL = 0.3  # p-value up to which the formula, for rare excesses, is drawn


@styled
def global_toys(result: GlobalSignificance, *, label: Label | str = "hepflow", right: str = "") -> Figure:
    """Draw the largest local significance in each toy of a scan, with the observed one.

    The dashed steps are what the mean number of upcrossings says (E. Gross and O. Vitells, arXiv:1005.1891, eq. 3;
    `GlobalSignificance.p_at`), where that is small.

    Parameters
    ----------
    result
        What `hepflow.stats.global_significance` returned.
    label, right
        Text above the left and the right corner.
    """
    figure = canvas(WIDTH, 3.6)
    ax = figure.subplots()
    edges = binning(result.max_z, result.z_local)
    entries = draw_toys(ax, result.max_z, edges, log=True)
    entries |= _draw_upcrossings(ax, result, edges)
    entries |= mark_observed(ax, result.z_local)
    ax.legend(entries.values(), entries.keys(), loc="upper right")
    by_toys, by_upcrossings = global_texts(result)
    summary = f"Global $p$ from toys\n{by_toys}\nfrom upcrossings\n{by_upcrossings}"
    ax.text(0.035, 0.965, summary, transform=ax.transAxes, va="top", size=9, linespacing=1.35)
    ax.set_xlabel(r"Largest local significance $Z$ of the scan")
    header(ax, label, right)
    return finished(figure)


def _draw_upcrossings(ax: Axes, result: GlobalSignificance, edges: FloatArray) -> dict[str, Any]:
    p = result.p_at(edges)
    look: dict[str, Any] = {"color": "black", "linestyle": "--", "linewidth": 1.0}
    wanted = np.where(p[:-1] <= SMALL, -len(result.max_z) * np.diff(p), np.nan)
    ax.stairs(wanted, edges, baseline=None, zorder=4, **look)
    return {"From upcrossings": Line2D([], [], **look)}
