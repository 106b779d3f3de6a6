"""Losses of the flows, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hepflow.plots import artists
from hepflow.plots.figure import Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.style import SEQUENCE, WIDTH, styled
from hepflow.results import Results


@styled
def losses(results: Results, *, label: Label | str = "hepflow") -> Figure:
    """Draw training (dashed) and validation loss (solid) of every flow.

    Of a long training the first tenth, where the loss falls steeply, is left out; a line below the figure says so.
    """
    return flow_losses(results.losses, label=label, right=f"{results.name}, {results.method}")


@styled
def flow_losses(
    found: Sequence[Mapping[str, Sequence[float | None]]], *, label: Label | str = "hepflow", right: str = ""
) -> Figure:
    """Draw losses as `losses` does.

    Parameters
    ----------
    found
        Of each flow its training and its validation loss by these names, epoch by epoch.
    label, right
        Text above the left and the right corner.
    """
    figure = canvas(WIDTH, 3.3)
    ax = figure.subplots()
    shown = []
    longest = max((len(values) for one in found for values in one.values()), default=0)
    start = longest // 10
    for index, one in enumerate(found):
        colour = SEQUENCE[1:][index % (len(SEQUENCE) - 1)]
        for name, values in one.items():
            loss = artists.numbers(values)
            skipped = min(start, max(len(loss) - 1, 0))  # one that stopped early keeps its last
            ax.plot(np.arange(skipped + 1, len(loss) + 1), loss[skipped:], color=colour, **_line(name))
            shown.append(loss[skipped:])
    finite = np.concatenate(shown)
    finite = finite[np.isfinite(finite)]
    if len(finite):
        low, high = float(finite.min()), float(finite.max())
        margin = 0.05 * (high - low) or 0.1
        ax.set_ylim(low - margin, high + 5 * margin)  # the legend stands above
    entries = {
        name.capitalize(): Line2D([], [], color="black", **_line(name)) for name in ("validation", "training")
    }
    flows = "1 flow" if len(found) == 1 else f"{len(found)} flows"
    ax.legend(entries.values(), entries.keys(), loc="upper right", title=flows, ncols=2)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    ax.set_xlabel("Epoch")
    ax.set_ylabel("Loss per event")
    header(ax, label, right)
    footnotes(figure, f"Left out: epochs 1 to {start} of {longest}." if start else "")
    return finished(figure)


def _line(name: str) -> dict[str, Any]:
    return {
        "linestyle": "-" if "valid" in name else (0, (4, 1.5)),
        "linewidth": 1.3 if "valid" in name else 1.0,
    }
