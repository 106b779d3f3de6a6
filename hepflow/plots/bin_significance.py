"""How significant a count in a bin is: the signed Poisson significance that spectra have in their lower panels."""

from __future__ import annotations

import numpy as np
from scipy.special import betainc, gammainc, gammaincc, ndtri, xlogy

from hepflow.sample import FloatArray

AXIS = "Signed $Z$"  # name of the axis
# defined below the figure
NOTE = "Signed Z: Poisson significance of each bin, with the background's error (arXiv:1111.2062)."
_EXACT = 1e-9  # variance of the expectation over the expectation: below, the expectation has no error
_SMALLEST = 1e-280  # p-value, below which the asymptotic formula is taken


def significances(observed: FloatArray, expected: FloatArray, error: FloatArray) -> FloatArray:
    r"""Return the signed significance of each count, NaN where nothing is expected or no data are shown.

    G. Choudalakis and D. Casadei (Eur. Phys. J. Plus 127 (2012) 25, arXiv:1111.2062): the Poisson probability of a
    count `n` at least as far from the expectation `b`, on its side, as a number of standard deviations,

    .. math:: Z = \Phi^{-1}(1 - p), \quad p = P(k \ge n) \text{ if } n > b;
        \qquad Z = -\Phi^{-1}(1 - p), \quad p = P(k \le n) \text{ if } n \le b,

    and 0 where that is more likely than not, :math:`p > 1/2`. With an error `e` of the expectation, the Poisson mean
    has a gamma distribution of mean `b` and standard deviation `e`: with :math:`a = b^2/e^2` and `I` the regularised
    incomplete beta function, :math:`P(k \ge n) = I_{e^2/(b + e^2)}(n, a)`. With many events it is
    :math:`(n - b) / \sqrt{b + e^2}`.

    Where `p` is less than a float tells well, 36 standard deviations, `Z` is the root of twice the logarithm of the
    likelihood ratio (ATL-PHYS-PUB-2020-025, eq. 13).

    Parameters
    ----------
    observed
        Events per bin (B,), NaN where they are not shown. They need not be whole numbers.
    expected, error
        Events expected and their standard deviations, shapes ``(B,)``.
    """
    n, b, e = np.broadcast_arrays(
        *(np.asarray(each, dtype=np.float64) for each in (observed, expected, error))
    )
    found = np.full(n.shape, np.nan)
    known = np.isfinite(n) & np.isfinite(b) & np.isfinite(e) & (b > 0) & (n >= 0)
    found[known] = _significances(n[known], b[known], e[known] ** 2)
    return found


def _significances(n: FloatArray, b: FloatArray, variance: FloatArray) -> FloatArray:
    exact = variance <= _EXACT * b
    variance = np.where(exact, b, variance)  # no matter which: it is not used there
    a, share = b**2 / variance, variance / (b + variance)
    above = n > b
    count = np.where(n > 0, n, 1.0)  # no excess has a count of zero
    excess = np.where(exact, gammainc(count, b), betainc(count, a, share))
    deficit = np.where(exact, gammaincc(n + 1, b), betainc(a, n + 1, 1 - share))
    p = np.where(above, excess, deficit)
    z = np.maximum(-ndtri(np.maximum(p, _SMALLEST)), 0.0)
    z = np.where(p < _SMALLEST, _asymptotic(n, b, np.where(exact, _EXACT * b, variance)), z)
    signed: FloatArray = np.where(above, z, -z)
    return signed


def _asymptotic(n: FloatArray, b: FloatArray, variance: FloatArray) -> FloatArray:
    total = b + variance
    first = xlogy(n, n * total / (b**2 + n * variance))
    second = b**2 / variance * np.log1p(variance * (n - b) / (b * total))
    z: FloatArray = np.sqrt(np.maximum(2 * (first - second), 0.0))
    return z
