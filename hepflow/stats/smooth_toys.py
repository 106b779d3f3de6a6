"""Fits of a smooth function to many toy spectra, each with the order that the F-test chooses for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hepflow.errors import FitError
from hepflow.sample import FloatArray
from hepflow.smooth import SmoothFit, as_pairs
from hepflow.smooth.maximum import maximise
from hepflow.smooth.order import LEAST_GAIN, LEVEL, merge
from hepflow.stats.batch import fit_many
from hepflow.stats.signal import SignalTemplate
from hepflow.stats.smooth_model import SmoothModel


@dataclass(frozen=True, eq=False)
class OrderGroup:
    """The toys that take the same order.

    Parameters
    ----------
    rows
        Which of the toys, shape ``(G,)``.
    smooth
        The function at this order, fitted to the expectation that the toys were thrown from.
    coefficients, value
        Their fits without signal: coefficients in the basis of `smooth` (G, K), and -2 ln L (G,).
    """

    rows: NDArray[np.intp]
    smooth: SmoothFit
    coefficients: FloatArray
    value: FloatArray


class SmoothToys:
    """Background-only fits to toys of a smooth spectrum.

    Parameters
    ----------
    edges
        Bin edges, shape ``(B + 1,)``, GeV.
    expected
        The expectation that toys are thrown from, shape ``(B,)``.
    smooth
        The fit to the data: its function, and its order where `f_test` is off.
    bins
        Mask of the bins to fit, shape ``(B,)``.
    max_shape
        Most shape parameters that the F-test may take.
    f_test
        Whether each toy chooses its own order, as the data did.
    """

    def __init__(
        self,
        edges: ArrayLike,
        expected: FloatArray,
        smooth: SmoothFit,
        bins: NDArray[np.bool_],
        *,
        max_shape: int | None = None,
        f_test: bool = True,
    ) -> None:
        self.bins = bins
        function = smooth.function
        highest = function.highest if max_shape is None else max_shape
        wanted = range(function.lowest, highest + 1) if f_test else [smooth.n_shape]
        pairs, mean = as_pairs(edges)[bins], expected[bins]
        self.fits: dict[int, SmoothFit] = {}
        for n_shape in wanted:
            try:
                found = maximise(pairs, mean, n_shape, smooth.sqrt_s, function)
            except FitError:
                break
            self.fits[n_shape] = replace(
                smooth,
                coefficients=found.coefficients,
                covariance=found.covariance,
                transform=found.transform,
                n_shape=n_shape,
                function=found.function,
            )
        if not self.fits:
            raise FitError(f"no order of the {function.name} function fits the expectation of the toys")
        self._merged = merge(mean)
        flat = SignalTemplate(np.ones(len(bins)))  # held at zero
        self._models = {n: SmoothModel(fit, edges, flat, bins=bins) for n, fit in self.fits.items()}

    def fit(self, counts: FloatArray) -> Iterator[OrderGroup]:
        """Fit toys (T, B), and yield them by the order that each takes."""
        seen = counts[:, self.bins]
        chosen = np.full(len(seen), min(self.fits))
        coefficients: dict[int, FloatArray] = {}
        values: dict[int, FloatArray] = {}
        rows, before = np.arange(len(seen)), (np.zeros(0), 0)
        for n_shape, model in self._models.items():
            free = ~model.fixed
            free[model.poi] = False
            found = fit_many(model, seen[rows], model.init, free=free)
            coefficients[n_shape] = np.full((len(seen), len(model.names) - 1), np.nan)
            values[n_shape] = np.full(len(seen), np.nan)
            coefficients[n_shape][rows], values[n_shape][rows] = found.x[:, 1:], found.value
            chi2, ndf = self._chi2(seen[rows], model.rates(found.x)[0], n_shape)
            if ndf < 1 and n_shape > min(self.fits):
                break
            if len(before[0]):
                gain = before[0] - chi2
                f_p = stats.f.sf(gain / np.maximum(chi2 / ndf, 1e-300), 1, ndf)
                taken = ((f_p < LEVEL) & (gain > LEAST_GAIN)) | (stats.chi2.sf(before[0], before[1]) < LEVEL)
                rows, chi2 = rows[taken], chi2[taken]
                chosen[rows] = n_shape
            before = (chi2, ndf)
            if not len(rows):
                break
        for n_shape in np.unique(chosen):
            group = np.flatnonzero(chosen == n_shape)
            yield OrderGroup(group, self.fits[n_shape], coefficients[n_shape][group], values[n_shape][group])

    def _chi2(self, counts: FloatArray, expected: FloatArray, n_shape: int) -> tuple[FloatArray, int]:
        observed = np.add.reduceat(counts, self._merged, axis=1)
        model = np.add.reduceat(expected, self._merged, axis=1)
        return np.sum((observed - model) ** 2 / model, axis=1), len(self._merged) - n_shape - 1
