"""Integrals of a smooth function over the bins of a spectrum, by Gauss-Legendre quadrature."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hepflow.errors import ConfigError
from hepflow.sample import FloatArray
from hepflow.smooth.functions import DIJET, Function

SQRT_S = 13_000.0
"""Collision energy of LHC Run 2, GeV: what functions of a mass take where none is given."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)
_LEAST = np.finfo(np.float64).tiny  # of an edge over sqrt(s): what is divided by it stays a number
_WIDEST = 0.05  # in ln m; three nodes then integrate the steepest spectra to 1e-6


class BinIntegrals:
    """The terms of ln f at the quadrature nodes of every bin; wide bins are subdivided.

    Parameters
    ----------
    pairs
        Low and high edge of each bin, shape ``(B, 2)``, GeV; bins need not touch.
    n_shape
        Shape parameters, without the normalisation.
    sqrt_s
        Collision energy, GeV.
    function
        The smooth function.

    Attributes
    ----------
    terms, weights
        At the `Q` nodes of each bin, shapes ``(B, Q, n_shape + 1)`` and ``(B, Q)``.

    Raises
    ------
    ConfigError
        If an edge lies outside ``(0, sqrt_s)``, or a bin is empty.
    """

    def __init__(self, pairs: FloatArray, n_shape: int, sqrt_s: float, function: Function = DIJET) -> None:
        check_edges(pairs, sqrt_s)
        low, high = pairs.T / sqrt_s
        pieces = int(np.ceil(np.max(np.log(high / low)) / _WIDEST))
        half = 0.5 * (high - low) / pieces
        middle = low[:, None] + half[:, None] * (2 * np.arange(pieces) + 1)
        x = (middle[:, :, None] + half[:, None, None] * _NODES).reshape(len(pairs), -1)
        self.terms: FloatArray = function(x, n_shape)
        self.weights: FloatArray = half[:, None] * np.tile(_WEIGHTS, pieces)

    def __call__(self, basis: FloatArray, coefficients: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the integral over each bin (..., B) and its derivatives (..., B, K).

        `basis` (B, Q, K) stands for the terms, `coefficients` (..., K) belong to it.
        """
        bins, nodes, size = basis.shape
        exponent = (coefficients @ basis.reshape(-1, size).T).reshape(-1, bins, nodes)
        density = self.weights * np.exp(exponent)
        columns = np.concatenate([np.ones((bins, nodes, 1)), basis], axis=-1)
        sums = (density.swapaxes(0, 1) @ columns).swapaxes(0, 1)  # matmul is several times faster than einsum
        sums = sums.reshape(*coefficients.shape[:-1], bins, size + 1)
        return sums[..., 0], sums[..., 1:]


def as_pairs(edges: ArrayLike) -> FloatArray:
    """Return edges (B + 1,) as the low and high edge of each bin, shape ``(B, 2)``."""
    edges = np.asarray(edges, dtype=np.float64)
    return np.stack([edges[:-1], edges[1:]], axis=1)


def check_edges(pairs: FloatArray, sqrt_s: float) -> None:
    """Raise ConfigError unless bins (B, 2) are finite, increase and lie between 0 and sqrt(s)."""
    if not (np.all(np.isfinite(pairs)) and np.all(pairs[:, 0] < pairs[:, 1])):
        raise ConfigError(f"smooth function: bin edges must be finite and increase; got {pairs.ravel()}")
    if not pairs.min() / sqrt_s >= _LEAST or pairs.max() >= sqrt_s:
        raise ConfigError(
            f"smooth function: masses {pairs.min():g} to {pairs.max():g} GeV must lie between 0 and sqrt(s) = "
            f"{sqrt_s:g} GeV; set sqrt_s in GeV, or check that masses are in GeV"
        )
