"""All windows of neighbouring bins of a spectrum, and the Poisson p-value of the count in each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc, gammaln, ndtri_exp, xlogy

from hepflow.errors import InputError
from hepflow.progress import progress
from hepflow.sample import FloatArray
from hepflow.stats.thrown import poisson

Spectra = NDArray[np.float64 | np.int64]
Refit = Callable[[FloatArray], FloatArray]  # toys (T, B) -> what a fit to each of them expects, (T, B)

_FITTED = 2_000  # toys fitted at once
_BATCH = 200_000  # windows times toys at once: what the cache of a processor holds
_TINY = 1e-290  # p-values below have lost digits


@dataclass(frozen=True, eq=False)
class BinWindows:
    """Windows on a spectrum of B bins, narrow ones first, made by `over`.

    Parameters
    ----------
    first, stop
        Index of the first bin of each window, and of the first bin after it, shapes ``(W,)``.
    yields
        Events expected in each, shape ``(W,)``.
    total
        Events expected in all bins.
    sidebands
        Scale what is expected in a window to the events outside it.
    deficit
        Look for deficits in place of excesses.
    """

    first: NDArray[np.intp]
    stop: NDArray[np.intp]
    yields: FloatArray
    total: float
    sidebands: bool = False
    deficit: bool = False

    @classmethod
    def over(
        cls,
        expected: FloatArray,
        widths: tuple[int, int],
        step: int = 1,
        *,
        sidebands: bool = False,
        deficit: bool = False,
    ) -> BinWindows:
        """Place windows of all widths, given in bins, on expected events (B,).

        Raises
        ------
        InputError
            If no window has any expectation in it, and with sidebands outside it.
        """
        bins, sizes = len(expected), range(widths[0], widths[1] + 1)
        starts = [np.arange(0, bins - size + 1, step) for size in sizes]
        first = np.concatenate(starts)
        stop = np.concatenate([start + size for start, size in zip(starts, sizes, strict=True)])
        below = _cumulative(expected[:, np.newaxis])[:, 0]
        yields, total = below[stop] - below[first], float(below[-1])
        usable = (yields > 0) & (yields < total) if sidebands else yields > 0
        if not usable.any():
            raise InputError(
                f"no window of {widths[0]} to {widths[1]} bins can be tested: {bins} bins lie between the first and "
                f"the last in which events are expected{', and sidebands need some of them' * sidebands}"
            )
        return cls(first[usable], stop[usable], yields[usable], total, sidebands, deficit)

    def counts(self, spectra: Spectra, means: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Return the events in each window and those expected, shapes ``(W, T)``, of `spectra` (B, T).

        `means` (B, T) are what is expected of each spectrum, where they have an expectation of their own.
        """
        below = _cumulative(spectra)
        counts, yields = below[self.stop] - below[self.first], self.yields[:, np.newaxis]
        if means is not None:
            below = _cumulative(means)
            yields = np.maximum(below[self.stop] - below[self.first], _TINY)
        if self.sidebands:
            outside = below[-1] - counts
            scaled = yields * outside / (self.total - yields)
            # A window that holds all events leaves nothing to compare it with, and shows no excess.
            yields = np.where(outside > 0, scaled, np.maximum(counts, _TINY))
        return counts, np.broadcast_to(yields, counts.shape)

    def minus_log_p(self, counts: FloatArray, yields: FloatArray) -> FloatArray:
        """Return ``-ln p`` of counts where `yields` are expected; 0 on the side that is not looked for."""
        beyond = counts < yields if self.deficit else counts > yields
        tail = gammaincc(counts + 1, yields) if self.deficit else gammainc(counts, yields)
        p = np.where(beyond, tail, 1.0)
        found: FloatArray = np.abs(np.log(np.maximum(p, _TINY)))  # no -0
        deep = p < _TINY
        n, b = counts[deep], yields[deep]
        # There the first term of the sum times a geometric series is as good, and finite.
        ratio = n / b if self.deficit else b / (n + 1)
        found[deep] = b - xlogy(n, b) + gammaln(n + 1) + np.log1p(-ratio)
        return found

    def largest(self, spectra: Spectra, means: FloatArray | None = None) -> FloatArray:
        """Return the largest ``-ln p`` of each of `spectra` (B, T), whole numbers, shape ``(T,)``.

        With ``K = n ln(n/b) - n + b`` no window is more significant than ``sqrt(2 K)`` sigma (M. Short, ISRN Probab.
        Stat. 2013, 412958): only windows that may beat the one of largest `K` need their p-value.
        """
        counts, yields = self.counts(spectra, means)
        beyond = np.minimum(counts, yields) if self.deficit else np.maximum(counts, yields)
        beyond = np.maximum(beyond, _TINY)  # 0 ln 0 = 0
        bound = beyond * np.log(beyond / yields) - beyond + yields
        leader = np.argmax(bound, axis=0), np.arange(counts.shape[1])
        found = self.minus_log_p(counts[leader], yields[leader])
        rivals = np.nonzero(bound > 0.5 * np.minimum(ndtri_exp(-found), 0.0) ** 2)
        np.maximum.at(found, rivals[1], self.minus_log_p(counts[rivals], yields[rivals]))
        return found

    def throw(
        self, means: FloatArray, toys: int, rng: np.random.Generator, refit: Refit | None = None
    ) -> FloatArray:
        """Return the largest ``-ln p`` of toys thrown from `means` (B,), shape ``(toys,)``.

        With `refit` each toy is compared with what a fit to it expects, else with what is expected of the data.
        """
        size = max(1, _BATCH // len(self.first))
        at_once = size if refit is None else max(size, _FITTED)
        found = []
        for first in progress(range(0, toys, at_once), "toys", "batch"):
            thrown = poisson(rng, means, (min(at_once, toys - first), len(means)))
            fitted = None if refit is None else refit(thrown.astype(np.float64))
            for start in range(0, len(thrown), size):
                part = slice(start, start + size)
                own = None if fitted is None else fitted[part].T
                found.append(self.largest(thrown[part].T, own))
        return np.concatenate(found)


def _cumulative(spectra: Spectra) -> FloatArray:
    """Return the events below each edge, shape ``(B + 1, T)``, of spectra (B, T)."""
    below = np.zeros((spectra.shape[0] + 1, spectra.shape[1]))
    np.cumsum(spectra, axis=0, out=below[1:])
    return below
