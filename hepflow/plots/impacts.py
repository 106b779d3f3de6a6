"""Impacts of the nuisance parameters on the signal strength, beside their pulls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from hepflow.errors import ConfigError
from hepflow.plots import artists, parameters
from hepflow.plots.figure import TOP, Figure, canvas, finished, header
from hepflow.plots.label import Label
from hepflow.plots.style import EXPECTED, SIGNAL, styled

if TYPE_CHECKING:
    from hepflow.stats.diagnostics import Impacts

PANELS = (2.1, 2.6)  # inches across
BETWEEN = 0.2
BOTTOM = 0.95
SIDES = ((EXPECTED, r"-1\,\sigma"), (SIGNAL, r"+1\,\sigma"))


@styled
def impacts(result: Impacts, *, most: int = 20, label: Label | str = "hepflow", right: str = "") -> Figure:
    r"""Draw how far one standard deviation of each nuisance parameter moves the signal strength, the largest on top.

    Full bars are post-fit impacts, empty ones pre-fit; on the left stands the pull of the same parameter.

    Parameters
    ----------
    result
        What `hepflow.stats.impacts` returned.
    most
        How many parameters to draw.
    label, right
        Text above the left and the right corner; the fitted signal strength stands behind `right`.

    Raises
    ------
    ConfigError
        If there is no nuisance parameter.
    """
    names = result.parameters.names[:most]
    if not names:
        raise ConfigError("this fit has no nuisance parameters: there are no impacts to draw")
    left = max(parameters.margin(names), 0.9)
    width = left + sum(PANELS) + BETWEEN + 0.22
    figure = canvas(width, TOP + parameters.ROW * (len(names) + 0.2) + BOTTOM, left=left, bottom=BOTTOM)
    gap = BETWEEN / (sum(PANELS) / 2)
    pull, impact = figure.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": PANELS, "wspace": gap})
    bands = parameters.draw_pulls(pull, result.parameters, range(len(names)))
    entries = {name: bands[name] for name in list(bands)[1:]} | _draw_impacts(impact, result, len(names))
    parameters.set_rows(pull, names)
    impact.tick_params(axis="y", which="both", length=0, labelleft=False)
    pull.set_xlabel(parameters.PULL, loc="center")
    impact.set_xlabel(r"Impact $\hat\mu(\hat\theta \pm \Delta\theta) - \hat\mu$", loc="center")
    parameters.legend_below(figure, entries, 3)
    fitted = rf"$\hat\mu$ = {artists.with_error(result.mu_hat, result.mu_hat_error)}"
    part = f"{len(names)} of {len(result.parameters.names)}" if most < len(result.parameters.names) else ""
    header(pull, label, ", ".join(text for text in (right, part, fitted) if text), last=impact)
    return finished(figure)


def _draw_impacts(ax: Axes, result: Impacts, count: int) -> dict[str, Any]:
    """Draw the bars, and return the entries of the legend."""
    places, entries, shown = np.arange(count), {}, np.zeros(1)
    for side, (colour, name) in enumerate(SIDES):
        before, after = result.pre_fit[:count, side], result.post_fit[:count, side]
        shown = np.concatenate([shown, before, after])
        ax.barh(places, np.nan_to_num(after), 0.62, color=colour, alpha=0.75, linewidth=0, zorder=2)
        ax.barh(places, np.nan_to_num(before), 0.8, color="none", edgecolor=colour, linewidth=0.8, zorder=3)
        entries[rf"${name}$, post-fit"] = Patch(facecolor=(colour, 0.75))
        entries[rf"${name}$, pre-fit"] = Patch(facecolor="none", edgecolor=colour)
    ax.axvline(0, color="black", linewidth=0.7, zorder=4)
    reach = 1.12 * float(np.nanmax(np.abs(shown))) or 1.0
    ax.set_xlim(-reach, reach)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10], symmetric=True))
    return entries
