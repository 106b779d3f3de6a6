"""The HistFactory likelihood of a pyhf model, with its derivatives.

pyhf's numpy backend has no gradients, and one call costs a third of a millisecond. A HistFactory rate is a
sum over samples of ``(nominal + shifts) x factors``, so rates, gradient and curvature come out of a few array
operations here. `HistFactory` reads `model.spec` and checks itself against `model.logpdf` when it is built.
Conventions (order, auxiliary data, interpolation) are those of pyhf 0.7.
"""

from __future__ import annotations

import numpy as np
import pyhf

from hepflow.errors import ConfigError
from hepflow.sample import FloatArray
from hepflow.stats.interpolation import code4, code4p
from hepflow.stats.likelihood import Likelihood
from hepflow.stats.terms import compile_terms

# What pyhf sets where a workspace sets nothing: an aid to its minimisers, not physics. A result clipped there
# is wrong without a word (s=1, b=100, n=150 gives Z=2.93 in place of 4.65), so these ends are lifted.
_LIFTED = {(0.0, 10.0): (0.0, np.inf), (-5.0, 5.0): (-np.inf, np.inf), (1e-10, 10.0): (1e-10, np.inf)}


class HistFactory(Likelihood):
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
        self.names = list(config.par_names)
        self.poi = int(config.poi_index)
        self.init = np.array(config.suggested_init(), dtype=np.float64)
        self.fixed = np.array(config.suggested_fixed(), dtype=bool)
        self.n_bins = int(config.nmaindata)
        self.auxiliary = np.array(config.auxdata, dtype=np.float64)
        self._channels = dict(config.channel_slices)
        self.samples = tuple(config.samples)
        self._terms = compile_terms(model)
        self.constraints = self._terms.constraints
        bounds = [_LIFTED.get((float(a), float(b)), (a, b)) for a, b in config.suggested_bounds()]
        self.low, self.high = np.array(bounds, dtype=np.float64).T
        self.background = np.maximum(self.rates(self.at(0.0))[0], 0.0)
        self.low[self.poi], self.high[self.poi] = self._lowest_signal(), np.inf
        self._agree_with(model)

    @property
    def channels(self) -> dict[str, slice]:
        """The bins of each channel."""
        return self._channels

    def rates(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the expected events per bin (..., N) and their derivatives (..., N, P) at points (..., P)."""
        terms, shape = self._terms, x.shape[:-1]
        values = np.concatenate([x, np.ones((*shape, 1))], axis=-1)[..., terms.factor]
        others = _products_of_others(values)
        product = others[..., 0, :, :] * values[..., 0, :, :]
        shifts, slopes = code4p(x[..., terms.shift], terms.symmetric, terms.asymmetric)
        scales, scale_slopes = code4(x[..., terms.scale], terms.up, terms.down, terms.coefficients)
        scale = np.prod(scales, axis=-3)
        scaled = (terms.nominal + shifts) * scale
        total = scaled * product
        jacobian = self._by_factors(others * scaled[..., None, :, :])
        if len(terms.shift):
            jacobian[..., terms.shift] += np.einsum("...hsn,...sn->...nh", slopes, product * scale)
        if len(terms.scale):
            jacobian[..., terms.scale] += np.einsum("...hsn,...sn->...nh", scale_slopes / scales, total)
        return np.sum(total, axis=-2), jacobian

    def sample_rates(self, x: FloatArray) -> FloatArray:
        """Return the expected events of each sample in each bin, shape ``(..., S, N)``, at points (..., P)."""
        terms = self._terms
        shifts, _ = code4p(x[..., terms.shift], terms.symmetric, terms.asymmetric)
        scales, _ = code4(x[..., terms.scale], terms.up, terms.down, terms.coefficients)
        factors = np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1)[..., terms.factor]
        events: FloatArray = (terms.nominal + shifts) * np.prod(scales, axis=-3) * np.prod(factors, axis=-3)
        return events

    def _by_factors(self, slopes: FloatArray) -> FloatArray:
        """Add up the derivatives by each factor (..., F, S, N) to those of the rates (..., N, P)."""
        shape, each = slopes.shape[:-3], self.n_bins * (len(self.names) + 1)
        points = int(np.prod(shape))
        where = (np.arange(points)[:, None] * each + self._terms.flat).ravel()
        flat = np.bincount(where, slopes.ravel(), points * each)
        table: FloatArray = flat.astype(np.float64, copy=False).reshape(*shape, self.n_bins, -1)
        return table[..., :-1]

    def _lowest_signal(self) -> float:
        signal = self.rates(self.at(1.0))[0] - self.background
        if not np.any(signal):
            raise ConfigError(
                f"the parameter of interest {self.names[self.poi]!r} changes no rate: the signal is zero in "
                "every bin; give a signal template with events in the signal region"
            )
        if np.any(signal < 0):
            return float(self.low[self.poi])
        filled = signal > 0
        return -float(np.min(self.background[filled] / signal[filled]))

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
    """Return, for each of values (..., F, S, N), the product of all the others."""
    before, after = np.ones_like(values), np.ones_like(values)
    np.cumprod(values[..., :-1, :, :], axis=-3, out=before[..., 1:, :, :])
    np.cumprod(values[..., :0:-1, :, :], axis=-3, out=after[..., -2::-1, :, :])
    return before * after
