"""Analytic signal shapes, integrated over each bin."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from hepflow.errors import ConfigError
from hepflow.sample import FloatArray
from hepflow.spectrum import Spectrum
from hepflow.stats.signal.template import SignalTemplate


def gaussian_signal(edges: ArrayLike, mass: float, width: float, events: float = 1.0) -> SignalTemplate:
    """Return a Gaussian resonance, integrated over each bin.

    Parameters
    ----------
    edges
        Bin edges, shape ``(B + 1,)``, GeV.
    mass, width
        Mean and standard deviation, GeV.
    events
        Events at signal strength one, those outside the edges included.

    Raises
    ------
    ConfigError
        If the mass is not finite, or width or events are not above zero.
    InputError
        If the resonance lies outside the edges.

    Examples
    --------
    >>> import hepflow as hf
    >>> template = hf.stats.gaussian_signal([3300, 3500, 3700], mass=3500, width=100, events=10)
    >>> template.counts.round(2)
    array([4.77, 4.77])
    """
    cumulative = ndtr(_pulls("Gaussian", edges, mass, width, events))
    return SignalTemplate(events * np.diff(cumulative), name=f"Gaussian, {mass:g} GeV")


def crystal_ball_signal(
    edges: ArrayLike,
    mass: float,
    width: float,
    alpha_low: float,
    n_low: float,
    alpha_high: float,
    n_high: float,
    events: float = 1.0,
) -> SignalTemplate:
    """Return a double-sided Crystal Ball: a Gaussian core that becomes a power law on both sides.

    With ``t = (m - mass) / width`` the density goes as ``exp(-t^2 / 2)`` for ``-alpha_low <= t <= alpha_high``,
    and beyond, with ``a``, ``n`` of that side, as ``exp(-a^2 / 2) [1 + (|t| - a) a / n]^-n``, which continues
    the core with its slope (J. E. Gaiser, SLAC-R-255, appendix F; two-sided in ATLAS, arXiv:1407.6583). Each
    bin holds the integral.

    Parameters
    ----------
    edges
        Bin edges, shape ``(B + 1,)``, GeV.
    mass, width
        Peak and standard deviation of the core, GeV.
    alpha_low, alpha_high
        Where the tails below and above the peak begin, in widths from it.
    n_low, n_high
        Powers of the tails, above one: with less, a tail has no finite integral.
    events
        Events at signal strength one, those outside the edges included.

    Raises
    ------
    ConfigError
        If a parameter is out of its range.
    InputError
        If the resonance lies outside the edges.

    Examples
    --------
    >>> import hepflow as hf
    >>> shape = dict(mass=3500, width=100, alpha_low=1, n_low=3, alpha_high=2, n_high=5)
    >>> template = hf.stats.crystal_ball_signal([3100, 3500, 3900], **shape)
    >>> low, high = template.counts
    >>> bool(low > high)  # the tail towards low masses is the longer one
    True
    """
    if not all(
        0 < alpha < np.inf and 1 < n < np.inf for alpha, n in ((alpha_low, n_low), (alpha_high, n_high))
    ):
        raise ConfigError(
            f"Crystal Ball signal with alpha {alpha_low}, {alpha_high} and n {n_low}, {n_high} below and above "
            "the peak: expected finite alpha above zero, and finite n above one"
        )
    t = _pulls("Crystal Ball", edges, mass, width, events)
    low, high = _tail(alpha_low, alpha_low, n_low), _tail(alpha_high, alpha_high, n_high)
    core = np.sqrt(2 * np.pi) * (ndtr(np.clip(t, -alpha_low, alpha_high)) - ndtr(-alpha_low))
    total = low + np.sqrt(2 * np.pi) * (ndtr(alpha_high) - ndtr(-alpha_low)) + high
    below, above = _tail(-t, alpha_low, n_low), high - _tail(t, alpha_high, n_high)
    return SignalTemplate(events * np.diff(below + core + above) / total, name=f"Crystal Ball, {mass:g} GeV")


def counting_signal(spectrum: Spectrum) -> SignalTemplate:
    """Return one event in the signal region, spread like the background expected there.

    Such a signal has no shape to tell it from the background: the fit counts events, the signal strength is
    the number of signal events in the signal region, and no mass is preferred.
    """
    inside = spectrum.in_signal
    shape = np.where(inside, spectrum.expected, 0.0)
    if not shape.sum() > 0:
        shape = np.where(inside, np.diff(spectrum.edges), 0.0)
    return SignalTemplate(shape / shape.sum(), name="one event")


def _pulls(shape: str, edges: ArrayLike, mass: float, width: float, events: float) -> FloatArray:
    """Return the edges in widths from the mass."""
    if not (width > 0 and np.isfinite(mass) and events > 0):
        raise ConfigError(
            f"{shape} signal at {mass} GeV of width {width} GeV with {events} events: expected a finite "
            "mass, and width and events above zero"
        )
    return np.asarray((np.asarray(edges, dtype=np.float64) - mass) / width)


def _tail(t: ArrayLike, alpha: float, n: float) -> FloatArray:
    """Integrate the tail from `t`, or from `alpha` where that is further out, to infinity."""
    distance = 1.0 + (np.maximum(t, alpha) - alpha) * alpha / n
    return np.asarray(np.exp(-0.5 * alpha**2) * n / (alpha * (n - 1.0)) * distance ** (1.0 - n))
