"""Quantities of the two leading jets: J1 is the lighter, J2 the heavier, as in arXiv:2109.00546."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hepflow.events import FloatArray
from hepflow.quantity import Quantity, label_of

Jet = Mapping[str, FloatArray]


@dataclass(frozen=True)
class Feature:
    """A quantity of the two leading jets.

    Parameters
    ----------
    label
        LaTeX, with the unit, for axes.
    value
        Function of (J1, J2), the lighter and the heavier jet, each a mapping of jet field to array (N,).
    taus
        N-subjettiness that it needs besides the four-momentum, the denominator last.
    signed
        Whether files that hold it may have it with either sign.
    """

    label: str
    value: Callable[[Jet, Jet], FloatArray]
    taus: tuple[str, ...] = ()
    signed: bool = False


def delta_r(first: Jet, second: Jet) -> FloatArray:
    """Return the distance of two jets in pseudorapidity and azimuth, shape (N,)."""
    dphi = (first["phi"] - second["phi"] + np.pi) % (2 * np.pi) - np.pi
    return np.hypot(first["eta"] - second["eta"], dphi)


def dijet_mass(first: Jet, second: Jet) -> FloatArray:
    r"""Return the invariant mass of two jets, shape (N,), in GeV.

    .. math::

        m_{jj}^2 = m_1^2 + m_2^2 + 2 (E_1 E_2 - |p_1| |p_2|)
                   + 4 p_{T,1} p_{T,2} (\sinh^2 \tfrac{\Delta\eta}{2} + \sin^2 \tfrac{\Delta\phi}{2}), \quad
        E_1 E_2 - |p_1| |p_2| = \frac{m_1^2 p_2^2 + m_2^2 p_1^2 + m_1^2 m_2^2}{E_1 E_2 + |p_1| |p_2|}

    has positive terms only, so that nothing cancels however boosted or collinear the jets are.
    """
    p1, p2 = first["pt"] * np.cosh(first["eta"]), second["pt"] * np.cosh(second["eta"])
    m1, m2, p1, p2 = first["mass"] ** 2, second["mass"] ** 2, p1**2, p2**2
    energies, momenta = np.sqrt((p1 + m1) * (p2 + m2)), np.sqrt(p1 * p2)
    angle = np.sinh((first["eta"] - second["eta"]) / 2) ** 2 + np.sin((first["phi"] - second["phi"]) / 2) ** 2
    longitudinal = (m1 * p2 + m2 * p1 + m1 * m2) / (energies + momenta)
    squared: FloatArray = m1 + m2 + 2 * (longitudinal + 2 * first["pt"] * second["pt"] * angle)
    return np.sqrt(squared)


def _of(jet: int, field: str) -> Callable[[Jet, Jet], FloatArray]:
    return lambda *jets: jets[jet - 1][field]


def _ratio(jet: int, above: str, below: str) -> Feature:
    label = rf"$\tau_{{{above[-1]}{below[-1]}}}^{{J_{jet}}}$"
    return Feature(label, lambda *jets: jets[jet - 1][above] / jets[jet - 1][below], (above, below))


FEATURES: dict[str, Feature] = {
    "m_jj": Feature(r"$m_{jj}$ [GeV]", dijet_mass),
    "m_J1": Feature(r"$m_{J_1}$ [GeV]", _of(1, "mass")),
    "m_J2": Feature(r"$m_{J_2}$ [GeV]", _of(2, "mass")),
    "dm_J": Feature(r"$\Delta m_J$ [GeV]", lambda j1, j2: j2["mass"] - j1["mass"], signed=True),
    "tau21_J1": _ratio(1, "tau2", "tau1"),
    "tau21_J2": _ratio(2, "tau2", "tau1"),
    "tau32_J1": _ratio(1, "tau3", "tau2"),
    "tau32_J2": _ratio(2, "tau3", "tau2"),
    "dR_JJ": Feature(r"$\Delta R_{JJ}$", delta_r),
    "pt_J1": Feature(r"$p_{\mathrm{T}}^{J_1}$ [GeV]", _of(1, "pt")),
    "pt_J2": Feature(r"$p_{\mathrm{T}}^{J_2}$ [GeV]", _of(2, "pt")),
}
LABELS: dict[str, str] = {name: feature.label for name, feature in FEATURES.items()}


def dijet_quantity(name: str) -> Quantity:
    """Return name, label and unit of a quantity of the two leading jets; of any other name that alone."""
    return Quantity(name, *label_of(LABELS[name])) if name in LABELS else Quantity(name)
