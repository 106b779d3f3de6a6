"""The mass of two particles as a column, so that a peak in it is learned as sharp as any other column."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hepflow.errors import ConfigError, InputError
from hepflow.flows.angles import BEYOND, TURN
from hepflow.sample import FloatArray
from hepflow.weights import storable

ASKED = "pt1, eta1, phi1, pt2, eta2, phi2, or pt1, eta1, pt2, eta2 and the difference of the azimuths"
LEAST = 1e-30  # two particles in the very same direction have no mass: none is drawn but by rounding


@storable
@dataclass(frozen=True)
class MassInPlace:
    r"""Put the invariant mass of two massless particles in the place of a transverse momentum.

    .. math:: m^2 = 2 p_{T1} p_{T2} (\cosh(\eta_1 - \eta_2) - \cos(\phi_1 - \phi_2))

    A peak in the mass is a thin curved layer in momenta and angles, which a flow smears out. As a column it is one
    dimension, and its own preprocessing flattens it.

    Parameters
    ----------
    pt, eta
        Places of the columns of both particles; the mass takes that of the first transverse momentum.
    phi
        Places of the two azimuths, or of their difference alone.
    period
        Of the azimuths.

    Notes
    -----
    Samples lie inside the bounds of the training rows' masses, but the momentum that follows from a mass may lie
    outside those of the momenta.
    """

    pt: tuple[int, int]
    eta: tuple[int, int]
    phi: tuple[int, ...]
    period: float = TURN

    @classmethod
    def fit(
        cls, x: FloatArray, names: tuple[str, ...], columns: tuple[str, ...], period: Mapping[str, float]
    ) -> MassInPlace:
        """Take the columns by their names, in the order pt1, eta1, phi1, pt2, eta2, phi2, and check rows (N, D).

        In place of both azimuths, their difference may stand at the end: pt1, eta1, pt2, eta2, dphi.

        Raises
        ------
        ConfigError
            If there are too few or too many, or the azimuths have two periods.
        InputError
            If rows have a momentum that is not above zero, no mass, or angles of more than a turn.
        """
        if len(columns) not in (5, 6):
            raise ConfigError(f"mass: {', '.join(columns)}; expected {ASKED}")
        at = [names.index(name) for name in columns]
        turns = {period.get(names[place], TURN) for place in (at[2::3] if len(at) == 6 else at[4:])}
        if len(turns) > 1:
            raise ConfigError(
                f"mass: the azimuths of {', '.join(columns)} have the periods {sorted(turns)}; expected one"
            )
        if len(at) == 6:
            made = cls((at[0], at[3]), (at[1], at[4]), (at[2], at[5]), *turns)
        else:
            made = cls((at[0], at[2]), (at[1], at[3]), (at[4],), *turns)
        made._check(x, names)
        return made

    def forward(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the table with the mass (N, D) and log-determinants (N,); -inf where there is none."""
        first, second = (x[:, place] for place in self.pt)
        opening = self._opening(x)
        inside = (first > 0) & (second > 0) & (opening > 0) & np.isfinite(first + second + opening)
        first, second, opening = (np.where(inside, each, 1.0) for each in (first, second, opening))
        mass = 2 * np.sqrt(first) * np.sqrt(second) * np.sqrt(opening)
        z = x.copy()
        z[:, self.pt[0]] = mass
        return z, np.where(inside, np.log(mass) - np.log(2 * first), -np.inf)

    def inverse(self, z: FloatArray) -> FloatArray:
        """Return the table with the momentum (N, D)."""
        x = z.copy()
        opening = np.maximum(self._opening(z) * z[:, self.pt[1]], LEAST)
        x[:, self.pt[0]] = z[:, self.pt[0]] * (z[:, self.pt[0]] / (4 * opening))
        return x

    def _opening(self, x: FloatArray) -> FloatArray:
        """Return half of ``cosh(eta1 - eta2) - cos(phi1 - phi2)``, (N,), exact for small angles, too."""
        apart = np.isfinite(x[:, [*self.eta, *self.phi]]).all(axis=1)
        eta, phi = (np.where(apart, _difference(x, places), 0.0) for places in (self.eta, self.phi))
        with np.errstate(over="ignore"):  # rapidities of a thousand: no mass
            half: FloatArray = np.sinh(0.5 * eta) ** 2 + np.sin(math.pi / self.period * phi) ** 2
        return half

    def _check(self, x: FloatArray, names: tuple[str, ...]) -> None:
        what = f"the mass in place of {names[self.pt[0]]!r}"
        for place in self.pt:
            bad = int(np.sum(~(x[:, place] > 0)))
            if bad:
                raise InputError(
                    f"{what}: feature {names[place]!r} is zero or below in {bad:,} of {len(x):,} events; expected a "
                    "transverse momentum above zero: drop those events first"
                )
        for place in self.phi:
            far = int(np.sum(np.abs(x[:, place]) > (1 + BEYOND) * self.period))
            if far:
                raise InputError(
                    f"{what}: feature {names[place]!r} lies beyond +-{self.period:g} in {far:,} of {len(x):,} "
                    f"events; expected an azimuth of the period {self.period:g}: name "
                    "another in `periodic` (360, if these are degrees)"
                )
        bad = int(np.sum(~np.isfinite(self.forward(x)[1])))
        if bad:
            raise InputError(
                f"{what} is zero, or no number, in {bad:,} of {len(x):,} events; expected two particles in different "
                "directions: drop those events first"
            )


def _difference(x: FloatArray, places: tuple[int, ...]) -> FloatArray:
    first, *others = (x[:, place] for place in places)
    with np.errstate(invalid="ignore"):  # of infinite ones, which the caller leaves out
        return first - others[0] if others else first
