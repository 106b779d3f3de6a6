"""Mappings of one axis to the unit interval, by which the peaks of propagators become flat.

Each has the density of a known shape between two bounds: ``forward`` is its distribution function, ``inverse`` draws
from it. R. Kleiss and R. Pittau, hep-ph/9405257; the shapes as in F. Krauss et al., hep-ph/0109036, sec. 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hepflow.errors import ConfigError
from hepflow.events import FloatArray


class AxisMap(Protocol):
    """A density of one variable between any two bounds."""

    def check(self, low: float, high: float) -> None:
        """Refuse bounds between which there is no such density."""
        ...

    def forward(self, x: FloatArray, low: float, high: float) -> tuple[FloatArray, FloatArray]:
        """Return the places in the unit interval of values (N,), and the log of the density there."""
        ...

    def inverse(self, u: FloatArray, low: float, high: float) -> FloatArray:
        """Return the values (N,) at places in the unit interval."""
        ...


@dataclass(frozen=True)
class Uniform:
    """All values alike."""

    def check(self, low: float, high: float) -> None:
        """Take any bounds."""

    def forward(self, x: FloatArray, low: float, high: float) -> tuple[FloatArray, FloatArray]:
        """Return places in the unit interval and log densities, each (N,)."""
        return (x - low) / (high - low), np.full(len(x), -np.log(high - low))

    def inverse(self, u: FloatArray, low: float, high: float) -> FloatArray:
        """Return the values (N,)."""
        return low + u * (high - low)


@dataclass(frozen=True)
class BreitWigner:
    """A resonance: ``1 / ((s - M^2)^2 + M^2 Gamma^2)``.

    Parameters
    ----------
    mass, width
        M and Gamma, in GeV.
    of_mass
        Whether the axis is the mass, ``sqrt(s)``; otherwise it is s itself. The density in the mass has a factor of
        ``2 sqrt(s)``.
    """

    mass: float
    width: float
    of_mass: bool = False

    def __post_init__(self) -> None:
        if not (self.mass > 0 and self.width > 0):
            raise ConfigError(
                f"BreitWigner: mass {self.mass:g}, width {self.width:g}; expected both above zero"
            )

    def check(self, low: float, high: float) -> None:
        """Refuse masses below zero."""
        if self.of_mass and low < 0:
            raise ConfigError(f"BreitWigner: a mass from {low:g}; expected no bound below zero")

    def _angle(self, x: FloatArray | float) -> FloatArray:
        s = np.square(x) if self.of_mass else np.asarray(x)
        return np.asarray(np.arctan((s - self.mass**2) / (self.mass * self.width)))

    def forward(self, x: FloatArray, low: float, high: float) -> tuple[FloatArray, FloatArray]:
        """Return places in the unit interval and log densities, each (N,)."""
        first, last = self._angle(low), self._angle(high)
        s, scale = np.square(x) if self.of_mass else x, self.mass * self.width
        density = scale / ((s - self.mass**2) ** 2 + scale**2) / (last - first)
        with np.errstate(divide="ignore"):  # at a mass of zero there is no density
            return (self._angle(x) - first) / (last - first), np.log(
                density * (2 * x if self.of_mass else 1.0)
            )

    def inverse(self, u: FloatArray, low: float, high: float) -> FloatArray:
        """Return the values (N,)."""
        first, last = self._angle(low), self._angle(high)
        s = self.mass**2 + self.mass * self.width * np.tan(first + u * (last - first))
        return np.clip(np.sqrt(np.maximum(s, 0.0)) if self.of_mass else s, low, high)


@dataclass(frozen=True)
class PowerLaw:
    """A power of the distance from a point: ``|x - origin|^power``.

    Parameters
    ----------
    power
        Any number; at most -1 only where the origin lies outside the bounds.
    origin
        Not between the bounds; on a bound, or outside.
    """

    power: float
    origin: float = 0.0

    def check(self, low: float, high: float) -> None:
        """Refuse an origin between the bounds, or on one where the power has no integral."""
        if low < self.origin < high:
            raise ConfigError(
                f"{type(self).__name__}: the origin {self.origin:g} lies between the bounds {low:g} and "
                f"{high:g}; expected "
                "it on one or outside"
            )
        if self.power <= -1 and self.origin in (low, high):
            raise ConfigError(
                f"{type(self).__name__}: the power {self.power:g} has no integral up to its origin "
                f"{self.origin:g}; expected "
                "a power above -1, or a bound away from it"
            )

    def _ends(self, low: float, high: float) -> tuple[float, float, float]:
        """Return the distances of both bounds, the nearer first, and the sign of the axis."""
        return (low - self.origin, high - self.origin, 1.0) if low >= self.origin else (
            self.origin - high, self.origin - low, -1.0
        )  # fmt: skip

    def forward(self, x: FloatArray, low: float, high: float) -> tuple[FloatArray, FloatArray]:
        """Return places in the unit interval and log densities, each (N,)."""
        near, far, sign = self._ends(low, high)
        t, index = sign * (x - self.origin), self.power + 1
        if index == 0:
            u, norm = np.log(t / near) / np.log(far / near), np.log(far / near)
        else:
            u = (t**index - near**index) / (far**index - near**index)
            norm = (far**index - near**index) / index
        with np.errstate(divide="ignore"):  # on the origin itself
            return (u if sign > 0 else 1 - u), self.power * np.log(t) - np.log(norm)

    def inverse(self, u: FloatArray, low: float, high: float) -> FloatArray:
        """Return the values (N,)."""
        near, far, sign = self._ends(low, high)
        u, index = (u if sign > 0 else 1 - u), self.power + 1
        if index == 0:
            t = near * (far / near) ** u
        else:
            t = (near**index + u * (far**index - near**index)) ** (1 / index)
        return np.clip(self.origin + sign * t, low, high)


def massless(power: float = 0.8, regulator: float = 0.0) -> PowerLaw:
    """Return the mapping of a massless propagator, ``1 / (s + regulator)^power``.

    Parameters
    ----------
    power
        Above 0; 0.8 makes the pole of a photon or gluon flat enough, and has an integral down to ``s = 0``
        (hep-ph/0109036).
    regulator
        In GeV^2, above zero where the power is one or more and s goes down to zero.
    """
    return PowerLaw(-power, -regulator)
