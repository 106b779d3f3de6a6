"""The bottom line of an unfolding: how well models are told apart before and after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import NullLocator

from hepflow.errors import ConfigError
from hepflow.plots import artists, parameters
from hepflow.plots.figure import Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.style import EXPECTED, SIGNAL, WIDTH, styled
from hepflow.sample import FloatArray

ROW = 0.34  # inches
NOTE = "What is unfolded may tell a model from the simulation no better than data do (arXiv:1607.07038)."


@styled
def bottom_line(
    names: Sequence[str],
    before: FloatArray,
    after: FloatArray,
    *,
    label: Label | str = "hepflow",
    right: str = "",
) -> Figure:
    """Draw chi2 between models and the simulation at detector level and after unfolding.

    Parameters
    ----------
    names
        Of observables and models.
    before, after
        Chi2, shape ``(M,)``.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If the shapes disagree, or there is no model.
    """
    if not names or before.shape != (len(names),) or after.shape != before.shape:
        raise ConfigError(f"bottom line: {before.shape} and {after.shape} for {len(names)} models")
    margin = parameters.margin(names)
    figure = canvas(max(WIDTH, margin + 2.6), 1.3 + ROW * len(names), left=margin, bottom=0.5)
    ax = figure.subplots()
    at = np.arange(len(names))
    ax.plot(before, at, marker="s", linestyle="none", markersize=6, color=EXPECTED, label="Before unfolding")
    ax.plot(after, at, marker="o", linestyle="none", markersize=4, color=SIGNAL, label="After")
    ax.set_yticks(at, parameters.shown(names), size=parameters.SIZE)
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylim(len(names) - 0.5, -1.4)
    both = np.concatenate([before, after])
    if artists.spans(both):
        ax.set_xscale("log")
        positive = both[both > 0]
        ax.set_xlim(0.6 * positive.min(), 1.7 * positive.max())
    else:
        ax.set_xlim(0, 1.15 * float(both.max(initial=1.0)))
    ax.set_xlabel(r"$\chi^2$ between model and simulation")
    ax.legend(loc="upper right", ncols=2)
    header(ax, label, right)
    footnotes(figure, NOTE)
    return finished(figure)
