"""Counts of toys."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.errors import FitError

MOST = 1e18  # events: numpy draws 64-bit integers


def poisson(rng: np.random.Generator, mean: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return counts of these means, of which those below zero count as zero.

    Raises
    ------
    FitError
        If a mean is more than can be drawn.
    """
    means = np.maximum(mean, 0.0)
    largest = float(np.max(means, initial=0.0))
    if not largest <= MOST:
        raise FitError(
            f"toys: {largest:.3g} events are expected in a bin, more than can be drawn; are these counts? The "
            "asymptotic calculator needs no toys"
        )
    return rng.poisson(means, shape)
