"""Limits where the efficiency of a cut depends on the signal in the data, because the cut was trained on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq, isotonic_regression

from hepflow.errors import ConfigError
from hepflow.sample import FloatArray


@dataclass(frozen=True, eq=False)
class EfficiencyCurve:
    """Signal efficiency of a cut against the signal events that its training saw, never falling.

    Made by `of`; between the injections it is a monotone cubic (PCHIP), beyond the last there is nothing.

    Parameters
    ----------
    injected
        Signal events in the data, shape ``(G,)``, from zero up.
    value, low, high
        Efficiency there, and its band of one standard deviation, shapes ``(G,)``.
    """

    injected: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, injected: ArrayLike, value: ArrayLike, error: ArrayLike) -> EfficiencyCurve:
        """Smooth measured efficiencies to a curve that never falls, by isotonic regression.

        Parameters
        ----------
        injected
            Signal events, shape ``(G,)``, rising from zero.
        value, error
            Efficiency at each, mean over trainings, and its error, shapes ``(G,)``.

        Raises
        ------
        ConfigError
            If the shapes differ, there are fewer than two points, or they do not rise from zero.
        """
        events, mean, spread = (np.asarray(one, dtype=np.float64) for one in (injected, value, error))
        if events.ndim != 1 or not events.shape == mean.shape == spread.shape or len(events) < 2:
            raise ConfigError(
                "efficiency curve: expected injections, efficiencies and errors of one length, two or more; got "
                f"{events.shape}, {mean.shape} and {spread.shape}"
            )
        if events[0] != 0 or np.any(np.diff(events) <= 0):
            raise ConfigError(
                f"efficiency curve: expected injections that rise from 0, got {events.tolist()}"
            )
        # the same regression of both ends of the errors keeps their order; PCHIP divides by slopes, so none is minute
        low, middle, high = (
            np.clip(isotonic_regression(mean + sign * spread).x, 0.0, 1.0).round(12) for sign in (-1, 0, 1)
        )
        return cls(events, middle, low, high)

    def at(self, injected: ArrayLike) -> FloatArray:
        """Return efficiency and both ends of its band at numbers of signal events (N,), shape ``(3, N)``.

        NaN beyond the last injection.
        """
        at = np.asarray(injected, dtype=np.float64)
        middle, low, high = (curve(at) for curve in self._curves)
        return np.stack([middle, np.minimum(low, middle), np.maximum(high, middle)])

    def solve(self, events: float) -> tuple[float, float, float]:
        r"""Return the signal events `n` of which so many pass the cut that was trained with them in the data.

        .. math:: n \, \epsilon(n) = s

        Since the efficiency never falls, there is one solution at most.

        Parameters
        ----------
        events
            `s`, such as the upper limit on signal events behind the cut.

        Returns
        -------
        tuple of float
            `n`, and its band: with the efficiency at the upper and at the lower end of its own. NaN where `s` is NaN,
            or where even the last injection does not bring as many: nothing is extrapolated.
        """
        return self._solve(events, 0), self._solve(events, 2), self._solve(events, 1)

    @property
    def reach(self) -> float:
        """Signal events behind the cut at the last injection: larger ones have no solution."""
        return float(self.injected[-1] * self.value[-1])

    @cached_property
    def _curves(self) -> tuple[PchipInterpolator, ...]:
        return tuple(
            PchipInterpolator(self.injected, values, extrapolate=False)
            for values in (self.value, self.low, self.high)
        )

    def _solve(self, events: float, which: int) -> float:
        last = float(self.injected[-1])

        def missing(n: float) -> float:
            return n * float(self.at([n])[which, 0]) - events

        if not np.isfinite(events) or missing(last) < 0:
            return float("nan")
        return float(brentq(missing, 0.0, last, xtol=1e-12 * last)) if events > 0 else 0.0


def mean_efficiency(values: ArrayLike, errors: ArrayLike) -> tuple[float, float]:
    """Return the mean efficiency of several trainings and its error.

    The spread of the trainings, over the square root of their number, and in quadrature the error of one training's
    efficiency from its evaluation events, which all trainings share for the most part.

    Parameters
    ----------
    values, errors
        Efficiency of each training and its statistical error, shapes ``(S,)``.
    """
    found, each = np.asarray(values, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    spread = float(np.std(found, ddof=1) / np.sqrt(len(found))) if len(found) > 1 else 0.0
    return float(np.mean(found)), float(np.hypot(spread, np.sqrt(np.mean(each**2))))
