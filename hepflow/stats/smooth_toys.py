"""Fits of a smooth function to many toy spectra, each with the order that the F-test chooses for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.errors import FitError
from hepflow.sample import FloatArray
from hepflow.smooth import BinIntegrals, SmoothFit, as_pairs
from hepflow.smooth.goodness import Goodness
from hepflow.smooth.maximum import maximise
from hepflow.stats.batch import fit_many
from hepflow.stats.signal import SignalTemplate
from hepflow.stats.smooth_model import SmoothModel

_DOUBTFUL = (
    1e-3  # information on the worst known combination of parameters, that of the expectation being one
)


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
        Mask of the bins to fit, shape ``(B,)``; all by default.
    max_shape
        Most shape parameters that the F-test may take.
    f_test
        Whether each toy chooses its own order, as the data did.
    exposure
        Counts for an event of the function, shape ``(B,)``, as for `hepflow.smooth.fit_smooth`; `expected` has it in
        it.

    Raises
    ------
    FitError
        If no order of the function can be fitted to the expectation.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> edges = np.arange(2000.0, 5001.0, 100.0)
    >>> counts = -np.diff(1e4 * (edges / 2000) ** -6)
    >>> smooth = hf.smooth.fit_smooth(edges, counts, np.ones(len(counts), dtype=bool))
    >>> fits = hf.stats.SmoothToys(edges, smooth.expected(edges), smooth)
    >>> toys = np.random.default_rng(1).poisson(counts, (50, len(counts)))
    >>> bool(np.allclose(fits.expected(toys).sum(axis=1), toys.sum(axis=1)))  # the normalisation is free
    True
    """

    def __init__(
        self,
        edges: ArrayLike,
        expected: FloatArray,
        smooth: SmoothFit,
        bins: NDArray[np.bool_] | None = None,
        *,
        max_shape: int | None = None,
        f_test: bool = True,
        exposure: FloatArray | None = None,
    ) -> None:
        self._pairs, self._exposure = as_pairs(edges), exposure
        self.bins = bins = np.ones(len(self._pairs), dtype=bool) if bins is None else bins
        function = smooth.function
        highest = function.highest if max_shape is None else max_shape
        wanted = range(function.lowest, highest + 1) if f_test else [smooth.n_shape]
        pairs, mean = self._pairs[bins], expected[bins]
        self.fits: dict[int, SmoothFit] = {}
        for n_shape in wanted:
            try:
                found = maximise(pairs, mean, n_shape, smooth.sqrt_s, function, self._fitted_exposure())
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
        flat = SignalTemplate(np.ones(len(bins)))  # held at zero
        self._models = {
            n: SmoothModel(fit, edges, flat, bins=bins, exposure=exposure) for n, fit in self.fits.items()
        }

    def fit(self, counts: FloatArray) -> Iterator[OrderGroup]:
        """Fit toys (T, B), and yield them by the order that each takes."""
        seen = np.asarray(counts, dtype=np.float64)[:, self.bins]
        chosen = np.full(len(seen), min(self.fits))
        coefficients: dict[int, FloatArray] = {}
        values: dict[int, FloatArray] = {}
        rows, before = np.arange(len(seen)), None
        for n_shape, model in self._models.items():
            free = ~model.fixed
            free[model.poi] = False
            found = fit_many(model, seen[rows], model.init, free=free)
            coefficients[n_shape] = np.full((len(seen), len(model.names) - 1), np.nan)
            values[n_shape] = np.full(len(seen), np.nan)
            coefficients[n_shape][rows], values[n_shape][rows] = found.x[:, 1:], found.value
            rates, jacobian = model.rates(found.x)
            goodness = Goodness.of(seen[rows], rates, n_shape)
            if before is not None:
                taken = goodness.preferred_to(before)
                doubtful = np.flatnonzero(taken & ~(found.valid & _determined(rates, jacobian[..., 1:])))
                taken[doubtful] = [self._has_maximum(seen[rows[row]], n_shape) for row in doubtful]
                rows, goodness = rows[taken], goodness.at(taken)
                chosen[rows] = n_shape
            before = goodness
            if not len(rows):
                break
        for n_shape in np.unique(chosen):
            group = np.flatnonzero(chosen == n_shape)
            yield OrderGroup(group, self.fits[n_shape], coefficients[n_shape][group], values[n_shape][group])

    def expected(self, counts: ArrayLike) -> FloatArray:
        """Return what the fit to each of the toys (T, B) expects in all bins, shape ``(T, B)``."""
        counts = np.asarray(counts, dtype=np.float64)
        found = np.empty(counts.shape)
        for group in self.fit(counts):
            smooth = group.smooth
            integrals = BinIntegrals(self._pairs, smooth.n_shape, smooth.sqrt_s, smooth.function)
            if self._exposure is not None:
                integrals.weights = self._exposure[:, None] * integrals.weights
            found[group.rows] = integrals(integrals.terms @ smooth.transform, group.coefficients)[0]
        return found

    def _fitted_exposure(self) -> FloatArray | None:
        return None if self._exposure is None else self._exposure[self.bins]

    def _has_maximum(self, counts: FloatArray, n_shape: int) -> bool:
        """Return whether the fit to a spectrum, were it the data, would take this order."""
        smooth = self.fits[n_shape]
        try:
            maximise(
                self._pairs[self.bins],
                counts,
                n_shape,
                smooth.sqrt_s,
                smooth.function,
                self._fitted_exposure(),
            )
        except FitError:
            return False
        return True


def _determined(expected: FloatArray, jacobian: FloatArray) -> NDArray[np.bool_]:
    """Return whether fits (T, B), (T, B, K) know every combination of parameters about as well as the expectation."""
    information = np.swapaxes(jacobian, 1, 2) @ (jacobian / np.maximum(expected, 1e-300)[..., None])
    return np.asarray(np.linalg.eigvalsh(information)[:, 0] > _DOUBTFUL)
