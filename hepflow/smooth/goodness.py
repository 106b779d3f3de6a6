"""How well fits describe spectra, and whether one more parameter is worth it: the same rule for data and toys.

Goodness of fit is Pearson's chi2 on merged bins; an order is compared with the next by the likelihood of the bins as
fitted. Merged bins would not do for that: a fit to narrow bins is not where their chi2 is smallest, and the gain of a
parameter that lives in the tail then fluctuates more than chi2 of one degree of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from hepflow.sample import FloatArray

LEVEL = 0.05  # of the F-test
INADEQUATE = 1e-4  # goodness-of-fit p-value of a function that does not describe the spectrum
_MERGE_TO = 10.0
_LEAST_GAIN = 1.0  # in -2 ln L: without noise (Asimov data) the F-test compares rounding with rounding
_LEAST = np.finfo(np.float64).tiny


@dataclass(frozen=True, eq=False)
class Goodness:
    """How well fits of one order describe `T` spectra.

    Parameters
    ----------
    chi2, ndf
        Pearson chi2 on merged bins and its degrees of freedom, shapes ``(T,)``; `ndf` may be 0 or less.
    deviance
        -2 ln of the likelihood over the saturated one, on the bins as fitted, shape ``(T,)``.
    """

    chi2: FloatArray
    ndf: NDArray[np.intp]
    deviance: FloatArray

    @classmethod
    def of(cls, counts: FloatArray, expected: FloatArray, n_shape: int) -> Goodness:
        """Compare counts (T, B) with what their fits expect, (T, B).

        Neighbouring bins are merged until the fit itself expects about ten events in each, and those left at the
        end join the last: no bin has a chi2 of few events.
        """
        ratio = counts / np.where(counts > 0, expected, 1.0)  # 0 / 0 of an empty bin is no warning
        ratio = np.where(
            counts > 0, np.maximum(ratio, _LEAST), ratio
        )  # that of a count of 5e-324 is no number
        deviance = 2.0 * np.sum(expected - counts + special.xlogy(counts, ratio), axis=1)
        runs = _runs(expected)
        observed, model = _summed(counts, runs), _summed(expected, runs)
        filled = model > 0
        squared = np.where(filled, (observed - model) ** 2, 0.0) / np.where(filled, model, 1.0)
        return cls(np.sum(squared, axis=1), runs[:, -1] - n_shape, deviance)

    @property
    def p_value(self) -> FloatArray:
        """Goodness-of-fit p-value, shape ``(T,)``; 1 where no degree of freedom is left."""
        free = self.ndf > 0
        return np.where(free, stats.chi2.sf(self.chi2, np.maximum(self.ndf, 1)), 1.0)

    def f_p_value(self, simpler: Goodness) -> FloatArray:
        """Return the p-value of the F-test against fits with one parameter fewer, shape ``(T,)``."""
        scale = np.maximum(self.chi2 / np.maximum(self.ndf, 1), 1e-300)
        p_value: FloatArray = stats.f.sf(
            (simpler.deviance - self.deviance) / scale, 1, np.maximum(self.ndf, 1)
        )
        return p_value

    def preferred_to(self, simpler: Goodness) -> NDArray[np.bool_]:
        """Return whether these fits take the place of those with one parameter fewer, shape ``(T,)``."""
        gained = simpler.deviance - self.deviance > _LEAST_GAIN
        better = (self.f_p_value(simpler) < LEVEL) & gained
        return (self.ndf > 0) & (better | (simpler.p_value < INADEQUATE))

    def at(self, rows: NDArray[np.generic]) -> Goodness:
        """Return the same of some of the spectra."""
        return Goodness(self.chi2[rows], self.ndf[rows], self.deviance[rows])


def _runs(expected: FloatArray) -> NDArray[np.intp]:
    """Return to which run each bin belongs, counted from 0, both shapes ``(T, B)``."""
    runs = np.empty(expected.shape, dtype=np.intp)
    run, total = np.zeros(len(expected), dtype=np.intp), np.zeros(len(expected))
    for i, events in enumerate(expected.T):
        full = total >= _MERGE_TO
        run = run + full
        total = np.where(full, 0.0, total) + events
        runs[:, i] = run
    last = np.maximum(run - (total < _MERGE_TO), 0)
    return np.minimum(runs, last[:, None])


def _summed(values: FloatArray, runs: NDArray[np.intp]) -> FloatArray:
    """Return the sum over each run, shape ``(T, B)``, the runs that there are first."""
    flat = runs + runs.shape[1] * np.arange(len(runs))[:, None]
    sums = np.bincount(flat.ravel(), weights=values.ravel(), minlength=runs.size)
    return np.asarray(sums, dtype=np.float64).reshape(runs.shape)
