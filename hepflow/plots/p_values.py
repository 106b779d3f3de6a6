"""p-values in figures: as a person writes them, and an axis of them with lines of whole standard deviations."""

from __future__ import annotations

from math import floor, inf, log10
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from scipy.special import ndtr

from hepflow.plots.artists import with_error
from hepflow.plots.style import NEUTRAL

if TYPE_CHECKING:
    from hepflow.stats.global_p import GlobalSignificance

PLAIN = -3  # p-values below this power of ten are written as powers of ten
ROUNDED_UP = -log10(0.995)  # 9.95 is written as 1.0 times the next power
SMALLEST = 1e-180  # that an axis shows (28 sigma), with room below that a float can hold
CLOSE = 0.1  # of the height: names of lines nearer than that would stand on each other


def p_text(p: float) -> str:
    """Return a p-value with two digits: 0.023, or 3.4 times a power of ten."""
    return power_text(log10(p)) if p > 0 else "0"


def power_text(exponent: float) -> str:
    """Return ``10^exponent`` as `p_text` does; a p-value may be smaller than a float can be."""
    if exponent >= PLAIN:
        return f"{10**exponent:.2g}"
    power = floor(exponent + ROUNDED_UP)
    return rf"$\mathdefault{{{10 ** (exponent - power):.1f} \times 10^{{{power}}}}}$"


def toys_text(p: float, error: float, toys: int) -> str:
    """Return what toys say of a p-value, with the sign before it: its value and error, or below what it is."""
    if not p > 0:
        return f"< {p_text(1 / toys)}"
    if not error > 0:
        return f"= {p_text(p)}"
    return f"= {with_error(p, error)}"


def z_text(z: float) -> str:
    """Return a significance in standard deviations."""
    return rf"{z:.1f}$\,\sigma$"


def global_texts(found: GlobalSignificance) -> tuple[str, str]:
    """Return the global p-value, with the sign before it, and the significance, from toys and from upcrossings."""
    by_toys = f"< {p_text(found.p)}, > {z_text(found.z)}"
    if found.reached:
        by_toys = f"{toys_text(found.p, found.p_error, len(found.max_z))}, {z_text(found.z)}"
    return by_toys, f"= {p_text(found.p_upcrossings)}, {z_text(found.z_upcrossings)}"


def set_p_axis(ax: Axes, smallest: float, filled: float, least: int = 3) -> None:
    """Make y a logarithmic axis of local p-values from 1 down, with a line and a name on the right at whole sigma.

    Parameters
    ----------
    ax
        Axes to set.
    smallest
        p-value that must be seen.
    filled
        Share of the height above it, and above the lowest line; text stands below.
    least
        Sigma of the lowest line, at least.
    """
    smallest = max(smallest, SMALLEST)
    levels = range(1, least + 1)
    while ndtr(-float(levels[-1])) > smallest:
        levels = range(1, levels[-1] + 2)
    lowest = log10(ndtr(-float(levels[-1])))
    beside: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "va": "center", "color": NEUTRAL}
    last = inf
    for level in levels[::-1]:
        p = float(ndtr(-float(level)))
        place = log10(p) / lowest
        if last - place < CLOSE:  # of small ones, which stand close together where the axis goes far down
            continue
        last = place
        ax.axhline(p, color=NEUTRAL, linewidth=0.8, linestyle="--", zorder=1)
        ax.text(1.01, p, rf"${level}\,\sigma$", size=8.5, **beside)
    ax.set_yscale("log")
    ax.set_ylim(10 ** (lowest / filled), 1.0)
