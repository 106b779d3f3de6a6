"""How often intervals of posteriors hold the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hepflow.errors import ConfigError
from hepflow.plots.figure import Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.style import MARKERS, NEUTRAL, SEQUENCE, WIDTH, styled
from hepflow.sample import FloatArray

FEW = 8  # columns with a line of their own in the legend
NOTE = "Dashed, thin: the control, posteriors with halved errors, which must be off."


@styled
def posterior_coverage(
    levels: FloatArray,
    found: FloatArray,
    control: FloatArray,
    names: Sequence[str],
    *,
    label: Label | str = "hepflow",
    right: str = "",
) -> Figure:
    """Draw by how much central intervals hold the truth more often than they should.

    Parameters
    ----------
    levels
        Nominal, shape ``(L,)``.
    found, control
        Share of events whose truth is inside, and that of posteriors that are too narrow, ``(L, D)``.
    names
        Of the D columns.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If the shapes disagree.
    """
    shape = (len(levels), len(names))
    if found.shape != shape or control.shape != shape:
        raise ConfigError(f"coverage of shapes {found.shape} and {control.shape}; expected {shape}")
    figure = canvas(WIDTH, 3.6)
    ax = figure.subplots()
    ax.plot([0, 1], [0, 1], color=NEUTRAL, linewidth=0.9)
    for number, name in enumerate(names):
        colour = SEQUENCE[(number + 1) % len(SEQUENCE)]
        mark = MARKERS[number % len(MARKERS)]
        own = name if number < FEW else None
        ax.plot(
            levels, found[:, number], color=colour, marker=mark, markersize=3, linestyle="none", label=own
        )
        ax.plot(levels, control[:, number], color=colour, linestyle="--", linewidth=0.7)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, max(1.0, float(np.max(found))))
    ax.set_xlabel("Nominal coverage")
    ax.set_ylabel("Found coverage")
    ax.legend(loc="upper left")
    header(ax, label, right)
    footnotes(figure, NOTE)
    return finished(figure)
