"""What weighted events are worth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def effective_size(weight: NDArray[Any]) -> float:
    """Return Kish's effective sample size, ``sum(w)^2 / sum(w^2)``: as many events of equal weight say as much.

    Parameters
    ----------
    weight
        One of each event, shape ``(N,)``; negative ones make the rest worth less.

    Returns
    -------
    float
        N for equal weights, less for others; zero where no event has a weight.

    Notes
    -----
    L. Kish, Survey Sampling (Wiley, 1965).
    """
    squares = np.sum(weight**2)
    return float(weight.sum() ** 2 / squares) if squares > 0 else 0.0
