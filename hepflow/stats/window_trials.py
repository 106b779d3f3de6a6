"""The trials of a search in many windows: what the largest excess of all is worth.

The classifier of each window is another one, so that no toy of a spectrum knows how much the selections of two
overlapping windows share. Without that, the global p-value can only be enclosed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from hepflow.errors import ConfigError
from hepflow.regions import Window
from hepflow.sample import FloatArray


@dataclass(frozen=True)
class WindowTrials:
    """The smallest p-value of several windows, and what it is worth among them.

    Parameters
    ----------
    largest
        Index of the window with the smallest p-value.
    p_window
        That p-value.
    windows, disjoint
        Number of windows, and how many of them can be chosen that share no event.
    p, z
        Upper bound on the global p-value, and its significance: what a paper should quote.
    p_least, z_least
        Lower bound, and its significance: what the global p-value is if overlapping windows show the same.
    """

    largest: int
    p_window: float
    windows: int
    disjoint: int
    p: float
    z: float
    p_least: float
    z_least: float


def trials_of_windows(signal_regions: Sequence[Window], p: FloatArray) -> WindowTrials:
    r"""Enclose the global p-value of the largest excess in several windows.

    With `N` windows of which `n` share no event, and the smallest p-value `p`,

    .. math:: 1 - (1 - p)^n \;\le\; p_\text{global} \;\le\; \min(N p, 1).

    The upper bound (Bonferroni) holds whatever the windows have in common. The lower one (Z. Sidak, J. Am. Stat.
    Assoc. 62 (1967) 626) is the p-value of the disjoint windows alone, whose events are independent.

    Parameters
    ----------
    signal_regions
        Of the N windows, GeV.
    p
        Local p-value of each, shape ``(N,)``, with the trials of its own cuts.

    Raises
    ------
    ConfigError
        If there is no window, or not one p-value in [0, 1] for each.
    """
    p = np.asarray(p, dtype=np.float64)
    if not len(p) or p.shape != (len(signal_regions),) or not np.all((p >= 0) & (p <= 1)):
        raise ConfigError(
            f"trials of windows: expected one p-value from 0 to 1 for each of {len(signal_regions)} windows, got {p}"
        )
    best = int(np.argmin(p))
    disjoint = _disjoint(signal_regions)
    upper = float(min(len(p) * p[best], 1.0))
    lower = float(-np.expm1(disjoint * np.log1p(-p[best]))) if p[best] < 1 else 1.0
    return WindowTrials(
        best, float(p[best]), len(p), disjoint, upper, _significance(upper), lower, _significance(lower)
    )


def _disjoint(signal_regions: Sequence[Window]) -> int:
    """Return the largest number of windows without overlap: from low to high, always the one that ends first."""
    count, end = 0, -np.inf
    for low, high in sorted(signal_regions, key=lambda window: window[1]):
        if low >= end:
            count, end = count + 1, high
    return count


def _significance(p: float) -> float:
    return max(float(stats.norm.isf(max(p, np.finfo(np.float64).tiny))), 0.0)
