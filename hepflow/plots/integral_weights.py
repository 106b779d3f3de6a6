"""The spectrum of the weights of an integral's points, and what it leaves of them as events of equal weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from hepflow.errors import ConfigError
from hepflow.plots import artists
from hepflow.plots.figure import WIDE, Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.style import NEUTRAL, SEQUENCE, WIDTH, styled
from hepflow.sample import FloatArray

COLOURS = SEQUENCE[1:]  # the neutral one marks the mean
FILLED = 0.7
NARROW = 100.0  # a ratio of largest to smallest weight up to which numbers stand between decades


@dataclass(frozen=True, eq=False)
class WeightSpectrum:
    """The weights of points, over their mean size.

    Parameters
    ----------
    name
        What drew the points.
    edges
        Of the bins of sizes over their mean, positive, shape ``(B + 1,)``.
    shares
        Of the points in each bin, ``(B,)``.
    tops
        Weights over the mean at which events are always kept: the largest weight, and the one at 0.1 % overweight.
    efficiencies
        The share of events that stay, for each of the two.
    below
        Share of points below the lowest edge, with those of no weight.
    """

    name: str
    edges: FloatArray
    shares: FloatArray
    tops: tuple[float, float]
    efficiencies: tuple[float, float]
    below: float = 0.0

    def __post_init__(self) -> None:
        if self.shares.shape != (len(self.edges) - 1,) or not np.all(self.edges > 0):
            raise ConfigError(
                f"weights of {self.name!r}: {self.shares.shape} shares for {len(self.edges) - 1} bins; expected one "
                "a bin, and positive edges"
            )


@styled
def integral_weights(
    spectra: Sequence[WeightSpectrum], *, label: Label | str = "hepflow", right: str = ""
) -> Figure:
    """Draw the weights of one or more sets of points, with the weights at which events are always kept.

    Parameters
    ----------
    spectra
        At most seven.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If there is none, or are too many.
    """
    if not 1 <= len(spectra) <= len(COLOURS):
        raise ConfigError(f"{len(spectra)} spectra of weights; expected 1 to {len(COLOURS)}")
    figure = canvas(WIDTH, 3.4, left=WIDE)
    ax = figure.subplots()
    for one, colour in zip(spectra, COLOURS, strict=False):
        efficiency = f"{artists.percent(one.efficiencies[0])}, {artists.percent(one.efficiencies[1])}"
        ax.stairs(one.shares, one.edges, color=colour, linewidth=1.3, label=f"{one.name}: {efficiency}")
        for top, style in zip(one.tops, ("-", "--"), strict=True):
            ax.axvline(top, ymax=FILLED, color=colour, linestyle=style, linewidth=0.8, zorder=1)
    ax.axvline(1, ymax=FILLED, color=NEUTRAL, linestyle=":", linewidth=1.0, zorder=1)
    ax.set_xscale("log")
    ends = [(one.edges[0], 1.3 * max(one.edges[-1], one.tops[0])) for one in spectra]
    ax.set_xlim(min(low for low, _ in ends), max(high for _, high in ends))
    low, high = ax.get_xlim()
    if high / low < NARROW:
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        ax.xaxis.set_major_locator(LogLocator(numticks=8))
    artists.set_range(ax, np.concatenate([one.shares for one in spectra]), FILLED)
    ax.set_xlabel("Size of the weight over its mean")
    ax.set_ylabel("Share of points")
    ax.legend(loc="upper left", title="Unweighting efficiency at no and 0.1% overweight", alignment="left")
    header(ax, label, right)
    below = [
        f"{one.name}: {100 * one.below:.2g}% of the points lie further left or have no weight."
        for one in spectra
        if one.below > 0
    ]
    footnotes(
        figure,
        "Lines: weights from which events are always kept; full: the largest, dashed: at 0.1% overweight.",
        *below,
    )
    return finished(figure)
