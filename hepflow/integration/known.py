"""Integrals whose values are known: to try proposals on, and to see that they are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from hepflow.events import FloatArray
from hepflow.integration.channels import Channel
from hepflow.integration.integrand import Integrand
from hepflow.integration.mappings import BreitWigner


@dataclass(frozen=True, eq=False)
class KnownIntegral:
    """An integrand, its integral, and the channels that suit it.

    Parameters
    ----------
    integrand
        What is integrated.
    exact
        The integral.
    channels
        Mappings of its peaks; none where it has none.
    """

    integrand: Integrand
    exact: float
    channels: tuple[Channel, ...] | None = None


def camel(dim: int, width: float = 0.2) -> KnownIntegral:
    """Return two Gaussians on the diagonal of the unit cube, at 1/3 and 2/3: no grid of axes can follow them.

    Parameters
    ----------
    dim
        The number of axes.
    width
        The a in ``exp(-|x - c|^2 / a^2)``.

    Notes
    -----
    G. P. Lepage, J. Comput. Phys. 27 (1978) 192, sec. 4.
    """
    norm = 1 / (2 * (width * np.sqrt(np.pi)) ** dim)

    def function(x: FloatArray) -> FloatArray:
        each = [np.exp(-np.sum((x - centre) ** 2, axis=1) / width**2) for centre in (1 / 3, 2 / 3)]
        return np.asarray(norm * (each[0] + each[1]))

    inside = [0.5 * (erf((1 - centre) / width) + erf(centre / width)) for centre in (1 / 3, 2 / 3)]
    return KnownIntegral(Integrand(function, dim), float(0.5 * sum(share**dim for share in inside)))


def ring(radius: float = 0.3, width: float = 0.03) -> KnownIntegral:
    """Return a ring around the middle of the unit square, ``exp(-(r - radius)^2 / width^2)``.

    Its integral is that of the inscribed disc: what lies outside is below 1e-15 of it as long as `radius` keeps six
    widths from its edge.
    """

    def function(x: FloatArray) -> FloatArray:
        r = np.hypot(x[:, 0] - 0.5, x[:, 1] - 0.5)
        return np.asarray(np.exp(-(((r - radius) / width) ** 2)))

    inner, outer = radius / width, (0.5 - radius) / width
    linear = 0.5 * np.sqrt(np.pi) * radius * width * (erf(outer) + erf(inner))
    square = 0.5 * width**2 * (np.exp(-(inner**2)) - np.exp(-(outer**2)))
    return KnownIntegral(Integrand(function, 2), float(2 * np.pi * (linear + square)))


def two_resonances(
    dim: int = 2, masses: tuple[float, float] = (0.5, 0.8), width: float = 0.02
) -> KnownIntegral:
    """Return two Breit-Wigner peaks, each in an axis of its own of the unit cube, with an integral of one.

    Parameters
    ----------
    dim
        The number of axes, at least two; the function does not depend on the others.
    masses, width
        Of the resonances, whose squared masses are the axes 0 and 1.
    """
    peaks = tuple(BreitWigner(mass, width) for mass in masses)

    def function(x: FloatArray) -> FloatArray:
        each = [np.exp(peak.forward(x[:, axis], 0.0, 1.0)[1]) for axis, peak in enumerate(peaks)]
        return np.asarray(0.5 * (each[0] + each[1]))

    channels = tuple(Channel({axis: peak}, f"resonance_{axis}") for axis, peak in enumerate(peaks))
    return KnownIntegral(Integrand(function, dim), 1.0, channels)
