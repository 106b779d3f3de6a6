"""The HistFactory likelihood of a pyhf model, with its derivatives.

pyhf's numpy backend has no gradients, and one call costs a third of a millisecond. A HistFactory rate is a
sum over samples of ``(nominal + shifts) x factors``, so rates, gradient and curvature come out of a few array
operations here. `HistFactory` reads `model.spec` and checks itself against `model.logpdf` when it is built.
Conventions (order, auxiliary data, interpolation) are those of pyhf 0.7.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pyhf

from hepflow.sample import FloatArray
from hepflow.stats.interpolation import code4, code4p
from hepflow.stats.likelihood import IndexArray
from hepflow.stats.pyhf_model import PyhfLikelihood
from hepflow.stats.terms import compile_terms


class HistFactory(PyhfLikelihood):
    """Rates and likelihood of a `pyhf.Model` as functions of its parameters, shape ``(P,)``.

    Parameters and errors are those of `PyhfLikelihood`; `UnknownModelError` also where a modifier is unknown.
    """

    def _prepare(self, model: pyhf.Model) -> None:
        self._terms = compile_terms(model)

    @cached_property
    def alone(self) -> IndexArray:
        """The bin of each gamma, shape ``(P,)``; -1 of what moves several bins, or none."""
        size, terms = len(self.names), self._terms
        bins = np.broadcast_to(np.arange(self.n_bins), terms.factor.shape)
        met = np.unique(np.stack([terms.factor.ravel(), bins.ravel()]), axis=1)
        met = met[:, met[0] < size]
        found = np.full(size, -1)
        found[met[0]] = met[1]
        several = np.bincount(met[0], minlength=size) > 1
        found[several], found[terms.shift], found[terms.scale] = -1, -1, -1
        return found

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


def _products_of_others(values: FloatArray) -> FloatArray:
    """Return, for each of values (..., F, S, N), the product of all the others."""
    before, after = np.ones_like(values), np.ones_like(values)
    np.cumprod(values[..., :-1, :, :], axis=-3, out=before[..., 1:, :, :])
    np.cumprod(values[..., :0:-1, :, :], axis=-3, out=after[..., -2::-1, :, :])
    return before * after
