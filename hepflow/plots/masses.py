"""Values against the mass of the signal, a point a mass that shows where toys were thrown."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hepflow.plots.style import DATA
from hepflow.sample import FloatArray

MASS = r"Signal mass $m_X$ [GeV]"
MOST = 8  # masses that a line below the figure names
FACES = {"asymptotic": DATA, "toys": "white"}


def draw_masses(
    ax: Axes, mass: FloatArray, values: FloatArray, calculators: tuple[str, ...], name: str
) -> dict[str, Any]:
    """Draw values (M,) at masses (M,): full points are asymptotic, open ones from toys; return the legend's entries.

    The line breaks off where a value is NaN.
    """
    ax.plot(mass, values, color=DATA, zorder=5)
    entries: dict[str, Any] = {}
    for calculator, face in FACES.items():
        chosen = np.array([one == calculator for one in calculators]) & np.isfinite(values)
        if np.any(chosen):
            look: dict[str, Any] = {"color": DATA, "marker": "o", "markersize": 3, "markerfacecolor": face}
            ax.plot(mass[chosen], values[chosen], linestyle="none", zorder=6, clip_on=False, **look)
            entries[f"{name}, {calculator}"] = Line2D([], [], **look)
    return entries


def set_mass_axis(ax: Axes, mass: FloatArray) -> None:
    """Let x reach from the first mass to the last; a single one has room on both sides."""
    low, high = float(mass[0]), float(mass[-1])
    ax.set_xlim((low, high) if high > low else (0.9 * low, 1.1 * high))
    ax.set_xlabel(MASS)


def left_out(mass: FloatArray, values: FloatArray, what: str) -> str:
    """Return in words at which masses there is no value to draw; nothing where there is one at each."""
    missing = [f"{one:g}" for one in mass[~np.isfinite(values)]]
    more = f" and {len(missing) - MOST} more" if len(missing) > MOST else ""
    return f"Left out, without a {what}: {', '.join(missing[:MOST])}{more} GeV." if missing else ""
