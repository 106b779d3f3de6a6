"""The spectrum of weights that unfolding gives to simulated events."""

from __future__ import annotations

from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from hepflow.errors import ConfigError
from hepflow.plots import artists
from hepflow.plots.figure import WIDE, Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.style import EXPECTED, NEUTRAL, WIDTH, styled
from hepflow.sample import FloatArray


@styled
def event_weights(
    edges: FloatArray, counts: FloatArray, share: float, *, label: Label | str = "hepflow", right: str = ""
) -> Figure:
    """Draw how many events got which factor on their simulated weight.

    Parameters
    ----------
    edges
        Of factors, positive, shape ``(B + 1,)``.
    counts
        Events in each bin, ``(B,)``.
    share
        What the weighted events are worth, of what they were.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If the shapes disagree.
    """
    if counts.shape != (len(edges) - 1,):
        raise ConfigError(f"weights: {counts.shape} counts for {len(edges) - 1} bins")
    figure = canvas(WIDTH, 3.2, left=WIDE)
    ax = figure.subplots()
    ax.stairs(counts, edges, fill=True, color=EXPECTED, alpha=0.35, linewidth=0)
    ax.stairs(counts, edges, color=EXPECTED, linewidth=1.2)
    ax.axvline(1, ymax=0.85, color=NEUTRAL, linestyle=":", linewidth=1.0)
    ax.set_xscale("log")
    ax.set_xlim(edges[0], edges[-1])
    wide = edges[-1] >= 10 * edges[0]
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)) if wide else MaxNLocator(6))
    if not wide:
        ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    artists.set_range(ax, counts, 0.85)
    ax.set_xlabel("Factor on the simulated weight")
    ax.set_ylabel("Generated events")
    header(ax, label, right)
    footnotes(
        figure, f"The weighted events are worth {100 * share:.3g} % of what they were: effective sizes."
    )
    return finished(figure)
