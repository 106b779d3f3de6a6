"""Angles: columns with a period, cut where the fewest rows are, and angles relative to another."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg import circulant

from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.sample import FloatArray
from hepflow.weights import storable

TURN = 2 * math.pi
BEYOND = 1e-3  # of a period, that rounded angles may lie beyond it
PLACES = 100  # for a cut
NARROW = 50.0  # concentration of the kernel (von Mises) that smooths the angles: 0.14 rad


def periods(names: tuple[str, ...], periodic: Collection[str] | Mapping[str, float]) -> dict[str, float]:
    """Return the period of each column that has one: 2 pi, where only names are given.

    Raises
    ------
    ConfigError
        If there is no such column, or a period is not above zero.
    """
    found = dict(periodic) if isinstance(periodic, Mapping) else dict.fromkeys(periodic, TURN)
    for name, period in found.items():
        if name not in names:
            raise ConfigError(f"no feature {name!r} with a period: {did_you_mean(name, names)}")
        if not 0 < period < math.inf:
            raise ConfigError(
                f"feature {name!r} has the period {period}; expected a number above zero: {TURN:.5f} (2 pi), or 360 "
                "in degrees"
            )
    return found


def start(column: FloatArray, name: str, period: float) -> float:
    """Return where the range that the rows (N,) use starts: at minus half a period, or at zero.

    Raises
    ------
    InputError
        If they are of neither range.
    """
    slack, half = BEYOND * period, 0.5 * period
    low, high = float(column.min()), float(column.max())
    if low >= -half - slack and high <= half + slack:
        return 0.0 if low >= 0 and high > half else -half
    if low >= -slack and high <= period + slack:
        return 0.0
    raise InputError(
        f"feature {name!r} has the period {period:g}, but runs from {low:g} to {high:g}; expected angles from "
        f"{-half:g} to {half:g}, or from 0 to {period:g}: name another period (360, if these are degrees), or "
        "bring them into one"
    )


def wrapped(x: FloatArray, low: FloatArray | float, period: FloatArray | float) -> FloatArray:
    """Return angles brought into [0, period), or into (low, low + period] if `low` is below zero.

    What lies there already stays as it is, to the bit.
    """
    low, high = np.asarray(low), np.add(low, period)
    above, below = np.floor((x - low) / period), np.ceil((x - high) / period)
    moved = x - period * np.where(low < 0, below, above)
    first = np.where(
        low < 0, np.nextafter(low, high), low
    )  # the sum of two numbers may round to the other end
    last = np.where(low < 0, high, np.nextafter(high, low))
    return np.clip(moved, first, last)


@storable
@dataclass(frozen=True)
class Periodic:
    """Cut each angle open where the fewest training rows are, so that no peak is torn apart.

    Parameters
    ----------
    cut, period
        Where an angle starts in the image, and its period, shape ``(D,)``; a period of 0 leaves a column alone.
    low
        Where the range starts that angles come back in, shape ``(D,)``: ``[0, period)`` or, if it is below zero,
        ``(low, low + period]``.
    """

    cut: FloatArray
    period: FloatArray
    low: FloatArray

    @classmethod
    def fit(cls, x: FloatArray, names: tuple[str, ...], period: Mapping[str, float]) -> Periodic:
        """Choose cuts and ranges by training rows (N, D).

        Raises
        ------
        InputError
            If angles are spread over more than a period.
        """
        cut, turn, low = np.zeros(len(names)), np.zeros(len(names)), np.zeros(len(names))
        for name, own in period.items():
            place = names.index(name)
            turn[place] = own
            low[place] = start(x[:, place], name, own)
            cut[place] = low[place] + emptiest(x[:, place] - low[place], own)
        return cls(cut, turn, low)

    def forward(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the angles from their cuts on (N, D) and log-determinants of zero (N,)."""
        taken = self.period > 0
        here = ~taken | np.isfinite(x)
        angles, period = np.where(here & taken, x, 0.0), np.where(taken, self.period, 1.0)
        moved = angles - period * np.floor((angles - self.cut) / period)
        ends = np.clip(moved, self.cut, self.cut + period)  # the sum of two numbers may round beyond
        return np.where(taken, ends, x), np.where(here.all(axis=1), 0.0, -np.inf)

    def inverse(self, z: FloatArray) -> FloatArray:
        """Return the angles in the range of the training rows (N, D)."""
        taken = self.period > 0
        return np.where(taken, wrapped(z, self.low, np.where(taken, self.period, 1.0)), z)

    def bounds(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return bounds (D,) of the image, in which those of an angle are its cut and one period on."""
        taken = self.period > 0
        return np.where(taken, self.cut, low), np.where(taken, self.cut + self.period, high)


def emptiest(angles: FloatArray, period: float) -> float:
    """Return where on a circle the fewest angles (N,) are, in [0, period); the middle of a gap, if there is one."""
    share = np.floor(angles / period * PLACES).astype(np.intp) % PLACES
    counts = np.bincount(share, minlength=PLACES)
    kernel = np.exp(NARROW * (np.cos(TURN * np.arange(PLACES) / PLACES) - 1))
    return period * (int(np.argmin(circulant(kernel) @ counts)) + 0.5) / PLACES


@storable
@dataclass(frozen=True)
class Relative:
    """A column relative to another: their difference takes its place. Angles back to back then stay together.

    Parameters
    ----------
    column, other
        Places of the two in the table.
    period
        Of both, if they are angles: the difference is brought into (-period / 2, period / 2]. 0 if they are none.
    low
        Where the range starts that the angle comes back in.
    """

    column: int
    other: int
    period: float = 0.0
    low: float = 0.0

    @classmethod
    def fit(
        cls, x: FloatArray, names: tuple[str, ...], columns: tuple[str, ...], period: Mapping[str, float]
    ) -> Relative:
        """Take the column, and the one it is seen from, by their names.

        Raises
        ------
        ConfigError
            If there are not two, or only one of them has a period.
        InputError
            If angles are spread over more than a period.
        """
        if len(columns) != 2:
            raise ConfigError(
                f"relative: {', '.join(columns)}; expected two features, the second of which the first is taken "
                "relative to"
            )
        own, others = (period.get(name, 0.0) for name in columns)
        if own != others:
            raise ConfigError(
                f"relative: {columns[0]!r} and {columns[1]!r} have the periods {own:g} and {others:g} (0 if none); "
                "expected the same: name both in `periodic`"
            )
        place = names.index(columns[0])
        low = start(x[:, place], columns[0], own) if own else 0.0
        return cls(place, names.index(columns[1]), own, low)

    def forward(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the table with the difference (N, D) and log-determinants of zero (N,)."""
        here = np.isfinite(x[:, [self.column, self.other]]).all(axis=1)
        z = x.copy()
        difference = np.where(here, x[:, self.column], 0.0) - np.where(here, x[:, self.other], 0.0)
        z[:, self.column] = (
            wrapped(difference, -0.5 * self.period, self.period) if self.period else difference
        )
        return z, np.where(here, 0.0, -np.inf)

    def inverse(self, z: FloatArray) -> FloatArray:
        """Return the table with the column itself (N, D)."""
        x = z.copy()
        own = z[:, self.column] + z[:, self.other]
        x[:, self.column] = wrapped(own, self.low, self.period) if self.period else own
        return x
