"""The HistFactory likelihood of a pyhf model, with its derivatives.

pyhf's numpy backend has no gradients, and one call costs a third of a millisecond. A HistFactory rate is a
sum over samples of ``(nominal + shifts) x factors``, so rates, gradient and curvature come out of a few array
operations here. `HistFactory` reads `model.spec` and checks itself against `model.logpdf` when it is built.
Conventions (order, auxiliary data, interpolation) are those of pyhf 0.7.
"""

from __future__ import annotations

import numpy as np
import pyhf
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlogy

from hepflow.errors import ConfigError
from hepflow.sample import FloatArray
from hepflow.stats.interpolation import code4, code4p
from hepflow.stats.terms import Terms, compile_terms

# What pyhf sets where a workspace sets nothing: an aid to its minimisers, not physics. A result clipped there
# is wrong without a word (s=1, b=100, n=150 gives Z=2.93 in place of 4.65), so these ends are lifted.
_LIFTED = {(0.0, 10.0): (0.0, np.inf), (-5.0, 5.0): (-np.inf, np.inf), (1e-10, 10.0): (1e-10, np.inf)}
_FLOOR = 1e-3
_FISHER_SHARE = 1e-2


class HistFactory:
    """Rates and likelihood of a `pyhf.Model` as functions of its parameters, shape ``(P,)``.

    Parameters
    ----------
    model
        A model built on pyhf's numpy backend at 64 bits.

    Raises
    ------
    ConfigError
        If pyhf runs another backend, the model has no parameter of interest, or that parameter changes no
        rate.

    Notes
    -----
    A shift can drive a rate below zero, where the Poisson likelihood is undefined. Below a floor (a
    thousandth of the nominal background, or of the observed count plus one where that is less) the rate is
    continued as ``floor * exp(rate / floor - 1)``: positive, and smooth enough to fit.
    """

    def __init__(self, model: pyhf.Model) -> None:
        if (pyhf.tensorlib.name, pyhf.tensorlib.precision) != ("numpy", "64b"):
            raise ConfigError(
                f"pyhf runs its {pyhf.tensorlib.name} backend at {pyhf.tensorlib.precision}; hepflow.stats "
                'needs numpy at 64b: call pyhf.set_backend("numpy", precision="64b") before you build the model'
            )
        config = model.config
        if config.poi_index is None:
            raise ConfigError("the model has no parameter of interest: name one as `poi` in its measurement")
        self.names: list[str] = list(config.par_names)
        self.poi: int = int(config.poi_index)
        self.init: FloatArray = np.array(config.suggested_init(), dtype=np.float64)
        self.fixed: NDArray[np.bool_] = np.array(config.suggested_fixed(), dtype=bool)
        self.n_bins: int = int(config.nmaindata)
        self.auxiliary: FloatArray = np.array(config.auxdata, dtype=np.float64)
        self._terms: Terms = compile_terms(model)
        bounds = [_LIFTED.get((float(a), float(b)), (a, b)) for a, b in config.suggested_bounds()]
        self.low, self.high = np.array(bounds, dtype=np.float64).T
        self._background = np.maximum(self.rates(self.at(0.0))[0], 0.0)
        self.low[self.poi], self.high[self.poi] = self._lowest_signal(), np.inf
        self._agree_with(model)

    def at(self, mu: float) -> FloatArray:
        """Return the initial parameters (P,) with the parameter of interest at `mu`."""
        point = self.init.copy()
        point[self.poi] = mu
        return point

    def data(self, main: ArrayLike) -> FloatArray:
        """Return main data (N,) with the model's auxiliary data behind them, as every fit wants them."""
        return np.concatenate([np.asarray(main, dtype=np.float64), self.auxiliary])

    def expected_data(self, x: FloatArray) -> FloatArray:
        """Return the Asimov data of parameters (P,): main data, then auxiliary data."""
        terms = self._terms
        constrained = x[terms.constrained] * np.where(terms.poisson, terms.width, 1.0)
        return np.concatenate([np.maximum(self.rates(x)[0], 0.0), constrained])

    def rates(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the expected events per bin (N,) and their derivatives (N, P)."""
        terms = self._terms
        values = np.append(x, 1.0)[terms.factor]
        others = _products_of_others(values)
        product = others[0] * values[0]
        shifts, slopes = code4p(x[terms.shift], terms.symmetric, terms.asymmetric)
        scales, scale_slopes = code4(x[terms.scale], terms.up, terms.down, terms.coefficients)
        scaled = (terms.nominal + shifts) * np.prod(scales, axis=0)
        total = scaled * product
        flat = np.bincount(terms.flat, (others * scaled).ravel(), self.n_bins * (len(x) + 1))
        jacobian: FloatArray = flat.astype(np.float64, copy=False).reshape(self.n_bins, len(x) + 1)[:, :-1]
        if len(terms.shift):
            weight = product * np.prod(scales, axis=0)
            jacobian[:, terms.shift] += np.einsum("hsn,sn->nh", slopes, weight)
        if len(terms.scale):
            jacobian[:, terms.scale] += np.einsum("hsn,sn->nh", scale_slopes / scales, total)
        return np.sum(total, axis=0), jacobian

    def evaluate(self, x: FloatArray, data: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Return -2 ln L above that of the saturated model, its gradient (P,) and its curvature (P, P).

        In the saturated model every rate equals its datum: the value is a goodness of fit, and free of the
        large constants of -2 ln L, whose rounding would enter every test statistic. The curvature leaves out
        second derivatives of the rates: it is positive, and exact where the fit is good.
        """
        n, auxiliary = data[: self.n_bins], data[self.n_bins :]
        raw, jacobian = self.rates(x)
        floor = _FLOOR * np.minimum(self._background, n + 1.0)
        below = (raw < floor) | (raw < 0.0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            log_rate = np.where(below, np.log(floor) + raw / floor - 1.0, np.log(raw))
            rate = np.where(below, np.exp(log_rate), raw)
            deviance = rate - n + np.where(n > 0, n * (np.log(n) - log_rate), 0.0)
            first = np.where(below, (rate - n) / floor, 1.0 - np.where(n > 0, n / rate, 0.0))
            toward = n / (n + floor - raw) / floor  # -2 ln L is linear there: a step to above the floor
            second = np.where(below, rate / floor**2 + toward, (n / rate + _FISHER_SHARE) / rate)
        value = 2.0 * float(np.sum(deviance))
        if not np.isfinite(value) or np.any(below & (floor == 0.0)):
            return np.inf, np.zeros_like(x), np.eye(len(x))
        gradient = 2.0 * first @ jacobian
        curvature = (jacobian.T * (2.0 * np.where(below | (rate > 0), second, 0.0))) @ jacobian
        return self._constrain(x, auxiliary, value, gradient, curvature)

    def saturated(self, data: FloatArray) -> float:
        """Return -2 ln L of the saturated model: what `evaluate` leaves out."""
        terms = self._terms
        auxiliary = data[self.n_bins :]
        counts = np.concatenate([data[: self.n_bins], auxiliary[terms.poisson]])
        poisson = 2.0 * np.sum(counts - xlogy(counts, counts) + gammaln(counts + 1.0))
        return float(poisson + np.sum(np.log(2.0 * np.pi * terms.width[~terms.poisson] ** 2)))

    def _constrain(
        self, x: FloatArray, auxiliary: FloatArray, value: float, gradient: FloatArray, curvature: FloatArray
    ) -> tuple[float, FloatArray, FloatArray]:
        terms = self._terms
        for poisson in (True, False):
            chosen = terms.poisson == poisson
            index, a, width = terms.constrained[chosen], auxiliary[chosen], terms.width[chosen]
            at = x[index]
            if poisson:
                value += 2.0 * float(np.sum(width * at - a + xlogy(a, a / (width * at))))
                first, second = 2.0 * (width - a / at), 2.0 * a / at**2
            else:
                value += float(np.sum(((at - a) / width) ** 2))
                first, second = 2.0 * (at - a) / width**2, 2.0 / width**2
            gradient[index] += first
            curvature[index, index] += second
        return value, gradient, curvature

    def _lowest_signal(self) -> float:
        signal = self.rates(self.at(1.0))[0] - self._background
        if not np.any(signal):
            raise ConfigError(
                f"the parameter of interest {self.names[self.poi]!r} changes no rate: the signal is zero in "
                "every bin; give a signal template with events in the signal region"
            )
        if np.any(signal < 0):
            return float(self.low[self.poi])
        filled = signal > 0
        return -float(np.min(self._background[filled] / signal[filled]))

    def _agree_with(self, model: pyhf.Model) -> None:
        x = np.where(self.fixed, self.init, np.clip(self.init * 1.03 + 0.02, self.low, self.high))
        data = self.expected_data(self.init) * 1.1
        mine = -0.5 * (self.evaluate(x, data)[0] + self.saturated(data))
        theirs = float(model.logpdf(x, data)[0])
        if not np.isclose(mine, theirs, rtol=1e-7, atol=1e-7):
            raise ConfigError(
                f"this model's likelihood (ln L {theirs} in pyhf) is not the HistFactory one that hepflow.stats "
                f"computes ({mine}); use pyhf's own modifiers, with interpolation codes 4 and 4p"
            )


def _products_of_others(values: FloatArray) -> FloatArray:
    """Return, for each of values (F, ...), the product of all the others."""
    before, after = np.ones_like(values), np.ones_like(values)
    np.cumprod(values[:-1], axis=0, out=before[1:])
    np.cumprod(values[:0:-1], axis=0, out=after[-2::-1])
    return before * after
