"""The values of an integral's iterations, and the one that all of them make."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator

from hepflow.errors import ConfigError
from hepflow.plots import artists
from hepflow.plots.figure import WIDE, Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.style import DATA, EXPECTED, WIDTH, styled
from hepflow.sample import FloatArray

NOTE = "Points: equal parts of the calls, each on its own. Line: the mean of all up to there, with its error as band."


@styled
def integral_iterations(
    iterations: FloatArray,
    value: float,
    error: float,
    chi2: float,
    dof: int,
    *,
    exact: float | None = None,
    label: Label | str = "hepflow",
    right: str = "",
) -> Figure:
    """Draw each iteration's distance from the value, in units of its error, and how the mean of all settles.

    Parameters
    ----------
    iterations
        Value and error of each, shape ``(K, 2)``.
    value, error
        Of all together.
    chi2, dof
        Of the iterations about their mean.
    exact
        The integral, where it is known.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If there is no iteration, or the shape is another.
    """
    if iterations.ndim != 2 or iterations.shape[1] != 2 or not len(iterations):
        raise ConfigError(
            f"iterations of shape {iterations.shape}; expected (K, 2), a value and an error each"
        )
    figure = canvas(WIDTH, 3.4, left=WIDE)
    ax = figure.subplots()
    at = np.arange(1, len(iterations) + 1)
    unit = error if error > 0 else 1.0
    each, bar = (iterations[:, 0] - value) / unit, iterations[:, 1] / unit
    mean, spread = np.cumsum(each) / at, np.sqrt(np.cumsum(bar**2)) / at
    mean[-1], spread[-1] = 0.0, error / unit
    ax.fill_between(at, mean - spread, mean + spread, color=EXPECTED, alpha=0.35, linewidth=0)
    ax.plot(at, mean, color=EXPECTED, label=f"All: {artists.with_error(value, error)}")
    look: dict[str, Any] = {"color": DATA, "marker": "o", "markersize": 4, "elinewidth": 0.9}
    ax.errorbar(
        at, each, bar, linestyle="none", label=rf"Iterations: $\chi^2$/dof = {chi2:.1f}/{dof}", **look
    )
    ends = [each - bar, each + bar]
    if exact is not None:
        pull = (exact - value) / unit
        ax.axhline(pull, color="black", linestyle="--", linewidth=0.9, label=f"Exact: {exact:.6g}")
        ends.append(np.array([pull]))
    low, high = float(np.min(np.concatenate(ends))), float(np.max(np.concatenate(ends)))
    span = high - low if high > low else 1.0
    ax.set_ylim(low - 0.08 * span, high + 0.55 * span)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5))
    ax.set_xlim(0.5, len(at) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("Iteration")
    ax.set_ylabel("(Iteration - value) / error of the value", size=9.5)
    ax.legend(loc="upper right")
    header(ax, label, right)
    footnotes(figure, NOTE)
    return finished(figure)
