"""Data and expected events of one channel before and after the fit, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from hepflow.errors import ConfigError
from hepflow.plots import artists, parameters
from hepflow.plots.figure import WIDE, Figure, canvas, finished, header, stacked
from hepflow.plots.label import Label
from hepflow.plots.style import DATA, NEUTRAL, SEQUENCE, SIGNAL, WIDTH, styled
from hepflow.sample import FloatArray

if TYPE_CHECKING:
    from hepflow.stats.diagnostics import ChannelYields, Yields

COLOURS = tuple(colour for colour in SEQUENCE[1:] if colour != SIGNAL)
BAND: dict[str, Any] = {"facecolor": "none", "edgecolor": NEUTRAL, "hatch": "//////", "linewidth": 0}
MOST_TICKS = 10
MOST_IN_TWO, LONG = (
    8,
    16,
)  # entries of a legend in two columns, and letters of one, where both would be too wide
SPAN = 0.9  # the ratio's axis shows at most 1 -+ this


@styled
def post_fit(
    channel: ChannelYields,
    *,
    edges: ArrayLike | None = None,
    axis: str = "Bin",
    label: Label | str = "hepflow",
    right: str | None = None,
) -> Figure:
    """Draw the samples of a channel as fitted, stacked, with data, and the ratio of data to their sum below.

    The hatched band is the error of the fit, with all correlations; the dashed line is the sum before the fit.

    Parameters
    ----------
    channel
        One of the channels that `hepflow.stats.post_fit` returned.
    edges
        Bin edges, shape ``(B + 1,)``, or the two of each bin, ``(B, 2)``, where bins may lie apart; by default bins
        are counted from 1.
    axis
        What they are, with the unit.
    label, right
        Text above the left and the right corner; by default the channel's name on the right.

    Raises
    ------
    ConfigError
        If `edges` do not fit the bins of the channel.
    """
    bins = len(channel.data)
    edges, names = _places(edges, channel.name, bins)
    figure = canvas(WIDTH, 4.5, left=WIDE)
    upper, lower = stacked(figure, (3.2, 1))
    entries = _draw_events(upper, channel, edges)
    crowded = len(entries) > MOST_IN_TWO and max(map(len, entries)) > LONG
    columns: dict[str, Any] = {"ncols": 1, "fontsize": 7} if crowded else {"ncols": 2}
    upper.legend(entries.values(), entries.keys(), loc="upper right", columnspacing=1.2, **columns)
    _draw_ratio(lower, channel, edges)
    upper.set_ylabel("Events / bin")
    lower.set_ylabel("Data / fit", loc="center")
    lower.set_xlim(edges[0], edges[-1])
    lower.set_xlabel(axis)
    if names is not None:
        every = -(-bins // MOST_TICKS)
        lower.set_xticks(np.arange(1, bins + 1, every), names[::every])
        lower.xaxis.set_minor_locator(NullLocator())
    else:
        lower.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    header(upper, label, channel.name if right is None else right)
    return finished(figure)


def _places(edges: ArrayLike | None, channel: str, bins: int) -> tuple[FloatArray, Sequence[str] | None]:
    """Return where bins begin and end along the axis, (B + 1,), and their names where that is no scale."""
    counted = 0.5 + np.arange(bins + 1.0)
    if edges is None:
        return counted, [str(number + 1) for number in range(bins)]
    edges = np.asarray(edges, dtype=np.float64)
    if edges.shape == (bins, 2):
        if not np.array_equal(edges[1:, 0], edges[:-1, 1]):
            return counted, [f"{low:g}–{high:g}" for low, high in edges]
        edges = np.append(edges[:, 0], edges[-1, 1])
    if edges.shape != (bins + 1,):
        raise ConfigError(f"channel {channel!r} has {bins} bins: expected {bins + 1} edges, got {len(edges)}")
    return edges, None


def _draw_events(ax: Axes, channel: ChannelYields, edges: FloatArray) -> dict[str, Any]:
    """Draw the upper panel, and return the entries of its legend."""
    fit, before = channel.post_fit, channel.pre_fit
    bottom, patches = np.zeros(len(channel.data)), {}
    for row, colour in _stack(channel):
        name = channel.samples[row]
        top = bottom + np.maximum(
            fit.events[row], 0.0
        )  # a negative signal takes from the sum, not from the stack
        ax.stairs(top, edges, baseline=bottom, fill=True, color=colour, alpha=0.6, linewidth=0, zorder=1)
        patches[name] = Patch(facecolor=(colour, 0.6))
        bottom = top
    _draw_band(ax, edges, fit.total - _finite(fit), fit.total + _finite(fit))
    ax.stairs(fit.total, edges, baseline=None, color="black", linewidth=0.9, zorder=3)
    ax.stairs(before.total, edges, baseline=None, color=NEUTRAL, linestyle="--", linewidth=1.1, zorder=3)
    artists.draw_points(ax, edges, channel.data)
    shown = np.concatenate([artists.upper_ends(channel.data), fit.total, before.total])
    rows = (len(patches) + 4) // 2
    artists.set_range(ax, shown, max(0.9 - 0.065 * rows, 0.3), floor=0.2)
    return {
        "Data": Line2D([], [], color=DATA, marker="o", markersize=3.5, linestyle="none"),
        **dict(zip(parameters.shown(list(reversed(patches))), reversed(patches.values()), strict=True)),
        "Error of the fit": Patch(**BAND),
        "Before the fit": Line2D([], [], color=NEUTRAL, linestyle="--", linewidth=1.1),
    }


def _stack(channel: ChannelYields) -> list[tuple[int, str]]:
    """Return samples and their colours from the bottom of the stack to its top: small ones first, the signal last."""
    size = channel.post_fit.events.sum(axis=1)
    signal = [row for row, name in enumerate(channel.samples) if name in channel.signal]
    others = sorted(set(range(len(size))) - set(signal), key=lambda row: -size[row])
    coloured = list(zip(others, cycle(COLOURS), strict=False))
    return [*reversed(coloured), *((row, SIGNAL) for row in signal)]


def _draw_ratio(ax: Axes, channel: ChannelYields, edges: FloatArray) -> None:
    fit = channel.post_fit
    inverse = np.divide(1.0, fit.total, out=np.full(len(fit.total), np.nan), where=fit.total > 0)
    error, before = _finite(fit) * inverse, channel.pre_fit.total * inverse
    _draw_band(ax, edges, np.nan_to_num(1 - error, nan=1.0), np.nan_to_num(1 + error, nan=1.0))
    ax.axhline(1, color="black", linewidth=0.9, zorder=3)
    ax.stairs(before, edges, baseline=None, color=NEUTRAL, linestyle="--", linewidth=1.1, zorder=3)
    artists.draw_points(ax, edges, channel.data, inverse)
    seen = np.concatenate([channel.data * inverse, before, 1 + error])
    reach = min(1.2 * float(np.max(np.abs(seen[np.isfinite(seen)] - 1), initial=0.05)), SPAN)
    ax.set_ylim(1 - reach, 1 + reach)
    artists.point_beyond(ax, edges, channel.data * inverse)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))


def _draw_band(ax: Axes, edges: FloatArray, low: FloatArray, high: FloatArray) -> None:
    ax.stairs(np.maximum(high, 0.0), edges, baseline=np.maximum(low, 0.0), fill=True, zorder=2, **BAND)


def _finite(fit: Yields) -> FloatArray:
    """Return the errors of the sum, zero where a parameter that the data do not determine makes it infinite."""
    errors: FloatArray = np.where(np.isfinite(fit.total_errors), fit.total_errors, 0.0)
    return errors
