"""Losses of the flows, epoch by epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hepflow.plots import artists
from hepflow.plots.figure import Figure, canvas, finished, header
from hepflow.plots.style import SEQUENCE, WIDTH, styled
from hepflow.results import Results


@styled
def losses(results: Results, *, label: str = "hepflow") -> Figure:
    """Draw training (dashed) and validation loss (solid) of every flow."""
    figure = canvas(WIDTH, 3.3)
    ax = figure.subplots()
    settled = []
    for index, one in enumerate(results.losses):
        colour = SEQUENCE[1:][index % (len(SEQUENCE) - 1)]
        for name, values in one.items():
            loss = artists.numbers(values)
            ax.plot(np.arange(1, len(loss) + 1), loss, color=colour, **_line(name))
            settled.append(
                loss[min(len(loss) - 1, 1 + len(loss) // 10) :]
            )  # the fall at the start is no news
    finite = np.concatenate(settled)
    finite = finite[np.isfinite(finite)]
    if len(finite):
        low, high = float(finite.min()), float(finite.max())
        margin = 0.08 * (high - low) or 0.1
        ax.set_ylim(low - margin, high + 4 * margin)
    entries = {
        name.capitalize(): Line2D([], [], color="black", **_line(name)) for name in ("validation", "training")
    }
    flows = "1 flow" if len(results.losses) == 1 else f"{len(results.losses)} flows"
    ax.legend(entries.values(), entries.keys(), loc="upper right", title=flows, ncols=2)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    ax.set_xlabel("Epoch")
    ax.set_ylabel("Loss per event")
    header(ax, label, f"{results.name}, {results.method}")
    return finished(figure)


def _line(name: str) -> dict[str, Any]:
    return {
        "linestyle": "-" if "valid" in name else (0, (4, 1.5)),
        "linewidth": 1.3 if "valid" in name else 1.0,
    }
