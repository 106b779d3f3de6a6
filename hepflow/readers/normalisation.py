"""Generated events to the yield expected in data: cross-section, luminosity and sum of generated weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError, InputError

PB_FB = 1000.0  # fb per pb
BITS, LOWEST = 53, -1073  # of a double: bits of the significand, and the exponent of the smallest number
HALF, BLOCK = 27, 1 << 20  # bits, and how many numbers of so many bits a double can add without rounding


@dataclass(frozen=True)
class Normalisation:
    r"""What makes the weights of simulated events add up to the yield expected in data.

    .. math::

        w_i \to k \, w_i \, \frac{\sigma \mathcal{L}}{\sum_j w_j}, \qquad j \in \text{all generated events}

    Parameters
    ----------
    cross_section
        Of the generated process, pb; None leaves the weights as they are, but for the scale.
    luminosity
        Integrated, of the data, fb^-1.
    generated
        Sum of the weights of all generated events, or the column to sum over all events in the files ("" counts
        them); None takes the column of the weights. A sum over the files is right as long as no event was dropped
        on the way into them, and where the weights hold no efficiencies or scale factors.
    scale
        A factor k besides: a K-factor, a filter efficiency, a prescale.

    Raises
    ------
    ConfigError
        If a number is not above zero, or one of cross-section and luminosity is missing.
    """

    cross_section: float | None = None
    luminosity: float | None = None
    generated: float | str | None = None
    scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("cross_section", "luminosity", "generated", "scale"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str) and not 0 < value < math.inf:
                raise ConfigError(f"{name} {value!r}: expected a number above zero")
        if (self.cross_section is None) != (self.luminosity is None):
            raise ConfigError(
                f"cross_section {self.cross_section} pb with luminosity {self.luminosity} fb^-1: "
                "give both, or neither"
            )
        if self.generated is not None and self.cross_section is None:
            raise ConfigError(f"generated {self.generated!r}: has a meaning only beside a cross_section")

    @property
    def number(self) -> float | None:
        """The sum of generated weights, where it was given as a number."""
        return None if isinstance(self.generated, str) else self.generated

    def factor(self, sum_of_weights: float | Fraction) -> float:
        """Return by what the weights of the files are multiplied.

        Parameters
        ----------
        sum_of_weights
            Of all events in the files; not used where `generated` is a number.

        Raises
        ------
        InputError
            If the sum of the generated weights is not above zero.
        """
        if self.cross_section is None or self.luminosity is None:
            return self.scale
        try:
            generated = self.number if self.number is not None else float(sum_of_weights)
        except OverflowError:
            generated = math.inf
        if not 0 < generated < math.inf:
            raise InputError(f"the generated weights add up to {generated:g}: expected a sum above zero")
        return self.scale * self.cross_section * PB_FB * self.luminosity / generated


AS_IN_THE_FILES = Normalisation()


def exact_sum(values: NDArray[Any]) -> Fraction:
    """Return the sum of finite numbers, shape (N,), without rounding: in whatever order and groups they are added.

    Doubles are whole numbers times powers of two; those of one power are added as whole numbers.
    """
    total = 0
    for start in range(0, len(values), BLOCK):
        significand, exponent = np.frexp(values[start : start + BLOCK].astype(np.float64))
        whole = np.ldexp(significand, BITS).astype(np.int64)
        power = exponent - LOWEST
        high = np.bincount(power, whole >> HALF)
        low = np.bincount(power, whole & ((1 << HALF) - 1))
        for place in np.flatnonzero((high != 0) | (low != 0)):
            total += ((int(high[place]) << HALF) + int(low[place])) << int(place)
    return Fraction(total, 1 << (BITS - LOWEST))
