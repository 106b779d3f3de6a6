"""How many parameters the dijet function needs: an F-test with a goodness-of-fit gate.

CMS (CMS-EXO-22-026) uses the function "with 2 to 5 parameters" and an F-test at p < 0.05; that count includes
the normalisation. Here `n_shape` counts the *shape* parameters alone: two (``p1, p2``) to four
(``p1 ... p4``, the five-parameter function of CMS). The gate adds a parameter where the F-test is content but
the spectrum is not described.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, stats

from hepflow.errors import ConfigError, FitError, InputError
from hepflow.sample import FloatArray
from hepflow.smooth.dijet import SQRT_S, BinIntegrals, Maximum, as_pairs, check_edges, maximise

MIN_SHAPE, MAX_SHAPE = 2, 4
LEVEL = 0.05
INADEQUATE = 1e-4
_MERGE_TO = 10.0
_LEAST_GAIN = 1.0  # of chi2: without noise (Asimov data) the F-test compares rounding with rounding


@dataclass(frozen=True)
class FTest:
    """One order that was tried: its chi2 and what it gains over the order before.

    Parameters
    ----------
    n_shape
        Shape parameters of this order, without the normalisation.
    chi2, ndf, p_value
        Pearson chi2 on bins merged to about ten expected events, its degrees of freedom and goodness-of-fit
        p-value (1 where no degree of freedom is left).
    f_p_value
        p-value of the F-test against one shape parameter fewer; None for the first order.
    """

    n_shape: int
    chi2: float
    ndf: int
    p_value: float
    f_p_value: float | None


@dataclass(frozen=True, eq=False)
class SmoothFit:
    """A fitted dijet function. Masses in GeV.

    Parameters
    ----------
    coefficients
        Best-fit coefficients in the decorrelated basis, shape ``(K,)`` with ``K = n_shape + 1``.
    covariance
        Their covariance (inverse Fisher information), shape ``(K, K)``.
    transform
        Matrix from the decorrelated basis to ``p0 ... p4``, shape ``(K, K)``.
    n_shape, chi2, ndf, p_value
        The order chosen and its goodness of fit.
    tests
        Every order that was tried, lowest first.
    sqrt_s
        Collision energy, GeV.
    """

    coefficients: FloatArray
    covariance: FloatArray
    transform: FloatArray
    n_shape: int
    chi2: float
    ndf: int
    p_value: float
    tests: tuple[FTest, ...]
    sqrt_s: float = SQRT_S

    @property
    def adequate(self) -> bool:
        """False where even the order chosen describes the spectrum badly (goodness-of-fit p below 1e-4)."""
        return self.p_value >= INADEQUATE

    @property
    def parameters(self) -> FloatArray:
        """The parameters ``ln p0, p1 ... p4`` for events per unit of ``x = m / sqrt_s``, shape ``(K,)``."""
        return np.asarray(self.transform @ self.coefficients)

    def expected(self, edges: ArrayLike) -> FloatArray:
        """Return the expected events in each bin, shape ``(B,)``, for edges (B + 1,) in GeV."""
        return self._integrals(edges)[0]

    def modes(self, edges: ArrayLike) -> FloatArray:
        """Return the shifts of `expected` for one standard deviation along each covariance eigenvector.

        Returns
        -------
        ndarray
            Shape ``(K, B)``, in events. Independent of each other: their squares add up to the variance of
            each bin. Row k is the same eigenvector for any `edges`.
        """
        variances, vectors = linalg.eigh(self.covariance)
        return np.asarray((self._integrals(edges)[1] @ (vectors * np.sqrt(variances))).T)

    def yield_in(self, low: float, high: float) -> tuple[float, float]:
        """Return the events expected in ``[low, high)`` GeV and the error the fit's parameters give them."""
        expected, jacobian = self._integrals([low, high])
        return float(expected[0]), float(np.sqrt(jacobian[0] @ self.covariance @ jacobian[0]))

    def draw_masses(self, low: float, high: float, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw `n` masses in ``[low, high)`` GeV from the fitted density, shape ``(n,)``."""
        grid = np.linspace(low, high, 2001)
        cumulative = np.concatenate([[0.0], np.cumsum(self.expected(grid))])
        drawn = np.interp(rng.random(n), cumulative / cumulative[-1], grid)
        return np.minimum(drawn, np.nextafter(high, low))

    def _integrals(self, edges: ArrayLike) -> tuple[FloatArray, FloatArray]:
        integrals = BinIntegrals(as_pairs(edges), self.n_shape, self.sqrt_s)
        return integrals(integrals.terms @ self.transform, self.coefficients)


def fit_smooth(
    edges: ArrayLike,
    counts: ArrayLike,
    fit_bins: ArrayLike,
    *,
    sqrt_s: float = SQRT_S,
    max_shape: int = MAX_SHAPE,
) -> SmoothFit:
    """Fit the dijet function to the bins of a mask, by Poisson maximum likelihood of the bins' integrals.

    Starts from two shape parameters and adds one while the F-test prefers it (p < 0.05) or the present order
    does not fit (goodness-of-fit p < 0.05), up to `max_shape`. Where the F-test asks for it, it must also
    lower chi2 by one. An order whose own fit does not converge, or that leaves no degree of freedom, is not
    taken.

    Parameters
    ----------
    edges
        Bin edges, shape ``(B + 1,)``, GeV.
    counts
        Events per bin, shape ``(B,)``.
    fit_bins
        Mask of the bins to fit (the sidebands), shape ``(B,)``.
    sqrt_s
        Collision energy, GeV.
    max_shape
        Most shape parameters to try, 2 to 4.

    Raises
    ------
    ConfigError
        If the shapes disagree, an edge lies outside (0, sqrt_s), or `max_shape` is not 2, 3 or 4.
    InputError
        If a count is negative or not finite, too few bins are fitted, or all of them are empty.
    FitError
        If the fit with two shape parameters does not converge.
    """
    pairs, inside = _checked(edges, counts, fit_bins, sqrt_s, max_shape)
    best = maximise(BinIntegrals(pairs, MIN_SHAPE, sqrt_s), inside)
    merged = _merge(best.expected)
    test = _goodness(inside, best, merged)
    tests = [test]
    for n_shape in range(MIN_SHAPE + 1, min(max_shape, len(merged) - 2) + 1):
        try:
            candidate = maximise(BinIntegrals(pairs, n_shape, sqrt_s), inside)
        except FitError:
            break
        tests.append(_goodness(inside, candidate, merged, before=test))
        preferred = (tests[-1].f_p_value or 0.0) < LEVEL and test.chi2 - tests[-1].chi2 > _LEAST_GAIN
        if not preferred and test.p_value >= LEVEL:
            break
        best, test = candidate, tests[-1]
    return SmoothFit(
        best.coefficients,
        best.covariance,
        best.transform,
        test.n_shape,
        test.chi2,
        test.ndf,
        test.p_value,
        tuple(tests),
        sqrt_s,
    )


def _merge(expected: FloatArray) -> NDArray[np.intp]:
    """Return the first bin of each run of bins that holds about ten expected events or more."""
    starts, total = [0], 0.0
    for i, events in enumerate(expected):
        if total >= _MERGE_TO:
            starts.append(i)
            total = 0.0
        total += events
    if total < _MERGE_TO and len(starts) > 1:
        starts.pop()
    return np.asarray(starts, dtype=np.intp)


def _goodness(
    counts: FloatArray, fit: Maximum, merged: NDArray[np.intp], before: FTest | None = None
) -> FTest:
    n_shape = len(fit.coefficients) - 1
    observed, model = np.add.reduceat(counts, merged), np.add.reduceat(fit.expected, merged)
    chi2, ndf = float(np.sum((observed - model) ** 2 / model)), len(merged) - n_shape - 1
    p_value = float(stats.chi2.sf(chi2, ndf)) if ndf > 0 else 1.0
    f_p_value = None
    if before is not None:
        gain = (before.chi2 - chi2) / max(chi2 / ndf, 1e-300)
        f_p_value = float(stats.f.sf(gain, 1, ndf))
    return FTest(n_shape, chi2, max(ndf, 0), p_value, f_p_value)


def _checked(
    edges: ArrayLike, counts: ArrayLike, fit_bins: ArrayLike, sqrt_s: float, max_shape: int
) -> tuple[FloatArray, FloatArray]:
    """Return the bins to fit, (b, 2), and their counts, (b,)."""
    edges, counts = np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    mask = np.asarray(fit_bins)
    if edges.ndim != 1 or counts.shape != (len(edges) - 1,) or mask.shape != counts.shape:
        raise ConfigError(
            "dijet fit: expected edges (B + 1,), counts (B,) and fit_bins (B,); "
            f"got {edges.shape}, {counts.shape} and {mask.shape}"
        )
    if mask.dtype != np.bool_:
        raise ConfigError(f"dijet fit: fit_bins must be a mask of bool; got {mask.dtype}")
    if not MIN_SHAPE <= max_shape <= MAX_SHAPE:
        raise ConfigError(f"dijet fit: max_shape must be {MIN_SHAPE} to {MAX_SHAPE}; got {max_shape}")
    pairs, inside = as_pairs(edges)[mask], counts[mask]
    if len(inside) < MIN_SHAPE + 2:
        raise InputError(
            f"dijet fit: {len(inside)} bins to fit; {MIN_SHAPE + 1} parameters need {MIN_SHAPE + 2} or more: "
            "take narrower bins or wider sidebands"
        )
    check_edges(pairs, sqrt_s)
    bad = np.flatnonzero(~np.isfinite(inside) | (inside < 0))
    if len(bad):
        low, high = pairs[bad[0]]
        raise InputError(
            f"dijet fit: {inside[bad[0]]} events in bin {low:g}-{high:g} GeV; expected a number, zero or more"
        )
    if inside.sum() <= 0:
        raise InputError("dijet fit: every fitted bin is empty; check the regions and the cut")
    return pairs, inside
