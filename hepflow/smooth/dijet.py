"""The dijet function and its Poisson maximum-likelihood fit to bin integrals.

With ``x = m / sqrt(s)`` the density of events is ``p0 (1 - x)^p1 / x^(p2 + p3 ln x + p4 ln^2 x)``, so its
logarithm is linear in the parameters (``p0`` standing for its own logarithm):

    ``ln f(x) = p0 + p1 ln(1 - x) - p2 ln x - p3 ln^2 x - p4 ln^3 x``.

``p1`` and ``p2`` correlate to -0.9999, so the fit moves in an orthonormal basis (QR of the terms, weighted by
the spectrum), in which the Fisher information is close to the identity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, special

from hepflow.errors import ConfigError, FitError
from hepflow.sample import FloatArray

SQRT_S = 13_000.0

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)
_WIDEST = 0.05  # in ln m; three nodes then integrate the steepest spectra to 1e-6
_MAX_STEPS = 100
_TOLERANCE = 1e-9
_UNDETERMINED = 1e6


class BinIntegrals:
    """The terms of ln f at the Gauss-Legendre nodes of every bin; wide bins are subdivided.

    Parameters
    ----------
    pairs
        Low and high edge of each bin, shape ``(B, 2)``, GeV; bins need not touch.
    n_shape
        Shape parameters, without the normalisation.
    sqrt_s
        Collision energy, GeV.

    Raises
    ------
    ConfigError
        If an edge lies outside ``(0, sqrt_s)``, or a bin is empty.
    """

    def __init__(self, pairs: FloatArray, n_shape: int, sqrt_s: float) -> None:
        check_edges(pairs, sqrt_s)
        low, high = pairs.T / sqrt_s
        pieces = np.ceil(np.log(high / low) / _WIDEST).astype(int)
        bins = np.repeat(np.arange(len(pairs)), pieces)
        first = np.concatenate([[0], np.cumsum(pieces)])
        half = 0.5 * ((high - low) / pieces)[bins]
        middle = low[bins] + half * (2 * (np.arange(len(bins)) - first[bins]) + 1)
        x = (middle[:, None] + half[:, None] * _NODES).ravel()
        log_x = np.log(x)
        terms = [np.ones_like(x), np.log1p(-x), -log_x, -(log_x**2), -(log_x**3)]
        self.terms: FloatArray = np.stack(terms[: n_shape + 1], axis=1)
        self.weights: FloatArray = (half[:, None] * _WEIGHTS).ravel()
        self.starts: NDArray[np.intp] = 3 * first[:-1]
        self.bins: NDArray[np.intp] = np.repeat(bins, 3)

    def __call__(self, basis: FloatArray, coefficients: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the integral over each bin (B,) and its derivatives (B, K) for a basis (nodes, K)."""
        density = self.weights * np.exp(basis @ coefficients)
        integral = np.add.reduceat(density, self.starts)
        return integral, np.add.reduceat(density[:, None] * basis, self.starts, axis=0)


@dataclass(frozen=True, eq=False)
class Maximum:
    """Where the likelihood of one order is largest.

    Parameters
    ----------
    coefficients, covariance
        In the decorrelated basis, shapes ``(K,)`` and ``(K, K)``.
    transform
        Matrix from that basis to ``p0 ... p4``, shape ``(K, K)``.
    expected
        Expected events per fitted bin, shape ``(B,)``.
    """

    coefficients: FloatArray
    covariance: FloatArray
    transform: FloatArray
    expected: FloatArray


def maximise(integrals: BinIntegrals, counts: FloatArray) -> Maximum:
    """Find the Poisson maximum likelihood by Fisher scoring, with steps halved until the likelihood rises.

    Raises
    ------
    FitError
        If there is no maximum, or it does not determine all coefficients.
    """
    widths = np.add.reduceat(integrals.weights, integrals.starts)
    per_node = ((counts + 0.5) / widths)[integrals.bins]
    root = np.sqrt(integrals.weights * per_node)
    orthonormal, upper = linalg.qr(root[:, None] * integrals.terms, mode="economic")
    transform = np.linalg.inv(upper)
    basis = integrals.terms @ transform

    def evaluate(coefficients: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        expected, jacobian = integrals(basis, coefficients)
        value = float(np.sum(special.xlogy(counts, expected) - expected))
        return (value if np.all(expected > 0) and np.isfinite(value) else -np.inf), expected, jacobian

    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        coefficients = orthonormal.T @ (root * np.log(per_node))
        value, expected, jacobian = evaluate(coefficients)
        for _ in range(_MAX_STEPS):
            information = jacobian.T @ (jacobian / expected[:, None])
            eigenvalues, vectors = linalg.eigh(information)
            if eigenvalues[0] * _UNDETERMINED < 1.0:
                break
            step = vectors @ ((vectors.T @ (jacobian.T @ (counts / expected - 1.0))) / eigenvalues)
            if step @ information @ step < _TOLERANCE:
                covariance = (vectors / eigenvalues) @ vectors.T
                return Maximum(coefficients, covariance, transform, expected)
            for halvings in range(40):
                trial = evaluate(coefficients + step * 0.5**halvings)
                if trial[0] >= value - 1e-12 * abs(value):
                    break
            else:
                break
            coefficients = coefficients + step * 0.5**halvings
            value, expected, jacobian = trial
    raise FitError(
        f"dijet fit with {len(upper)} parameters: {counts.sum():g} events in {len(counts)} bins, "
        f"{np.sum(counts > 0)} of them filled, do not determine it; widen the sidebands, take wider bins or "
        "loosen the cut"
    )


def as_pairs(edges: ArrayLike) -> FloatArray:
    """Return edges (B + 1,) as the low and high edge of each bin, shape ``(B, 2)``."""
    edges = np.asarray(edges, dtype=np.float64)
    return np.stack([edges[:-1], edges[1:]], axis=1)


def check_edges(pairs: FloatArray, sqrt_s: float) -> None:
    """Raise ConfigError unless bins (B, 2) are finite, increase and lie between 0 and sqrt(s)."""
    if not (np.all(np.isfinite(pairs)) and np.all(pairs[:, 0] < pairs[:, 1])):
        raise ConfigError(f"dijet function: bin edges must be finite and increase; got {pairs.ravel()}")
    if pairs.min() <= 0 or pairs.max() >= sqrt_s:
        raise ConfigError(
            f"dijet function: masses {pairs.min():g} to {pairs.max():g} GeV must lie between 0 and sqrt(s) = "
            f"{sqrt_s:g} GeV; set sqrt_s in GeV, or check that masses are in GeV"
        )
