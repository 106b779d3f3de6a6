"""Goodness of fit: the saturated-model statistic in toys, its chi2 distribution, and what was observed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from scipy import stats

from hepflow.errors import ConfigError
from hepflow.plots import artists
from hepflow.plots.distribution import FILLED, binning, draw_toys, mark_observed
from hepflow.plots.figure import Figure, canvas, finished, header
from hepflow.plots.label import Label
from hepflow.plots.p_values import p_text, toys_text
from hepflow.plots.style import WIDTH, styled
from hepflow.sample import FloatArray

if TYPE_CHECKING:
    from hepflow.stats.goodness import GoodnessOfFit

TAIL = 1e-4  # of the chi2 distribution that may lie beyond either end of the axis


@styled
def goodness(result: GoodnessOfFit, *, label: Label | str = "hepflow", right: str = "") -> Figure:
    """Draw the saturated-model statistic of toys, the chi2 distribution it should have, and the observed one.

    Without toys the curve stands alone.

    Parameters
    ----------
    result
        What `hepflow.stats.goodness_of_fit` returned.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If the fit left no degree of freedom.
    """
    if not result.ndf:
        raise ConfigError(
            "this fit has no degree of freedom and describes any data: there is no goodness to draw"
        )
    figure = canvas(WIDTH, 3.6)
    ax = figure.subplots()
    ends = stats.chi2.ppf([TAIL, 1 - TAIL], result.ndf)
    thrown = np.zeros(0) if result.toys is None else result.toys
    edges = binning(np.concatenate([thrown, ends]), result.statistic)
    lines, entries = [rf"$p$ = {p_text(result.p)} ($\chi^2$)"], {}
    if result.toys is not None and result.p_toys is not None and result.p_toys_error is not None:
        entries = draw_toys(ax, result.toys, edges, log=False)
        lines.append(rf"$p$ {toys_text(result.p_toys, result.p_toys_error, len(result.toys))} (toys)")
    entries |= _draw_chi2(ax, result, edges)
    entries |= mark_observed(ax, result.statistic)
    ax.legend(entries.values(), entries.keys(), loc="upper right")
    ax.text(0.035, 0.965, "\n".join(lines), transform=ax.transAxes, va="top", size=9, linespacing=1.35)
    ax.set_xlabel(r"Saturated-model statistic $-2\,\ln\,\lambda$")
    header(ax, label, right)
    return finished(figure)


def _draw_chi2(ax: Axes, result: GoodnessOfFit, edges: FloatArray) -> dict[str, Any]:
    """Draw what the chi2 distribution expects in each bin: toys, or a share where there are none."""
    expected = np.diff(stats.chi2.cdf(edges, result.ndf))
    if result.toys is None:
        artists.set_range(ax, expected, FILLED, log=False)
        ax.set_xlim(edges[0], edges[-1])
        ax.set_ylabel(f"Probability / {edges[1] - edges[0]:.2g}")
    else:
        expected = len(result.toys) * expected
    (curve,) = ax.plot(0.5 * (edges[1:] + edges[:-1]), expected, "--", color="black", linewidth=1.1, zorder=4)
    return {rf"$\chi^2$, ndf = {result.ndf}": curve}
