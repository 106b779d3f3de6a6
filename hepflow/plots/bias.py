"""The bias test: spurious signal and mean pull against mass, for each alternative function."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from hepflow.plots.figure import Figure, canvas, finished, header, stacked
from hepflow.plots.label import Label
from hepflow.plots.masses import set_mass_axis
from hepflow.plots.style import MARKERS, NEUTRAL, SEQUENCE, WIDTH, styled
from hepflow.sample import FloatArray

if TYPE_CHECKING:
    from hepflow.stats.bias import BiasTest

NEGLIGIBLE = 0.5  # of the statistical error: the bias up to which coverage hardly suffers
ROW = 0.13  # height of an entry of the legend, in units of the upper panel's range
LOOKS = tuple(zip(SEQUENCE[1:], MARKERS, cycle(("-", "--", "-.", ":")), strict=False))


@styled
def bias(result: BiasTest, *, label: Label | str = "hepflow", right: str = "") -> Figure:
    """Draw the spurious signal and the mean pull that each alternative function leaves, against mass.

    The band in the panel of pulls reaches to half a standard deviation.

    Parameters
    ----------
    result
        What `hepflow.stats.bias_test` returned.
    label, right
        Text above the left and the right corner; by default the signal in the toys on the right.
    """
    figure = canvas(WIDTH, 4.3)
    upper, lower = stacked(figure, (1.25, 1))
    entries: dict[str, Any] = {}
    for row, (function, shape) in enumerate(zip(result.functions, result.shape_parameters, strict=True)):
        colour, marker, dash = LOOKS[row % len(LOOKS)]
        look: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": dash, "linewidth": 1.0}
        look |= {"markersize": 4, "markerfacecolor": "none"}  # functions may agree to the last digit
        upper.plot(result.mass, result.spurious[row], clip_on=False, **look)
        lower.errorbar(
            result.mass, result.pull[row], result.pull_error[row], elinewidth=0.8, clip_on=False, **look
        )
        entries[f"{function}, {shape} shape parameter{'s' * (shape > 1)}"] = Line2D([], [], **look)
    band = lower.axhspan(-NEGLIGIBLE, NEGLIGIBLE, facecolor=NEUTRAL, alpha=0.2, linewidth=0, zorder=0)
    entries[rf"$|$mean pull$|$ < {NEGLIGIBLE}"] = band
    for ax, values in (
        (upper, result.spurious),
        (lower, np.append(np.abs(result.pull) + result.pull_error, NEGLIGIBLE)),
    ):
        ax.axhline(0, color="black", linewidth=0.7, linestyle=":", zorder=1)
        _set_range(ax, values)
    if result.left_out:
        entries[f"Left out: {', '.join(result.left_out)}"] = Patch(visible=False)
    low, high = upper.get_ylim()
    upper.set_ylim(low, high + (0.07 + ROW * len(entries)) * (high - low))
    upper.legend(entries.values(), entries.keys(), loc="upper right")
    upper.set_ylabel(r"Spurious signal $\mu_\mathrm{sp}$")
    lower.set_ylabel(r"Mean pull of $\hat\mu$")
    set_mass_axis(lower, result.mass)
    header(upper, label, right or _injected(result.injected))
    return finished(figure)


def _set_range(ax: Axes, values: FloatArray) -> None:
    reach = 1.2 * float(np.max(np.abs(values[np.isfinite(values)]), initial=0.0)) or 1.0
    ax.set_ylim(-reach, reach)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))


def _injected(strengths: FloatArray) -> str:
    """Return which signal the toys hold, in words."""
    low, high = float(np.min(strengths)), float(np.max(strengths))
    if low == high:
        return "no signal in the toys" if high == 0 else rf"toys with $\mu$ = {high:.3g}"
    return rf"toys with $\mu$ = {low:.3g} to {high:.3g}"
