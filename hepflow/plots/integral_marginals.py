"""An integrand beside what its proposals draw, axis by axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from hepflow.errors import ConfigError
from hepflow.plots import artists
from hepflow.plots.figure import Figure, footnotes
from hepflow.plots.label import Label
from hepflow.plots.panels import panels
from hepflow.plots.style import DATA, EXPECTED, NEUTRAL, styled
from hepflow.sample import FloatArray

NOTE = (
    "Points: the size of the integrand, from the weights. Line: points as the proposals draw them. "
    "Below: points over line."
)
FARTHEST = 1.0  # from one, of ratios that are shown


@dataclass(frozen=True, eq=False)
class Marginal:
    """One axis of an integrand, in bins.

    Parameters
    ----------
    axis
        Its label.
    edges
        Of the bins, shape ``(B + 1,)``.
    integrand, proposal
        Shares of the integral in each bin, and of the proposals' points, ``(B,)``.
    error
        Of the integrand, where the proposal's points are as they are, ``(B,)``.
    """

    axis: str
    edges: FloatArray
    integrand: FloatArray
    proposal: FloatArray
    error: FloatArray

    def __post_init__(self) -> None:
        shapes = [one.shape for one in (self.integrand, self.proposal, self.error)]
        if any(shape != (len(self.edges) - 1,) for shape in shapes):
            raise ConfigError(f"marginal of {self.axis!r}: shapes {shapes} for {len(self.edges) - 1} bins")


@styled
def integral_marginals(
    marginals: Sequence[Marginal], *, label: Label | str = "hepflow", right: str = ""
) -> Figure:
    """Draw integrand and proposals, a panel for each axis, and below each the former over the latter.

    Parameters
    ----------
    marginals
        The axes.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If there is none.
    """
    figure, pairs = panels(len(marginals), "Share / bin", label, right)
    for (upper, lower), one in zip(pairs, marginals, strict=True):
        _draw(upper, lower, one)
    footnotes(figure, NOTE)
    return Figure(figure)


def _draw(upper: Axes, lower: Axes, one: Marginal) -> None:
    edges, centres = one.edges, 0.5 * (one.edges[1:] + one.edges[:-1])
    look: dict[str, Any] = {"color": DATA, "marker": "o", "markersize": 1.8, "elinewidth": 0.7, "zorder": 5}
    there = one.proposal > 0
    upper.stairs(one.proposal, edges, color=EXPECTED, linewidth=1.2, baseline=None)
    upper.errorbar(centres[there], one.integrand[there], one.error[there], linestyle="none", **look)
    artists.set_range(upper, np.concatenate([one.integrand, one.proposal]), 0.92)
    if upper.get_yscale() == "linear":  # its zero would stand on the ratio's largest number
        upper.yaxis.set_major_locator(MaxNLocator(nbins=4, prune="lower"))
    ratio, bar = one.integrand[there] / one.proposal[there], one.error[there] / one.proposal[there]
    lower.errorbar(centres[there], ratio, bar, linestyle="none", **look)
    lower.axhline(1, color=NEUTRAL, linewidth=0.7, zorder=1)
    span = min(1.15 * float(np.max(np.abs(ratio - 1), initial=0.1)), FARTHEST)
    lower.set_ylim(1 - span, 1 + span)
    lower.yaxis.set_major_locator(MaxNLocator(nbins=4, prune="upper"))
    lower.set_xlim(edges[0], edges[-1])
    lower.set_xlabel(one.axis, size=9.5, labelpad=2)
    lower.xaxis.set_major_locator(MaxNLocator(nbins=4))
