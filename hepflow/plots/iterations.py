"""What iterations of an unfolding change, beside the errors that they leave."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator

from hepflow.errors import ConfigError
from hepflow.plots import artists
from hepflow.plots.figure import Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.style import EXPECTED, NEUTRAL, SIGNAL, WIDTH, styled
from hepflow.sample import FloatArray

NOTE = "Root mean squares over the decile bins of all generated columns. Dotted: the iteration that counts."


@styled
def iterations(
    change: FloatArray, error: FloatArray, chosen: int, *, label: Label | str = "hepflow", right: str = ""
) -> Figure:
    """Draw relative changes and errors against the number of iterations.

    Parameters
    ----------
    change, error
        Of each iteration, shape ``(I,)``; errors may be NaN.
    chosen
        The iteration that counts, from 1.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If the shapes disagree, or there is no such iteration.
    """
    if change.shape != error.shape or not 1 <= chosen <= len(change):
        raise ConfigError(f"iterations: {change.shape} changes, {error.shape} errors, iteration {chosen}")
    figure = canvas(WIDTH, 3.4)
    ax = figure.subplots()
    at = np.arange(1, len(change) + 1)
    marks: dict[str, Any] = {"markersize": 5}
    ax.plot(at, 100 * change, marker="o", color=EXPECTED, label="Change by the iteration", **marks)
    ax.plot(at, 100 * error, marker="s", color=SIGNAL, label="Statistical error", linestyle="--", **marks)
    ax.axvline(chosen, ymax=0.72, color=NEUTRAL, linestyle=":", linewidth=1.0)
    artists.set_range(ax, 100 * np.concatenate([change, error]), 0.72)
    ax.set_xlim(0.5, len(change) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("Iteration")
    ax.set_ylabel("Of yields [%]")
    ax.legend(loc="upper right")
    header(ax, label, right)
    footnotes(figure, NOTE)
    return finished(figure)
