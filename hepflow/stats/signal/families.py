"""Signals of any mass: a function from a mass to the shape of the signal there, as a scan over masses wants it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from hepflow.errors import ConfigError, InputError
from hepflow.sample import FloatArray
from hepflow.stats.signal.shapes import gaussian_signal
from hepflow.stats.signal.template import SignalShape

SignalFamily: TypeAlias = Callable[[float], SignalShape]
"""From a mass in GeV to the shape of a signal there; ``SignalMorph.at`` is one."""

_REACH = 2.0  # widths: nearer to an end, too little spectrum stands beside the signal to tell the background


def gaussian_family(relative_width: float, events: float = 1.0) -> SignalFamily:
    """Return the family of Gaussians whose width grows with the mass.

    Parameters
    ----------
    relative_width
        Standard deviation over mass, between 0 and 1.
    events
        Events at signal strength one.

    Raises
    ------
    ConfigError
        If `relative_width` is not between 0 and 1; once a shape is binned, if `events` is not above zero.

    Examples
    --------
    >>> import hepflow as hf
    >>> family = hf.stats.gaussian_family(relative_width=0.03, events=100)
    >>> family(3500)([3395, 3605]).counts.round()  # one standard deviation to both sides
    array([68.])
    """
    check_width(relative_width)

    def at(mass: float) -> SignalShape:
        return partial(gaussian_signal, mass=mass, width=relative_width * mass, events=events)

    return at


def scan_masses(edges: ArrayLike, counts: ArrayLike, relative_width: float) -> FloatArray:
    """Return round masses to scan, rising, shape ``(M,)``, GeV: a width of the signal apart or less.

    They reach from two widths above the lower end of the spectrum to two widths below its last event.

    Parameters
    ----------
    edges, counts
        Bin edges (B + 1,) in GeV and events per bin (B,).
    relative_width
        Standard deviation of the signal over its mass, between 0 and 1.

    Raises
    ------
    ConfigError
        If `relative_width` is not between 0 and 1, or so large that no mass is left.
    InputError
        If the spectrum has no event.

    Examples
    --------
    >>> import hepflow as hf
    >>> hf.stats.scan_masses(edges=[2000, 2500, 3000], counts=[100, 10], relative_width=0.05)
    array([2300., 2400., 2500., 2600., 2700.])
    """
    check_width(relative_width)
    edges, counts = np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    filled = np.flatnonzero(counts > 0)
    if not len(filled):
        raise InputError("the spectrum has no event: there is nothing to scan")
    end = float(edges[filled[-1] + 1])
    high = end / (1.0 + _REACH * relative_width)
    low = float(edges[0]) / (1.0 - _REACH * relative_width) if _REACH * relative_width < 1 else np.inf
    if not 0 < low < high:
        raise ConfigError(
            f"a signal of relative width {relative_width:g} fits nowhere into {edges[0]:g} to {end:g} GeV: take a "
            "narrower one, or give the masses to scan"
        )
    step = _round_below(relative_width * low)
    return step * np.arange(np.ceil(low / step), np.floor(high / step) + 1)


def check_width(relative_width: float) -> None:
    """Raise ConfigError unless a relative width lies between 0 and 1."""
    if not 0 < relative_width < 1:
        raise ConfigError(
            f"relative width {relative_width:g}: expected a number between 0 and 1, such as 0.03 for three per cent"
        )


def _round_below(value: float) -> float:
    """Return the largest 1, 2 or 5 times a power of ten that is not above a value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * max(factor for factor in (1.0, 2.0, 5.0) if factor * power <= value * (1 + 1e-9)))
