"""How many parameters a smooth function needs: an F-test, and a gate for functions that do not fit.

CMS (CMS-EXO-22-026) uses the dijet function "with 2 to 5 parameters" and an F-test at p < 0.05; that count includes
the normalisation. Here `n_shape` counts the *shape* parameters alone: one (``p2``, a power law) to four
(``p1 ... p4``, the five-parameter function of CMS). The gate adds a parameter where the F-test is content but
the spectrum is not described at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from hepflow.errors import FitError
from hepflow.sample import FloatArray
from hepflow.smooth.checks import checked, exposures
from hepflow.smooth.functions import DIJET, Function
from hepflow.smooth.goodness import INADEQUATE, Goodness
from hepflow.smooth.integrals import SQRT_S, BinIntegrals, as_pairs
from hepflow.smooth.maximum import Maximum, maximise


@dataclass(frozen=True)
class FTest:
    """One order that was tried: how well it fits, and whether it gains on the order before.

    Parameters
    ----------
    n_shape
        Shape parameters of this order, without the normalisation.
    chi2, ndf, p_value
        Pearson chi2 on bins merged until this fit expects about ten events in each, its degrees of freedom and
        goodness-of-fit p-value (1 where no degree of freedom is left).
    f_p_value
        p-value of the F-test against one shape parameter fewer; None for the first order.
    deviance
        -2 ln of the likelihood over the saturated one, on the bins as fitted: what the F-test compares.
    """

    n_shape: int
    chi2: float
    ndf: int
    p_value: float
    f_p_value: float | None
    deviance: float


@dataclass(frozen=True, eq=False)
class SmoothFit:
    """A fitted smooth function. Masses in GeV.

    Parameters
    ----------
    coefficients
        Best-fit coefficients in the decorrelated basis, shape ``(K,)`` with ``K = n_shape + 1``.
    covariance
        Their covariance (inverse Fisher information), shape ``(K, K)``.
    transform
        Matrix from the decorrelated basis to ``ln p0, p1 ...``, shape ``(K, K)``.
    n_shape, chi2, ndf, p_value
        The order chosen and its goodness of fit.
    tests
        Every order that was tried, lowest first.
    deviance, n_bins
        -2 ln of the likelihood over the saturated one, on the bins as fitted, and their number.
    sqrt_s
        Collision energy, GeV.
    function
        The function.
    """

    coefficients: FloatArray
    covariance: FloatArray
    transform: FloatArray
    n_shape: int
    chi2: float
    ndf: int
    p_value: float
    tests: tuple[FTest, ...]
    deviance: float
    n_bins: int
    sqrt_s: float = SQRT_S
    function: Function = DIJET

    @property
    def adequate(self) -> bool:
        """False where even the order chosen describes the spectrum badly (goodness-of-fit p below 1e-4)."""
        return self.p_value >= INADEQUATE

    @property
    def parameters(self) -> FloatArray:
        """``ln p0, p1 ...`` of this order, for events per unit of ``x = m / sqrt_s``, shape ``(K,)``."""
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

    def error(self, edges: ArrayLike) -> FloatArray:
        """Return the error of `expected` that the fit's parameters give each bin, shape ``(B,)``."""
        return np.asarray(np.sqrt(np.sum(self.modes(edges) ** 2, axis=0)))

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
        integrals = BinIntegrals(as_pairs(edges), self.n_shape, self.sqrt_s, self.function)
        return integrals(integrals.terms @ self.transform, self.coefficients)


def fit_smooth(
    edges: ArrayLike,
    counts: ArrayLike,
    fit_bins: ArrayLike,
    *,
    sqrt_s: float = SQRT_S,
    max_shape: int | None = None,
    function: Function = DIJET,
    exposure: ArrayLike | None = None,
) -> SmoothFit:
    """Fit a smooth function to the bins of a mask, by Poisson maximum likelihood of the bins' integrals.

    Starts from the lowest order and adds a parameter while the F-test prefers it (p < 0.05) or the present order
    does not fit at all (goodness-of-fit p < 1e-4), up to `max_shape`. Where the F-test asks for it, it must also
    lower the deviance by one. An order whose own fit does not converge, or that leaves no degree of freedom, is
    not taken.

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
        Most shape parameters to try; by default the function's own highest order, 4 for the dijet function.
    function
        The smooth function, such as `DIJET` or `UA2`.
    exposure
        How many counts each bin has for an event that the function stands for, shape ``(B,)``: 20 in a template with
        twenty events for each one expected. One by default.

    Raises
    ------
    ConfigError
        If the shapes disagree, an exposure is not above zero, an edge lies outside (0, sqrt_s), or the function has
        no order `max_shape`.
    InputError
        If a count is negative or not finite, too few bins are fitted, or all of them are empty.
    FitError
        If the fit of the lowest order does not converge.

    Examples
    --------
    A power law, ``m^-7``, needs one shape parameter, its power:

    >>> import hepflow as hf
    >>> import numpy as np
    >>> edges = np.arange(2000.0, 5001.0, 100.0)
    >>> counts = -np.diff(1e4 * (edges / 2000) ** -6)
    >>> smooth = hf.smooth.fit_smooth(edges, counts, np.ones(len(counts), dtype=bool))
    >>> smooth.n_shape, round(float(smooth.parameters[1]), 3)
    (1, 7.0)
    >>> events, error = smooth.yield_in(3300, 3700)
    >>> print(f"{events:.0f} +- {error:.0f}")
    246 +- 7
    """
    highest = function.highest if max_shape is None else max_shape
    pairs, inside = checked(edges, counts, fit_bins, sqrt_s, highest, function)
    scale = exposures(exposure, fit_bins)
    best = maximise(pairs, inside, function.lowest, sqrt_s, function, scale)
    goodness = _goodness(inside, best)
    test = _f_test(function.lowest, goodness)
    tests = [test]
    for n_shape in range(function.lowest + 1, highest + 1):
        try:
            candidate = maximise(pairs, inside, n_shape, sqrt_s, function, scale)
        except FitError:
            break
        tried = _goodness(inside, candidate)
        if tried.ndf[0] < 1:
            break
        tests.append(_f_test(n_shape, tried, goodness))
        if not tried.preferred_to(goodness)[0]:
            break
        best, goodness, test = candidate, tried, tests[-1]
    return _smooth_fit(best, tests, test, sqrt_s)


def refit(
    smooth: SmoothFit,
    edges: ArrayLike,
    counts: ArrayLike,
    fit_bins: ArrayLike,
    exposure: ArrayLike | None = None,
) -> SmoothFit:
    """Fit the function of a fit to other counts, with as many parameters.

    Parameters
    ----------
    smooth
        Function, order and collision energy.
    edges, counts, fit_bins, exposure
        As for `fit_smooth`.

    Raises
    ------
    ConfigError, InputError, FitError
        As for `fit_smooth`.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> edges = np.arange(2000.0, 5001.0, 100.0)
    >>> counts, everywhere = -np.diff(1e4 * (edges / 2000) ** -6), np.ones(30, dtype=bool)
    >>> smooth = hf.smooth.fit_smooth(edges, counts, everywhere)
    >>> twenty = hf.smooth.refit(smooth, edges, 20 * counts, everywhere, exposure=np.full(30, 20.0))
    >>> bool(np.allclose(twenty.expected(edges), smooth.expected(edges)))
    True
    >>> round(float(smooth.error(edges)[0] / twenty.error(edges)[0]) ** 2)
    20
    """
    function, sqrt_s = smooth.function, smooth.sqrt_s
    pairs, inside = checked(edges, counts, fit_bins, sqrt_s, smooth.n_shape, function)
    found = maximise(pairs, inside, smooth.n_shape, sqrt_s, function, exposures(exposure, fit_bins))
    test = _f_test(smooth.n_shape, _goodness(inside, found))
    return _smooth_fit(found, [test], test, sqrt_s)


def _smooth_fit(found: Maximum, tests: Sequence[FTest], taken: FTest, sqrt_s: float) -> SmoothFit:
    return SmoothFit(
        coefficients=found.coefficients,
        covariance=found.covariance,
        transform=found.transform,
        n_shape=taken.n_shape,
        chi2=taken.chi2,
        ndf=taken.ndf,
        p_value=taken.p_value,
        tests=tuple(tests),
        deviance=taken.deviance,
        n_bins=len(found.expected),
        sqrt_s=sqrt_s,
        function=found.function,
    )


def _goodness(counts: FloatArray, fit: Maximum) -> Goodness:
    return Goodness.of(counts[None], fit.expected[None], len(fit.coefficients) - 1)


def _f_test(n_shape: int, fitted: Goodness, before: Goodness | None = None) -> FTest:
    return FTest(
        n_shape,
        chi2=float(fitted.chi2[0]),
        ndf=max(int(fitted.ndf[0]), 0),
        p_value=float(fitted.p_value[0]),
        f_p_value=None if before is None else float(fitted.f_p_value(before)[0]),
        deviance=float(fitted.deviance[0]),
    )
