"""Pulls and constraints of the nuisance parameters of a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hepflow.errors import ConfigError
from hepflow.plots import parameters
from hepflow.plots.figure import TOP, Figure, canvas, finished, header
from hepflow.plots.label import Label
from hepflow.plots.style import styled

if TYPE_CHECKING:
    from hepflow.stats.diagnostics import Pulls

PANEL = 3.2  # inches across
BOTTOM = 0.75


@styled
def pulls(result: Pulls, *, most: int = 60, label: Label | str = "hepflow", right: str = "") -> Figure:
    """Draw the pull of each nuisance parameter with its post-fit error, over bands of one and two sigma.

    A bar shorter than the inner band shows a parameter that the data constrain. Free normalisations show their value.

    Parameters
    ----------
    result
        What `hepflow.stats.pulls` returned.
    most
        Where there are more parameters, those are drawn that stand farthest from 0 +- 1.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If there is no nuisance parameter.
    """
    if not result.names:
        raise ConfigError("this fit has no nuisance parameters: there are no pulls to draw")
    rows = _farthest(result, most)
    names = [result.names[row] for row in rows]
    left = max(parameters.margin(names), 0.9)
    figure = canvas(
        left + PANEL + 0.22, TOP + parameters.ROW * (len(rows) + 0.2) + BOTTOM, left=left, bottom=BOTTOM
    )
    ax = figure.subplots()
    entries = parameters.draw_pulls(ax, result, rows)
    parameters.set_rows(ax, names)
    ax.set_xlabel(parameters.PULL)
    parameters.legend_below(figure, entries, 3)
    part = f"{len(rows)} of {len(result.names)} parameters" if len(rows) < len(result.names) else ""
    header(ax, label, ", ".join(text for text in (right, part) if text))
    return finished(figure)


def _farthest(result: Pulls, most: int) -> list[int]:
    """Return which parameters to draw, in their order; those without a constraint come before all others."""
    distance = np.abs(result.pulls) + np.abs(1 - result.constraints)
    order = np.argsort(-np.where(np.isnan(distance), np.inf, distance), kind="stable")
    return sorted(int(row) for row in order[:most])
