"""A binned likelihood with its derivatives, for one point or many at once.

A model says how many events it expects in each bin (`rates`), and which parameters are constrained by auxiliary
data; value, gradient and curvature of -2 ln L follow here. All functions of the parameters take shapes
``(..., P)``: leading axes are toys, each with data of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlogy

from hepflow.sample import FloatArray
from hepflow.stats.expansion import Expansion, IndexArray

_FLOOR = 1e-3
_FISHER_SHARE = 1e-2
_NEAR = 1e-3  # relative difference of rate and count below which the deviance is a series


@dataclass(frozen=True, eq=False)
class Constraints:
    """Which parameters have auxiliary data, in the order of those data.

    Parameters
    ----------
    index
        Parameter of each auxiliary datum, shape ``(A,)``.
    poisson
        Whether its constraint is Poisson (else Gaussian), shape ``(A,)``.
    width
        Expected auxiliary events per unit of the parameter (Poisson), or the standard deviation, shape ``(A,)``.
    """

    index: IndexArray
    poisson: NDArray[np.bool_]
    width: FloatArray


def poisson_deviance(n: FloatArray, rate: FloatArray) -> FloatArray:
    """Return ``rate - n + n ln(n / rate)``: half of -2 ln L of counts above that of the saturated model.

    The three terms cancel where the rate is near the count: from 1e10 events on, their rounding is larger than the
    differences that a fit has to see. There it is a series in the relative difference, which has none.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        away = (rate - n) / n
        near = np.abs(away) < _NEAR
        small = np.where(near, away, 0.0)
        series = n * small**2 * (1 / 2 - small * (1 / 3 - small * (1 / 4 - small / 5)))
        return np.asarray(np.where(near, series, rate - n + xlogy(n, np.where(n > 0, n / rate, 1.0))))


class Likelihood(ABC):
    """Poisson counts in `N` bins and constrained parameters, as functions of `P` parameters.

    Attributes
    ----------
    names, init, fixed, low, high
        Name, starting value, whether it is held, and the ends of each parameter, shapes ``(P,)``.
    poi
        Index of the parameter of interest.
    n_bins
        Bins of main data.
    auxiliary, constraints
        Auxiliary data (A,) and what they constrain.

    Notes
    -----
    A shift can drive a rate below zero, where the Poisson likelihood is undefined. Below a floor (a
    thousandth of the nominal background, or of the observed count plus one where that is less) the rate is
    continued as ``floor * exp(rate / floor - 1)``: positive, and smooth enough to fit.
    """

    names: list[str]
    poi: int
    init: FloatArray
    fixed: NDArray[np.bool_]
    low: FloatArray
    high: FloatArray
    n_bins: int
    auxiliary: FloatArray
    constraints: Constraints
    background: FloatArray  # nominal, (N,): the scale of the floor
    samples: tuple[str, ...] = ("expected",)  # what `sample_rates` tells apart

    @property
    def channels(self) -> dict[str, slice]:
        """The bins of each channel."""
        return {"bins": slice(0, self.n_bins)}

    @abstractmethod
    def rates(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the expected events per bin (..., N) and their derivatives (..., N, P) at points (..., P)."""

    def derivatives(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the expected events (..., N), and their derivatives as `Expansion` has them: jacobian and own."""
        rates, jacobian = self.rates(x)
        return rates, jacobian, np.zeros((*rates.shape[:-1], 0))

    @property
    def alone(self) -> IndexArray:
        """The bin that a parameter moves, where it moves one alone at any point, shape ``(P,)``; -1 for others."""
        return np.full(len(self.names), -1)

    def sample_rates(self, x: FloatArray) -> FloatArray:
        """Return the expected events of each of `samples` in each bin, shape ``(..., S, N)``, at points (..., P)."""
        return self.rates(x)[0][..., None, :]

    def priors(self) -> tuple[FloatArray, FloatArray]:
        """Return centre and standard deviation of each parameter's constraint, both ``(P,)``.

        Without a constraint they are the initial value and infinity. A Poisson constraint of `tau` events has a
        centre of one and a standard deviation of ``1 / sqrt(tau)``.
        """
        held = self.constraints
        centres, widths = self.init.copy(), np.full(len(self.init), np.inf)
        centres[held.index] = self.auxiliary / np.where(held.poisson, held.width, 1.0)
        widths[held.index] = np.where(held.poisson, 1.0 / np.sqrt(held.width), held.width)
        return centres, widths

    def at(self, mu: float) -> FloatArray:
        """Return the initial parameters (P,) with the parameter of interest at `mu`."""
        point = self.init.copy()
        point[self.poi] = mu
        return point

    def data(self, main: ArrayLike) -> FloatArray:
        """Return main data (..., N) with the model's auxiliary data behind them, as every fit wants them."""
        main = np.asarray(main, dtype=np.float64)
        auxiliary = np.broadcast_to(self.auxiliary, (*main.shape[:-1], len(self.auxiliary)))
        return np.concatenate([main, auxiliary], axis=-1)

    def expected_data(self, x: FloatArray) -> FloatArray:
        """Return the Asimov data of parameters (..., P): main data, then auxiliary data."""
        held = self.constraints
        constrained = x[..., held.index] * np.where(held.poisson, held.width, 1.0)
        return np.concatenate([np.maximum(self.rates(x)[0], 0.0), constrained], axis=-1)

    def evaluate(self, x: FloatArray, data: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return -2 ln L above that of the saturated model, its gradient (P,) and its curvature (P, P).

        In the saturated model every rate equals its datum: the value is a goodness of fit, and free of the
        large constants of -2 ln L, whose rounding would enter every test statistic. The curvature leaves out
        second derivatives of the rates: it is positive, and exact where the fit is good.
        """
        found = self.expand(x, data)
        return float(found.value), found.gradient, found.curvature

    def expand(self, x: FloatArray, data: FloatArray) -> Expansion:
        """Return value, gradient and the parts of the curvature at points (..., P) for data (..., N + A)."""
        n = data[..., : self.n_bins]
        raw, jacobian, own = self.derivatives(x)
        alone, gradient = self.alone, np.empty((*raw.shape[:-1], len(self.names)))
        local = alone >= 0
        floor = _FLOOR * np.minimum(self.background, n + 1.0)
        below = (raw < floor) | (raw < 0.0)
        some = bool(np.any(below))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            rate = raw
            if some:
                log_rate = np.log(np.where(below, floor, raw)) + np.where(below, raw / floor - 1.0, 0.0)
                rate = np.where(below, np.exp(log_rate), raw)
            deviance = poisson_deviance(n, rate)
            ratio = np.where(n > 0, n / rate, 0.0)
            first, second = np.where(n > 0, (rate - n) / rate, 1.0), (ratio + _FISHER_SHARE) / rate
            if some:
                apart = rate - n + np.where(n > 0, n * (np.log(n) - log_rate), 0.0)
                deviance = np.where(below, apart, deviance)
                first = np.where(below, (rate - n) / floor, first)
                toward = n / (n + floor - raw) / floor  # -2 ln L is linear there: a step to above the floor
                second = np.where(below, rate / floor**2 + toward, second)
            # undefined where a rate is zero
            gradient[..., ~local] = 2.0 * (first[..., None, :] @ jacobian)[..., 0, :]
            gradient[..., local] = 2.0 * first[..., alone[local]] * own
        value = 2.0 * np.sum(deviance, axis=-1)
        weight = np.where(below | (rate > 0), 2.0 * second, 0.0)
        prior = np.zeros_like(gradient)
        value = value + self._constrain(x, data[..., self.n_bins :], gradient, prior)
        undefined = ~np.isfinite(value) | np.any(below & (floor == 0.0), axis=-1)
        if np.any(undefined):
            value = np.where(undefined, np.inf, value)
            gradient[undefined], weight[undefined], prior[undefined] = 0.0, 0.0, 1.0
            jacobian = np.where(undefined[..., None, None], 0.0, jacobian)  # it may be infinite there
            own = np.where(undefined[..., None], 0.0, own)
        return Expansion(alone, value, gradient, jacobian, own, weight, prior)

    def saturated(self, data: FloatArray) -> float:
        """Return -2 ln L of the saturated model: what `evaluate` leaves out."""
        held = self.constraints
        auxiliary = data[self.n_bins :]
        counts = np.concatenate([data[: self.n_bins], auxiliary[held.poisson]])
        poisson = 2.0 * np.sum(counts - xlogy(counts, counts) + gammaln(counts + 1.0))
        return float(poisson + np.sum(np.log(2.0 * np.pi * held.width[~held.poisson] ** 2)))

    def _constrain(
        self, x: FloatArray, auxiliary: FloatArray, gradient: FloatArray, prior: FloatArray
    ) -> FloatArray:
        """Return the constraints' part of -2 ln L (...), and add theirs to gradient and prior (..., P)."""
        held, value = self.constraints, np.zeros(x.shape[:-1])
        for poisson in (True, False):
            chosen = held.poisson == poisson
            index, a, width = held.index[chosen], auxiliary[..., chosen], held.width[chosen]
            at = x[..., index]
            if poisson:
                value = value + 2.0 * np.sum(poisson_deviance(a, width * at), axis=-1)
                # the expected curvature: its step ends at the constraint's minimum, a / width, from anywhere
                first, second = 2.0 * (width - a / at), 2.0 * width / at
            else:
                value = value + np.sum(((at - a) / width) ** 2, axis=-1)
                first, second = 2.0 * (at - a) / width**2, np.broadcast_to(2.0 / width**2, at.shape)
            gradient[..., index] += first
            prior[..., index] += second
        return value
