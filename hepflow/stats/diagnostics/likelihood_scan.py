"""The profile likelihood along the signal strength, and the intervals that it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from hepflow.errors import ConfigError, FitError
from hepflow.sample import FloatArray
from hepflow.stats.diagnostics.record import Record
from hepflow.stats.profile import Profile

Status = Literal["crossing", "bound", "open", "failed"]

LEVELS = (float(stats.norm.cdf(1) - stats.norm.cdf(-1)), 0.95)
_PRECISION = 1e-6
_MOST_DOUBLINGS = 20


@dataclass(frozen=True)
class Interval(Record):
    """A profile likelihood interval of the signal strength.

    Parameters
    ----------
    level
        Confidence level.
    rise
        -2 Delta ln L at its ends: the quantile of chi2 with one degree of freedom.
    low, high
        Its ends.
    low_status, high_status
        ``crossing``: the likelihood reaches `rise` there. ``bound``: the signal strength meets its bound first, which
        is the end. ``open``: the likelihood does not rise so far anywhere near, and the end is infinite.
        ``failed``: a fit on the way did not converge, and the end is NaN.
    """

    level: float
    rise: float
    low: float
    high: float
    low_status: Status
    high_status: Status


@dataclass(frozen=True, eq=False)
class LikelihoodScan(Record):
    """The profile likelihood of `M` signal strengths.

    Parameters
    ----------
    mu
        Signal strengths, rising, shape ``(M,)``.
    rise
        -2 ln of the profile likelihood ratio, zero at the best fit, shape ``(M,)``; NaN where a fit failed.
    mu_hat, mu_hat_error
        Best fit, and its error from the curvature of the likelihood.
    intervals
        One for each level.
    """

    mu: FloatArray
    rise: FloatArray
    mu_hat: float
    mu_hat_error: float
    intervals: tuple[Interval, ...]


def likelihood_scan(
    profile: Profile,
    mu: ArrayLike | None = None,
    *,
    n_sigma: float = 3.0,
    points: int = 41,
    levels: Sequence[float] = LEVELS,
) -> LikelihoodScan:
    """Scan the profile likelihood ratio (arXiv:1007.1727, eq. 7), and find its intervals.

    An interval ends where ``-2 Delta ln L`` reaches the quantile of chi2 with one degree of freedom at its level
    (Wilks, Ann. Math. Stat. 9 (1938) 60): 1 at 68 %, 3.84 at 95 %. The ends come from a root finder, not from the
    points of the scan.

    Parameters
    ----------
    profile
        The fit.
    mu
        Signal strengths to scan, in any order.
    n_sigma, points
        Without `mu`: `points` of them, up to `n_sigma` errors on both sides of the best fit and inside the bounds.
    levels
        Confidence levels of the intervals, each between 0 and 1.

    Raises
    ------
    ConfigError
        If a level, `n_sigma`, `points` or a signal strength makes no sense.
    FitError
        If the free fit does not converge, or the data do not determine the signal strength.
    """
    for level in levels:
        if not 0.0 < level < 1.0:
            raise ConfigError(f"confidence level {level}: expected a number between 0 and 1, such as 0.95")
    wanted = _default(profile, n_sigma, points) if mu is None else _given(mu)
    for value in wanted:
        _rise(profile, float(value))  # may find a better minimum, from which all of them are measured then
    intervals = tuple(_interval(profile, level) for level in levels)
    rises = np.array([_rise(profile, float(value)) for value in wanted])
    return LikelihoodScan(wanted, rises, profile.mu_hat, profile.mu_hat_error, intervals)


def _default(profile: Profile, n_sigma: float, points: int) -> FloatArray:
    if not (n_sigma > 0 and points >= 2):
        raise ConfigError(
            f"n_sigma {n_sigma} and {points} points: expected n_sigma > 0 and two points or more"
        )
    reach = n_sigma * profile.mu_hat_error
    low, high = np.clip([profile.mu_hat - reach, profile.mu_hat + reach], *profile.bounds)
    return np.linspace(low, high, points)


def _given(mu: ArrayLike) -> FloatArray:
    values = np.asarray(mu, dtype=np.float64)
    if values.ndim != 1 or not np.all(np.isfinite(values)):
        raise ConfigError(f"signal strengths to scan {mu!r}: expected a list of finite numbers")
    return np.sort(values)


def _rise(profile: Profile, mu: float) -> float:
    try:
        return profile.rise(mu)
    except FitError:
        return np.nan


def _interval(profile: Profile, level: float) -> Interval:
    rise = float(stats.chi2.ppf(level, 1))
    low, low_status = _end(profile, rise, profile.bounds[0])
    high, high_status = _end(profile, rise, profile.bounds[1])
    return Interval(level, rise, low, high, low_status, high_status)


def _end(profile: Profile, rise: float, bound: float) -> tuple[float, Status]:
    """Return where the profile likelihood reaches `rise` on the way to a bound of the signal strength."""
    best, root = profile.mu_hat, float(np.sqrt(rise))
    toward = 1.0 if bound > best else -1.0

    def above(mu: float) -> float:
        return float(np.sqrt(profile.rise(mu))) - root  # close to a straight line

    step, inner = toward * root * profile.mu_hat_error, best
    try:
        for _ in range(_MOST_DOUBLINGS):
            outer = min(best + step, bound) if toward > 0 else max(best + step, bound)
            if above(outer) >= 0:
                ends = sorted((inner, outer))
                return float(optimize.brentq(above, *ends, xtol=_PRECISION * abs(step))), "crossing"
            if outer == bound:
                return bound, "bound"
            inner, step = outer, 2.0 * step
    except FitError:
        return np.nan, "failed"
    return toward * np.inf, "open"
