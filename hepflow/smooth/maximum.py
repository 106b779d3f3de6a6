"""Poisson maximum-likelihood fit of a smooth function to bin integrals.

The parameters of these functions correlate strongly (``p1`` and ``p2`` of the dijet function to -0.9999), so the
fit moves in an orthonormal basis (QR of the terms, weighted by the spectrum), in which the Fisher information is
close to the identity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, special

from hepflow.errors import FitError
from hepflow.sample import FloatArray
from hepflow.smooth.functions import Function
from hepflow.smooth.integrals import BinIntegrals

_MAX_STEPS = 100
_MAX_REFINEMENTS = 60
_TOLERANCE = 1e-9
_UNDETERMINED = 1e6


@dataclass(frozen=True, eq=False)
class Maximum:
    """Where the likelihood of one order is largest.

    Parameters
    ----------
    coefficients, covariance
        In the decorrelated basis, shapes ``(K,)`` and ``(K, K)``.
    transform
        Matrix from that basis to ``ln p0, p1 ...``, shape ``(K, K)``.
    expected
        Expected counts per fitted bin, shape ``(B,)``.
    function
        The function that was fitted; it holds the parameters that are not linear in its logarithm.
    """

    coefficients: FloatArray
    covariance: FloatArray
    transform: FloatArray
    expected: FloatArray
    function: Function


def maximise(
    pairs: FloatArray,
    counts: FloatArray,
    n_shape: int,
    sqrt_s: float,
    function: Function,
    exposure: FloatArray | None = None,
) -> Maximum:
    """Find the Poisson maximum likelihood of an order for bins (B, 2) and counts (B,).

    Of each event that the function stands for, `exposure` (B,) are counted; one by default.

    Raises
    ------
    FitError
        If there is no maximum, or it does not determine all coefficients.
    """
    for _ in range(_MAX_REFINEMENTS):
        integrals = BinIntegrals(pairs, n_shape, sqrt_s, function)
        if exposure is not None:
            integrals.weights = exposure[:, None] * integrals.weights
        found = _score(integrals, counts, function)
        if function.refine is None:
            return found
        function, moved = function.refine(found.transform @ found.coefficients)
        if moved < 1e-9:
            return found
    raise _undetermined(counts, n_shape, function)


def _score(integrals: BinIntegrals, counts: FloatArray, function: Function) -> Maximum:
    """Find the maximum by Fisher scoring, with steps halved until the likelihood rises."""
    size = integrals.terms.shape[-1]
    widths = integrals.weights.sum(axis=1)
    per_node = np.broadcast_to(((counts + 0.5) / widths)[:, None], integrals.weights.shape)
    root = np.sqrt(integrals.weights * per_node).ravel()
    orthonormal, upper = linalg.qr(root[:, None] * integrals.terms.reshape(-1, size), mode="economic")
    transform = np.linalg.inv(upper)
    basis = integrals.terms @ transform

    def evaluate(coefficients: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        expected, jacobian = integrals(basis, coefficients)
        value = float(np.sum(special.xlogy(counts, expected) - expected))
        return (value if np.all(expected > 0) and np.isfinite(value) else -np.inf), expected, jacobian

    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        coefficients = orthonormal.T @ (root * np.log(per_node).ravel())
        value, expected, jacobian = evaluate(coefficients)
        for _ in range(_MAX_STEPS):
            information = jacobian.T @ (jacobian / expected[:, None])
            eigenvalues, vectors = linalg.eigh(information)
            if eigenvalues[0] * _UNDETERMINED < 1.0:
                break
            step = vectors @ ((vectors.T @ (jacobian.T @ (counts / expected - 1.0))) / eigenvalues)
            if step @ information @ step < _TOLERANCE:
                covariance = (vectors / eigenvalues) @ vectors.T
                return Maximum(coefficients, covariance, transform, expected, function)
            for halvings in range(40):
                trial = evaluate(coefficients + step * 0.5**halvings)
                if trial[0] >= value - 1e-12 * abs(value):
                    break
            else:
                break
            coefficients = coefficients + step * 0.5**halvings
            value, expected, jacobian = trial
    raise _undetermined(counts, size - 1, function)


def _undetermined(counts: FloatArray, n_shape: int, function: Function) -> FitError:
    return FitError(
        f"{function.name} fit with {n_shape + 1} parameters: {counts.sum():g} events in {len(counts)} bins, "
        f"{np.sum(counts > 0)} of them filled, do not determine it; widen the sidebands, take wider bins or "
        "loosen the cut"
    )
