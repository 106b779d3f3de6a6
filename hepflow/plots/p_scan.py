"""Local p-values against the mass of the signal, and what the largest excess is worth in the whole scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from hepflow.errors import ConfigError
from hepflow.plots.figure import Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.masses import draw_masses, left_out, set_mass_axis
from hepflow.plots.p_values import SMALLEST, global_texts, p_text, set_p_axis, z_text
from hepflow.plots.style import SIGNAL, WIDTH, styled

if TYPE_CHECKING:
    from hepflow.stats.scan import Scan

FILLED = 0.66  # share of the height above the lowest line; text stands below
MARK: dict[str, Any] = {"color": SIGNAL, "marker": "o", "markersize": 8, "markerfacecolor": "none"}


@styled
def p_scan(
    scan: Scan,
    *,
    expected: ArrayLike | None = None,
    expected_name: str = r"Expected, $\mu$ = 1",
    label: Label | str = "hepflow",
    right: str = "",
) -> Figure:
    """Draw the local p-value of every mass, with the largest excess marked.

    Below stand its local p-value and, where the scan has them, its global ones, from toys and from upcrossings.

    Parameters
    ----------
    scan
        What `hepflow.stats.MassScan.run` returned; `global_significance` put into it with `dataclasses.replace`.
    expected
        p-values that a signal is expected to have, shape ``(M,)``, of `hepflow.stats.expected_p0`, as a dashed line.
    expected_name
        Its name in the legend.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If no mass has a p-value.
    """
    if not np.any(np.isfinite(scan.z)):
        raise ConfigError("this scan holds no p-value to draw: see its problems")
    best = int(np.nanargmax(scan.z))
    figure = canvas(WIDTH, 3.9, right=0.38)
    ax = figure.subplots()
    p = np.maximum(scan.p0, SMALLEST)
    entries = draw_masses(ax, scan.mass, p, scan.calculator, "Observed")
    ax.plot(scan.mass[best], p[best], zorder=7, clip_on=False, **MARK)
    smallest = float(p[best])
    if expected is not None:
        aim = np.maximum(np.asarray(expected, dtype=np.float64), SMALLEST)
        look: dict[str, Any] = {"color": SIGNAL, "linestyle": "--"}
        ax.plot(scan.mass, aim, zorder=4, **look)
        entries[expected_name] = Line2D([], [], **look)
        smallest = float(np.nanmin([smallest, *aim]))
    set_p_axis(ax, smallest, FILLED)
    lines = [
        f"Largest excess at {scan.mass[best]:g} GeV",
        rf"Local $p$ = {p_text(scan.p0[best])}, {z_text(scan.z[best])}",
    ]
    if scan.global_significance is not None:
        by_toys, by_upcrossings = global_texts(scan.global_significance)
        lines += [rf"Global $p$ {by_toys} (toys)", rf"Global $p$ {by_upcrossings} (upcrossings)"]
    ax.text(0.035, 0.035, "\n".join(lines), transform=ax.transAxes, va="bottom", size=9, linespacing=1.35)
    ax.legend(entries.values(), entries.keys(), loc="upper right", bbox_to_anchor=(1, 1 - FILLED))
    set_mass_axis(ax, scan.mass)
    ax.set_ylabel(r"Local $p_0$")
    header(ax, label, right)
    footnotes(figure, left_out(scan.mass, scan.p0, "p-value"))
    return finished(figure)
