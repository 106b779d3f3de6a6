"""Drell-Yan: p p -> Z/gamma* -> mu+ mu- at leading order, with simple parton densities, and its momenta."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import beta

from hepflow.events import FloatArray
from hepflow.integration.channels import Channel
from hepflow.integration.integrand import Integrand
from hepflow.integration.known import KnownIntegral
from hepflow.integration.mappings import BreitWigner, PowerLaw

PICOBARN = 3.893793721e8  # of GeV^-2
ALPHA, SIN2 = 1 / 128, 0.2312  # couplings at the mass of the Z
Z_MASS, Z_WIDTH = 91.1876, 2.4952  # GeV


@dataclass(frozen=True)
class Quark:
    """A flavour: charge, isospin, and its densities ``x f(x) = sum of norm x^a (1 - x)^b``.

    Parameters
    ----------
    charge, isospin
        Of the quark.
    valence
        Norm, a and b of the valence; its integral is the number of valence quarks.
    sea
        Norm, a and b of quarks and antiquarks in the sea.
    """

    charge: float
    isospin: float
    valence: tuple[float, float, float]
    sea: tuple[float, float, float]

    def densities(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return f(x) of quark and antiquark, each of the shape of x."""
        valence, sea = (norm * x ** (a - 1) * (1 - x) ** b for norm, a, b in (self.valence, self.sea))
        return valence + sea, sea


def _valence(number: int, a: float, b: float) -> tuple[float, float, float]:
    return number / beta(a, b + 1), a, b


SEA = (0.17, -0.25, 8.0)
QUARKS = (
    Quark(2 / 3, 0.5, _valence(2, 0.6, 3.0), SEA),
    Quark(-1 / 3, -0.5, _valence(1, 0.6, 4.0), SEA),
    Quark(-1 / 3, -0.5, (0.0, 1.0, 1.0), (SEA[0] / 2, *SEA[1:])),
)


def _couplings(quark: Quark, s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return A and B of ``A (1 + cos^2) + B cos`` at s in GeV^2; the lepton has charge -1 and isospin -1/2."""
    propagator = s / (s - Z_MASS**2 + 1j * Z_MASS * Z_WIDTH) / (4 * SIN2 * (1 - SIN2))
    vq, aq = quark.isospin - 2 * quark.charge * SIN2, quark.isospin
    vl, al = -0.5 + 2 * SIN2, -0.5
    size, real = np.abs(propagator) ** 2, propagator.real
    even = quark.charge**2 - 2 * quark.charge * vq * vl * real + (vq**2 + aq**2) * (vl**2 + al**2) * size
    odd = -4 * quark.charge * aq * al * real + 8 * vq * aq * vl * al * size
    return np.asarray(even), np.asarray(odd)


def _luminosities(quark: Quark, m: FloatArray, y: FloatArray, energy: float) -> tuple[FloatArray, FloatArray]:
    """Return the products of densities with the quark in the first and in the second proton."""
    x1, x2 = (np.minimum(m / energy * np.exp(sign * y), 1.0) for sign in (1, -1))
    (q1, a1), (q2, a2) = quark.densities(x1), quark.densities(x2)
    return q1 * a2, a1 * q2


def drell_yan(low: float = 10.0, high: float = 500.0, energy: float = 13_000.0) -> KnownIntegral:
    """Return the cross-section of p p -> Z/gamma* -> mu+ mu- at leading order, in picobarn.

    Parameters
    ----------
    low, high
        Of the mass of the muons, in GeV.
    energy
        Of the collision, in GeV.

    Returns
    -------
    KnownIntegral
        Axes: the mass in GeV; the rapidity over the largest that is allowed, in [-1, 1]; the cosine of the angle
        of the mu- to the first proton, in the frame of the pair; its azimuth. The value comes from a quadrature.
        Channels are the Z and the photon.

    Notes
    -----
    R. K. Ellis, W. J. Stirling, B. R. Webber, QCD and Collider Physics, ch. 9. The parton densities are powers of
    x and 1 - x with the right numbers of valence quarks, and depend on no scale: they are to try integration on.
    """

    def function(x: FloatArray) -> FloatArray:
        m, share, cosine = x[:, 0], x[:, 1], x[:, 2]
        most = np.log(energy / m)
        total = np.zeros(len(x))
        for quark in QUARKS:
            even, odd = _couplings(quark, m**2)
            first, second = _luminosities(quark, m, share * most, energy)
            total += (first + second) * even * (1 + cosine**2) + (first - second) * odd * cosine
        return np.asarray(total * _flux(m, energy) * most / (2 * np.pi))

    box = [(low, high), (-1.0, 1.0), (-1.0, 1.0), (0.0, 2 * np.pi)]
    channels = (
        Channel({0: BreitWigner(Z_MASS, Z_WIDTH, of_mass=True)}, "Z"),
        Channel({0: PowerLaw(-3.0)}, "photon"),
    )
    return KnownIntegral(Integrand(function, bounds=box), _quadrature(low, high, energy), channels)


def _flux(m: FloatArray, energy: float) -> FloatArray:
    """Return what stands before the couplings, with ``dx1 dx2 = 2 m / S dm dy``, in picobarn."""
    return np.asarray(PICOBARN * np.pi * ALPHA**2 / (6 * m**2) * 2 * m / energy**2)


def _quadrature(low: float, high: float, energy: float) -> float:
    """Return the cross-section: the angles done by hand, mass and rapidity by Gauss and Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(96)
    edges = np.unique(np.clip([low, 20, 50, 80, 88, 90, 92.5, 95, 103, 130, 250, high], low, high))
    total = 0.0
    for left, right in pairwise(edges):
        m = (left + right) / 2 + (right - left) / 2 * nodes[:, None]
        most = np.log(energy / m)
        for quark in QUARKS:
            luminosity = np.add(*_luminosities(quark, m, most * nodes[None, :], energy))
            each = _couplings(quark, m**2)[0] * luminosity * _flux(m, energy) * most * 8 / 3
            total += float(weights @ each @ weights) * (right - left) / 2
    return total


def muon_momenta(x: FloatArray, energy: float = 13_000.0) -> tuple[NDArray[np.int64], FloatArray]:
    """Return the muons of points (N, 4) of `drell_yan`.

    Returns
    -------
    particles, momenta
        PDG numbers ``(2,)``, and four-momenta E, px, py, pz in GeV, shape ``(N, 2, 4)``.
    """
    m, share, cosine, azimuth = x.T
    rapidity = share * np.log(energy / m)
    sine = np.sqrt(np.maximum(1 - cosine**2, 0.0))
    momenta = np.empty((len(x), 2, 4))
    for which, sign in enumerate((1, -1)):
        longitudinal = sign * m / 2 * cosine
        momenta[:, which, 0] = m / 2 * np.cosh(rapidity) + longitudinal * np.sinh(rapidity)
        momenta[:, which, 1] = sign * m / 2 * sine * np.cos(azimuth)
        momenta[:, which, 2] = sign * m / 2 * sine * np.sin(azimuth)
        momenta[:, which, 3] = longitudinal * np.cosh(rapidity) + m / 2 * np.sinh(rapidity)
    return np.array([13, -13]), momenta
