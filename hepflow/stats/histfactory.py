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
from hepflow.stats.expansion import IndexArray
from hepflow.stats.interpolation import code4p
from hepflow.stats.pyhf_model import PyhfLikelihood
from hepflow.stats.terms import compile_terms


class HistFactory(PyhfLikelihood):
    """Rates and likelihood of a `pyhf.Model` as functions of its parameters, shape ``(P,)``.

    Parameters and errors are those of `PyhfLikelihood`; `UnknownModelError` also where a modifier is unknown.
    """

    def _prepare(self, model: pyhf.Model) -> None:
        self._terms = terms = compile_terms(model)
        alone = self.alone
        local = alone >= 0
        self._bins, self._columns = alone[local], np.cumsum(~local) - 1  # of those that several bins share
        factor, bins = (
            terms.factor.ravel(),
            np.broadcast_to(np.arange(self.n_bins), terms.factor.shape).ravel(),
        )
        there = np.flatnonzero(factor < len(alone))
        own = local[factor[there]]
        self._own, self._shared = there[own], there[~own]
        self._own_to = (np.cumsum(local) - 1)[factor[self._own]]
        self._shared_to = bins[self._shared] * int(np.sum(~local)) + self._columns[factor[self._shared]]

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
        found[several], found[terms.shift], found[terms.scales.parameter] = -1, -1, -1
        return found

    def rates(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the expected events per bin (..., N) and their derivatives (..., N, P) at points (..., P)."""
        rates, shared, own = self.derivatives(x)
        local = self.alone >= 0
        jacobian = np.zeros((*rates.shape, len(self.names)))
        jacobian[..., ~local] = shared
        jacobian[..., self._bins, np.flatnonzero(local)] = own
        return rates, jacobian

    def derivatives(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the expected events (..., N), and their derivatives as `Expansion` has them: jacobian and own."""
        terms, shape = self._terms, x.shape[:-1]
        values = self._factors(x)
        others = _products_of_others(values)
        product = others[..., 0, :, :] * values[..., 0, :, :]
        shifts, slopes = code4p(x[..., terms.shift], terms.symmetric, terms.asymmetric)
        scale, scale_slopes = terms.scales(x)
        scaled = (terms.nominal + shifts) * scale
        total = scaled * product
        by_factor = (others * scaled[..., None, :, :]).reshape(*shape, terms.factor.size)
        own = _sums(by_factor[..., self._own], self._own_to, len(self._bins))
        shared = len(self.names) - len(self._bins)
        jacobian = _sums(by_factor[..., self._shared], self._shared_to, self.n_bins * shared)
        jacobian = jacobian.reshape(*shape, self.n_bins, shared)
        if len(terms.shift):
            moved = np.einsum("...hsn,...sn->...nh", slopes, product * scale)
            jacobian[..., self._columns[terms.shift]] += moved
        terms.scales.add_slopes(jacobian, self._columns, scale_slopes, total)
        return np.sum(total, axis=-2), jacobian, own

    def sample_rates(self, x: FloatArray) -> FloatArray:
        """Return the expected events of each sample in each bin, shape ``(..., S, N)``, at points (..., P)."""
        terms = self._terms
        shifts, _ = code4p(x[..., terms.shift], terms.symmetric, terms.asymmetric)
        return np.asarray((terms.nominal + shifts) * terms.scales(x)[0] * np.prod(self._factors(x), axis=-3))

    def _factors(self, x: FloatArray) -> FloatArray:
        """Return what multiplies each sample in each bin, (..., F, S, N)."""
        return np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1)[..., self._terms.factor]


def _sums(values: FloatArray, to: IndexArray, size: int) -> FloatArray:
    """Add up values (..., K) by where each of them belongs (K,), to (..., size)."""
    shape = values.shape[:-1]
    points = int(np.prod(shape))
    where = (np.arange(points)[:, None] * size + to).ravel()
    return (
        np.bincount(where, values.ravel(), points * size).astype(np.float64, copy=False).reshape(*shape, size)
    )


def _products_of_others(values: FloatArray) -> FloatArray:
    """Return, for each of values (..., F, S, N), the product of all the others."""
    before, after = np.ones_like(values), np.ones_like(values)
    np.cumprod(values[..., :-1, :, :], axis=-3, out=before[..., 1:, :, :])
    np.cumprod(values[..., :0:-1, :, :], axis=-3, out=after[..., -2::-1, :, :])
    return before * after
