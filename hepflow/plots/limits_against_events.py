"""The limit on a signal against the number of generated background events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from hepflow.errors import ConfigError
from hepflow.plots import artists
from hepflow.plots.figure import Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.style import MARKERS, NEUTRAL, SEQUENCE, WIDTH, styled
from hepflow.sample import FloatArray

FILLED = 0.66  # share of the height below the highest point; the legend stands above
NOTE = (
    "Dashed: staterror of the generated number alone, as if the flow knew the truth. It falls on below what the "
    "training allows, which is wrong."
)
MISSING = "Points without a limit are left out."


@dataclass(frozen=True, eq=False)
class EventLimit:
    """Limits for one relative error of the background's yield.

    Parameters
    ----------
    uncertainty
        That error.
    limits, staterror
        Limits at each number of generated events, with the error of the training and without it, shape ``(K,)``; NaN
        where there is none.
    plain
        The limit of the training's events used as they are; NaN where there is none.
    """

    uncertainty: float
    limits: FloatArray
    staterror: FloatArray
    plain: float


@styled
def limits_against_events(
    generated: Sequence[int],
    trained: int,
    curves: Sequence[EventLimit],
    *,
    label: Label | str = "hepflow",
    right: str = "",
) -> Figure:
    """Draw expected limits against the number of generated events, with the error of the training and without.

    Parameters
    ----------
    generated
        Numbers of events, (K,).
    trained
        Events that were learned from, where the limits of these as they are stand.
    curves
        One for each relative error of the background's yield.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If there is no curve, or one has another length.
    """
    if not curves or any(len(one.limits) != len(generated) for one in curves):
        raise ConfigError(f"limits for {len(generated)} numbers of events; expected curves of as many")
    figure = canvas(WIDTH, 3.9)
    ax = figure.subplots()
    x = np.asarray(generated, dtype=np.float64)
    entries: dict[str, Any] = {}
    for number, one in enumerate(curves):
        colour, marker = SEQUENCE[1 + number % (len(SEQUENCE) - 1)], MARKERS[number % len(MARKERS)]
        ax.plot(x, one.limits, color=colour, marker=marker, zorder=4)
        ax.plot(x, one.staterror, color=colour, linestyle=(0, (4, 1.5)), linewidth=1.0, zorder=3)
        ax.plot([trained], [one.plain], color=colour, marker=marker, fillstyle="none", markersize=7, zorder=5)
        entries[f"Background known to {artists.percent(one.uncertainty)}"] = Line2D(
            [], [], color=colour, marker=marker
        )
    black: dict[str, Any] = {"color": "black"}
    entries["With the error of the training"] = Line2D([], [], **black)
    entries["Staterror alone (wrong)"] = Line2D([], [], linestyle=(0, (4, 1.5)), linewidth=1.0, **black)
    entries[f"The {trained:,} training events as they are"] = Line2D(
        [], [], linestyle="none", marker="o", fillstyle="none", markersize=7, **black
    )
    ax.axvline(trained, color=NEUTRAL, linewidth=0.7, linestyle=":", zorder=1, ymax=FILLED)
    shown = np.concatenate([[*one.limits, *one.staterror, one.plain] for one in curves])
    ax.set_xscale("log")
    artists.set_range(ax, shown, FILLED)
    ax.set_xlim(0.8 * min(x.min(), trained), 1.25 * max(x.max(), trained))
    ax.set_xlabel("Generated background events")
    ax.set_ylabel(r"Expected 95% CL$_s$ upper limit on $\mu$")
    ax.legend(entries.values(), entries.keys(), loc="upper right", fontsize=8)
    header(ax, label, right)
    footnotes(figure, NOTE, "" if np.all(np.isfinite(shown)) else MISSING)
    return finished(figure)
