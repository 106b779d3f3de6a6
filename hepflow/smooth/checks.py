"""What is asked of the bins of a smooth fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hepflow.errors import ConfigError, InputError
from hepflow.sample import FloatArray
from hepflow.smooth.functions import Function
from hepflow.smooth.integrals import as_pairs, check_edges


def checked(
    edges: ArrayLike,
    counts: ArrayLike,
    fit_bins: ArrayLike,
    sqrt_s: float,
    max_shape: int,
    function: Function,
) -> tuple[FloatArray, FloatArray]:
    """Return the bins to fit, (b, 2), and their counts, (b,)."""
    edges, counts = np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    mask = np.asarray(fit_bins)
    if edges.ndim != 1 or counts.shape != (len(edges) - 1,) or mask.shape != counts.shape:
        raise ConfigError(
            f"{function.name} fit: expected edges (B + 1,), counts (B,) and fit_bins (B,); "
            f"got {edges.shape}, {counts.shape} and {mask.shape}"
        )
    if mask.dtype != np.bool_:
        raise ConfigError(f"{function.name} fit: fit_bins must be a mask of bool; got {mask.dtype}")
    fewest = function.lowest
    if max_shape not in function.orders:
        raise ConfigError(
            f"{function.name} fit: max_shape must be {fewest} to {function.highest}; got {max_shape}"
        )
    pairs, inside = as_pairs(edges)[mask], counts[mask]
    if len(inside) < fewest + 2:
        raise InputError(
            f"{function.name} fit: {len(inside)} bins to fit; {fewest + 1} parameters need {fewest + 2} or more: "
            "take narrower bins or wider sidebands"
        )
    check_edges(pairs, sqrt_s)
    bad = np.flatnonzero(~np.isfinite(inside) | (inside < 0))
    if len(bad):
        low, high = pairs[bad[0]]
        raise InputError(
            f"{function.name} fit: {inside[bad[0]]} events in bin {low:g}-{high:g} GeV; expected a number, zero "
            "or more"
        )
    if inside.sum() <= 0:
        raise InputError(f"{function.name} fit: every fitted bin is empty; check the regions and the cut")
    return pairs, inside


def exposures(exposure: ArrayLike | None, fit_bins: ArrayLike) -> FloatArray | None:
    """Return the exposures of the bins to fit, (b,); None where each is one."""
    if exposure is None:
        return None
    values, mask = np.asarray(exposure, dtype=np.float64), np.asarray(fit_bins)
    if values.shape != mask.shape or not np.all(np.isfinite(values) & (values > 0)):
        raise ConfigError(
            f"smooth fit: expected an exposure above zero for each of {mask.size} bins; got {exposure}"
        )
    return np.asarray(values[mask])
