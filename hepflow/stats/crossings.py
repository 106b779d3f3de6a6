"""Where CLs, known from toys at some signal strengths, falls through one less the confidence level.

The logarithm of CLs is made monotone for the search (isotonic regression), which brackets the crossing whatever
its values far from it are. The crossing itself and its error come from strengths near it alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq, isotonic_regression

from hepflow.errors import FitError
from hepflow.sample import FloatArray

WANTED = (0.7, 0.0, -0.7)  # ln of CLs over its value at the limit, near which toys are thrown
_NEAR = 0.35  # how near
_APART = 1.02  # strengths as close as this count as the same
_REACH = 1.5  # ln of CLs over its value at the limit, beyond which a strength has no weight
_FAR = 2.0  # the same, beyond which its value does not place other strengths
_PRECISION = 1e-3  # of CLs: that of the fits, where the toys' own error is none


def crossing(mu: FloatArray, values: FloatArray, size: float) -> tuple[float, float]:
    """Return the strength at which CLs is `size`, and its statistical error.

    A parabola is fitted to ``ln CLs`` with weights that fall from one at `size` to zero at 4.5 times it and less
    than a quarter of it. What lies beyond, such as a CLs of which no toy tells more than that it is small, does not
    enter. Where fewer than three strengths are near, or the parabola does not fall through `size` once, it is a line.

    Parameters
    ----------
    mu
        Signal strengths, rising, shape ``(G,)``.
    values
        CLs at them, above zero, then that of as many resampled sets of toys as there are, shape ``(R, G)``.
    size
        One less the confidence level.

    Raises
    ------
    FitError
        If CLs lies above or below `size` at all strengths.
    """
    y = np.log(values / size)
    monotone = _monotone(y[0])
    if not monotone[0] > 0 > monotone[-1]:
        raise FitError(
            f"toys exclude no signal strength between {mu[0]:.3g} and {mu[-1]:.3g} (CLs {values[0, 0]:.2g} to "
            f"{values[0, -1]:.2g}): throw more toys, or use asymptotic limits"
        )
    weight = np.maximum(1.0 - (monotone / _reach(size)) ** 2, 0.0)
    for degree in (2, 1):
        near = weight > 0
        if np.count_nonzero(near) <= degree:
            continue
        found = _fitted(mu[near], y[:, near], weight[near], degree)
        if found is not None:
            return found
    last = int(np.flatnonzero(monotone > 0)[-1])
    pair = slice(last, last + 2)
    y[0] = monotone
    found = _fitted(mu[pair], y[:, pair], np.ones(2), 1)
    if found is None:
        raise FitError(f"CLs does not fall between the strengths {mu[last]:.3g} and {mu[last + 1]:.3g}")
    return found


def missing(mu: FloatArray, values: FloatArray, size: float) -> list[float]:
    """Return strengths at which toys are missing near the crossing of CLs (G,) with `size`, if it is in between."""
    monotone = _monotone(np.log(values / size))
    if not monotone[0] > 0 > monotone[-1]:
        return []
    scale = _reach(size) / _REACH
    curve = np.clip(
        -monotone, -_FAR, _FAR
    )  # a CLs of 1e-12 would draw all strengths to the other end of its gap
    wanted = [
        float(np.interp(-scale * target, curve, mu))
        for target in WANTED
        if not np.any(np.abs(monotone - scale * target) < scale * _NEAR)
    ]
    return [strength for strength in wanted if apart(strength, mu)]


def apart(strength: float, others: Sequence[float] | FloatArray) -> bool:
    """Return whether a strength differs by two hundredths or more from all others."""
    distances = np.abs(np.log(np.asarray(others, dtype=np.float64) / strength))
    return bool(np.all(distances >= np.log(_APART)))


def _reach(size: float) -> float:
    """Return where the weights end, as ln of CLs over `size`: before the plateau at a CLs of one."""
    return float(min(_REACH, -0.9 * np.log(size)))


def _monotone(y: FloatArray) -> FloatArray:
    """Return ln CLs (G,) made to fall, by the least change, in which higher CLs, known from more toys, weigh more."""
    weight = np.maximum(np.exp(np.clip(y, -20.0, 3.0)), 1e-9)
    return np.asarray(isotonic_regression(y, weights=weight, increasing=False).x)


def _fitted(mu: FloatArray, y: FloatArray, weight: FloatArray, degree: int) -> tuple[float, float] | None:
    """Return where a polynomial through ``y`` (R, G) of the first row falls through zero, once, and its error."""
    scaled = (mu - mu[0]) / (mu[-1] - mu[0])
    lines = np.polynomial.polynomial.polyfit(scaled, y.T, degree, w=np.sqrt(weight))
    line = np.polynomial.Polynomial(lines[:, 0])
    if not line(0.0) > 0 > line(1.0):  # else a parabola has one root in between
        return None
    root = float(brentq(line, 0.0, 1.0))
    slope = float(-line.deriv()(root))
    there = root ** np.arange(degree + 1) @ lines
    spread = max(float(np.std(there[1:])), _PRECISION)
    width = float(mu[-1] - mu[0])
    return float(mu[0]) + root * width, spread / slope * width
