"""Smooth functions fitted to one spectrum, with the ratio of data and functions to the first of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from hepflow.errors import ConfigError
from hepflow.plots import artists
from hepflow.plots.figure import WIDE, Figure, canvas, finished, footnotes, header, stacked
from hepflow.plots.label import Label
from hepflow.plots.style import DATA, EXPECTED, SEQUENCE, WIDTH, styled
from hepflow.quantity import M_JJ, Quantity
from hepflow.sample import FloatArray

if TYPE_CHECKING:
    from hepflow.smooth import SmoothFit

DASHES = ("--", "-.", ":")
COLOURS = tuple(colour for colour in SEQUENCE[1:] if colour != EXPECTED)
SPAN = 0.9  # the ratio's axis shows at most 1 -+ this
FEW = 50.0  # expected events of a bin that may lie outside the ratio's axis


@styled
def smooth_fits(
    edges: ArrayLike,
    counts: ArrayLike,
    fits: Sequence[SmoothFit],
    *,
    exposure: ArrayLike = 1.0,
    label: Label | str = "hepflow",
    right: str = "",
    sidebands: Sequence[tuple[float, float]] = (),
    resonance: Quantity = M_JJ,
) -> Figure:
    """Draw fitted functions over data, and below the ratio of data and of the other functions to the first.

    The band is the error that the parameters of the first function leave.

    Parameters
    ----------
    edges, counts
        Bin edges (B + 1,) in GeV, and events per bin (B,); NaN where data are not shown.
    fits
        One or more fits of `hepflow.smooth.fit_smooth`.
    exposure
        Counts for an event of the functions, one or one for each bin (B,): that of the fits.
    label, right
        Text above the left and the right corner.
    sidebands
        Where the functions were fitted, to be marked; empty where that is all bins.
    resonance
        What the axis of masses is called.

    Raises
    ------
    ConfigError
        If there is no fit, or `edges` do not fit `counts`.
    """
    edges, counts = np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    if not fits:
        raise ConfigError("no smooth fit to draw: expected one or more")
    if edges.ndim != 1 or counts.shape != (len(edges) - 1,):
        raise ConfigError(f"expected edges (B + 1,) and counts (B,); got {edges.shape} and {counts.shape}")
    exposure = np.asarray(exposure, dtype=np.float64)
    expected = [exposure * fit.expected(edges) for fit in fits]
    error = exposure * fits[0].error(edges)
    figure = canvas(WIDTH, 4.5, left=WIDE)
    upper, lower = stacked(figure, (2.6, 1))
    entries: dict[str, Any] = {
        "Data": Line2D([], [], color=DATA, marker="o", markersize=3.5, linestyle="none")
    }
    entries[_name(fits[0]) + r", $\pm 1\,\sigma$"] = artists.draw_expected(upper, edges, expected[0], error)
    ratio_error = error / expected[0]
    artists.draw_expected(lower, edges, np.ones_like(counts), ratio_error)
    for number, (fit, events) in enumerate(zip(fits[1:], expected[1:], strict=True)):
        look: dict[str, Any] = {
            "color": COLOURS[number % len(COLOURS)],
            "linestyle": DASHES[number % len(DASHES)],
            "linewidth": 1.3,
        }
        upper.stairs(events, edges, baseline=None, zorder=4, **look)
        lower.stairs(events / expected[0], edges, baseline=None, zorder=4, **look)
        entries[_name(fit)] = Line2D([], [], **look)
    for ax, scale in ((upper, 1.0), (lower, 1 / expected[0])):
        artists.draw_points(ax, edges, counts, scale)
    lower.axhline(1, color="black", linewidth=0.7, linestyle=":", zorder=1)
    _set_ratio(lower, [events / expected[0] for events in expected[1:]], counts, expected[0], ratio_error)
    if sidebands:
        entries["Fitted sidebands"] = artists.mark_sidebands(upper, sidebands)
    artists.set_range(upper, np.concatenate([counts, expected[0]]), 0.85 - 0.06 * len(entries), floor=0.2)
    title = r"Function (shape parameters), $\chi^2$ / ndf"
    upper.legend(entries.values(), entries.keys(), loc="upper right", title=title)
    upper.set_ylabel(artists.bin_text(edges))
    lower.set_ylabel("Ratio", loc="center")
    lower.set_xlim(edges[0], edges[-1])
    lower.set_xlabel(resonance.axis)
    header(upper, label, right)
    footnotes(figure, artists.BEYOND if artists.point_beyond(lower, edges, counts / expected[0]) else "")
    return finished(figure)


def _name(fit: SmoothFit) -> str:
    return f"{fit.function.name} ({fit.n_shape}), {fit.chi2:.1f} / {fit.ndf}"


def _set_ratio(
    ax: Axes, ratios: Sequence[FloatArray], counts: FloatArray, expected: FloatArray, error: FloatArray
) -> None:
    """Set the ratio's axis to functions, band and the data of well-filled bins: single events would hide the rest."""
    filled = expected > FEW
    seen = np.concatenate([*ratios, 1 + error, (counts / expected)[filled]])
    reach = min(1.3 * float(np.max(np.abs(seen[np.isfinite(seen)] - 1), initial=0.05)), SPAN)
    ax.set_ylim(1 - reach, 1 + reach)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
