"""The joint tail of correlated normal variables: how often any of them is large, over how often a given one is.

Conditioned on one of them being large, the others are drawn as they then are, and a point that several share counts
for each of them by its share: the estimator of R. Adler, J. Blanchet and J. Liu (Ann. Appl. Probab. 22 (2012) 1167,
arXiv:0807.1008), whose relative error does not grow with the level.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from hepflow.sample import FloatArray

DRAWS = 10_000  # for each variable: the factor's own error is below 1 %
_SAME = 1e-6  # sigma, within which variables that are the same in all but rounding are


def trials_factor(correlation: FloatArray, z: float, *, draws: int = DRAWS, seed: int) -> float:
    r"""Return ``P(any of N standard normal variables >= z) / P(one of them >= z)``, from 1 to N.

    .. math:: \frac{P(\max_k x_k \ge z)}{P(x \ge z)} = \sum_j E\!\left[ \frac{1}{\#\{k: x_k \ge z\}} \,\middle|\,
        x_j \ge z \right] .

    Parameters
    ----------
    correlation
        Matrix of the variables, shape ``(N, N)``.
    z
        The level.
    draws
        Points for each variable.
    seed
        Of these.
    """
    rng, n = np.random.default_rng(seed), len(correlation)
    level = ndtri_exp(np.log(1 - rng.random(draws)) + log_ndtr(-z))  # minus a normal variable that is above z
    noise = rng.standard_normal((draws, n))
    factor = 0.0
    for j, rho in enumerate(correlation):
        values, vectors = np.linalg.eigh(correlation - np.outer(rho, rho))
        others = noise @ (vectors * np.sqrt(np.maximum(values, 0.0))).T - level[:, None] * rho
        others[:, j] = -level
        factor += float(np.mean(1.0 / np.sum(others >= z - _SAME, axis=1)))
    return min(max(factor, 1.0), float(n))
