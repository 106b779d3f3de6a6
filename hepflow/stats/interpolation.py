"""How HistFactory interpolates between a nominal and its shifts: codes 4p (histosys) and 4 (normsys).

`alpha` is in standard deviations: of `H` shifts of `S` samples in `N` bins (4p), or of `E` scales (4).
Both codes are a sixth order polynomial inside one standard deviation that joins the extrapolation with two
continuous derivatives (CERN-OPEN-2012-016, section 4.1).
"""

from __future__ import annotations

import numpy as np

from hepflow.sample import FloatArray


def code4p(alpha: FloatArray, symmetric: FloatArray, asymmetric: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the sum of additive shifts (..., S, N) and the derivative of each (..., H, S, N).

    `symmetric` is ``(up - down) / 2`` and `asymmetric` ``(up + down - 2 nominal) / 16``, both ``(H, S, N)``.
    """
    total = np.tensordot(alpha, symmetric, axes=1)
    if not asymmetric.size:
        return total, symmetric
    square = alpha**2
    inside = square < 1.0
    bend = np.where(inside, square * (15.0 + square * (3.0 * square - 10.0)), 8.0 * np.abs(alpha))
    slope = np.where(inside, alpha * (30.0 + square * (18.0 * square - 40.0)), 8.0 * np.sign(alpha))
    return total + np.tensordot(bend, asymmetric, axes=1), symmetric + slope[..., None, None] * asymmetric


def code4_coefficients(up: FloatArray, down: FloatArray) -> FloatArray:
    """Return the six coefficients (6, E) that join ``up**alpha`` and ``down**-alpha``, both (E,), smoothly."""
    powers = np.arange(1, 7)
    at = [np.array([sign**p for p in powers], dtype=float) for sign in (1.0, -1.0)]
    first = [powers * np.array([sign ** (p - 1) for p in powers]) for sign in (1.0, -1.0)]
    second = [powers * (powers - 1) * np.array([sign**p for p in powers]) for sign in (1.0, -1.0)]
    log_up, log_down = np.log(up), np.log(down)
    wanted = np.stack([up - 1, down - 1, up * log_up, -down * log_down, up * log_up**2, down * log_down**2])
    return np.asarray(np.linalg.solve(np.array([*at, *first, *second]), wanted))


def code4(
    alpha: FloatArray, up: FloatArray, down: FloatArray, coefficients: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return multiplicative scales and their derivatives at `alpha`, all (..., E)."""
    polynomial, slope = coefficients[5] * alpha, np.full(alpha.shape, 6.0 * coefficients[5])
    for power in (5, 4, 3, 2, 1):  # Horner's scheme
        polynomial += coefficients[power - 1]
        polynomial *= alpha
        slope *= alpha
        slope += power * coefficients[power - 1]
    polynomial += 1.0
    beyond = np.abs(alpha) >= 1.0
    if np.any(beyond):
        at = alpha[beyond]
        log_base = np.log(np.where(alpha > 0, up, down)[beyond])
        polynomial[beyond] = np.exp(log_base * np.abs(at))
        slope[beyond] = np.sign(at) * log_base * polynomial[beyond]
    return polynomial, slope
