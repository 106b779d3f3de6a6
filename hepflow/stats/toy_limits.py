"""CLs upper limits from toys, for the spectra where asymptotic formulae fail.

CLs is that of J. Phys. G 28 (2002) 2693: the p-value of signal and background over that of background alone, with the
statistic q~mu (arXiv:1007.1727, eq. 16). The expected band comes from the quantiles of the background-only toys.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from hepflow.errors import FitError
from hepflow.progress import progress
from hepflow.sample import FloatArray
from hepflow.stats.limits import CLsScan, UpperLimit, check_level, upper_limit
from hepflow.stats.profile import AnyModel, Profile, as_profile
from hepflow.stats.toys import check_toys, free_value, mixture_weights, q_mu_many, tail, throw

TOYS = 2_000  # of each hypothesis, at each signal strength
_AROUND = (0.85, 1.1, 1.4)  # strengths tried, in units of the asymptotic limits
_EXTENSIONS = 6
_BANDS = (2, 1, 0, -1, -2)  # of q~mu without signal, for limits expected at -2 to 2 sigma
_LIMITS = ("observed", *(f"expected at {-band} sigma" for band in _BANDS))


def upper_limit_toys(
    model: AnyModel | Profile,
    data: ArrayLike | None = None,
    level: float = 0.95,
    *,
    toys: int = TOYS,
    seed: int,
) -> CLsScan:
    """Return observed and expected upper limits on the signal strength from toys.

    CLs is computed at strengths around the asymptotic limits; a limit is where a parabola through the logarithms of
    the nearest CLs crosses ``1 - level``. The error of an expected limit holds that of the quantile, which is large
    where few events are expected and the limit jumps from one count to the next.

    Parameters
    ----------
    model, data
        As for `Profile`; or a Profile alone.
    level
        Confidence level, between 0 and 1.
    toys
        Toys of each hypothesis at each signal strength.
    seed
        Of the random numbers.

    Raises
    ------
    ConfigError
        If `level` is not between 0 and 1, or fewer than a hundred toys are asked for.
    FitError
        If a fit to the data does not converge, or no signal strength is excluded. Where only some of the limits are
        not found, they are NaN, and `problems` says why.
    """
    check_level(level)
    check_toys(toys)
    profile = as_profile(model, data)
    scan = _Toys(profile, toys, np.random.default_rng(seed))
    rough = upper_limit(profile, level=level)
    start = np.unique(np.outer([rough.observed, *rough.expected], _AROUND).ravel())
    strengths = progress(_thinned(start), "signal strengths", "strength")
    points = {mu: scan.cls(mu) for mu in strengths}
    for _ in range(_EXTENSIONS):
        values = np.array([points[mu][0] for mu in sorted(points)])
        if np.any(values[-1] > (1 - level) / 2):
            mu = 1.4 * max(points)
        elif np.any(values[0] < (1 - level) * 2):
            mu = min(points) / 1.4
        else:
            break
        points[mu] = scan.cls(mu)
    grid = np.array(sorted(points))
    values, errors = (np.array([points[mu][k] for mu in grid]) for k in (0, 1))
    crossings, problems = np.full((values.shape[1], 2), np.nan), []
    for k in range(values.shape[1]):
        try:
            crossings[k] = _crossing(grid, values[:, k], errors[:, k], 1 - level)
        except FitError as error:
            if k < len(_LIMITS):
                problems.append(f"{_LIMITS[k]} limit: {error}")
    limits, spread = crossings[:6, 0], crossings[:6, 1]
    if not np.any(np.isfinite(limits)):
        raise FitError(problems[0])
    spread[1:] = np.hypot(spread[1:], 0.5 * np.abs(crossings[11:, 0] - crossings[6:11, 0]))
    limit = UpperLimit(
        float(limits[0]),
        tuple(limits[1:].tolist()),
        level,
        calculator="toys",
        errors=tuple(spread.tolist()),
        problems=tuple(problems),
    )
    return CLsScan(grid, values[:, :6], limit, errors[:, :6])


class _Toys:
    """Test statistics of one profile's data and toys; those without signal are thrown once."""

    def __init__(self, profile: Profile, toys: int, rng: np.random.Generator) -> None:
        self.profile, self.model, self.toys, self.rng = profile, profile.model, toys, rng
        self.null = profile.conditional(0.0).x
        self.background = throw(self.model, self.null, toys, rng)
        self.best = free_value(self.model, self.background, self.null)
        ranks = stats.norm.cdf(_BANDS)
        error = np.sqrt(ranks * (1.0 - ranks) / toys)
        self.ranks = np.clip(np.concatenate([ranks, ranks - error, ranks + error]), 0.0, 1.0)

    def cls(self, mu: float) -> tuple[FloatArray, FloatArray]:
        """Return CLs at a signal strength, and its errors, each ``(16,)``.

        That observed, those expected, and those expected with the ranks of the quantiles an error lower and higher.
        Both p-values use the toys of both hypotheses, weighted: those without signal fill the tail of the other.
        """
        there = self.profile.conditional(mu).x
        signal = throw(self.model, there, self.toys, self.rng)
        q = np.concatenate(
            [
                q_mu_many(self.model, signal, mu, there),
                q_mu_many(self.model, self.background, mu, there, self.best),
            ]
        )
        weights = mixture_weights(
            self.model, np.concatenate([signal, self.background]), [there, self.null], [self.toys] * 2
        )
        quantiles = np.quantile(q[self.toys :], self.ranks, method="nearest")
        seen = np.concatenate([[self._observed(mu)], quantiles])
        (both, both_error), (alone, alone_error) = (tail(q, weight, seen) for weight in weights)
        both, alone = np.maximum(both, 1e-12), np.maximum(alone, 0.5 / self.toys)
        relative = np.hypot(both_error / both, alone_error / alone)
        return both / alone, both / alone * np.maximum(relative, 1e-3)

    def _observed(self, mu: float) -> float:
        profile = self.profile
        if profile.mu_hat > mu:
            return 0.0
        rise = profile.rise(mu)
        return rise if profile.mu_hat >= 0 else max(0.0, rise - profile.rise(0.0))


def _thinned(strengths: FloatArray) -> list[float]:
    """Return rising strengths at least a tenth apart."""
    kept: list[float] = []
    for mu in strengths:
        if not kept or mu > 1.1 * kept[-1]:
            kept.append(float(mu))
    return kept


def _crossing(mu: FloatArray, values: FloatArray, errors: FloatArray, size: float) -> tuple[float, float]:
    """Return where ``ln CLs`` crosses ``ln size``, and its statistical error, from the points around it."""
    y, sigma = np.log(values / size), np.maximum(errors / values, 2e-3)
    above = np.flatnonzero(y > 0)
    if not len(above) or above[-1] + 1 == len(mu):
        raise FitError(
            f"toys exclude no signal strength between {mu[0]:.3g} and {mu[-1]:.3g} (CLs {values[0]:.2g} to "
            f"{values[-1]:.2g}): throw more toys, or use asymptotic limits"
        )
    last = int(above[-1])
    near = slice(max(last - 2, 0), last + 4)
    x, y_near, sigma = mu[near], y[near], sigma[near]
    line = np.polynomial.Polynomial.fit(x, y_near, min(2, len(x) - 1), w=1 / sigma)
    if line(x[0]) * line(x[-1]) >= 0:  # bent by noise
        line = np.polynomial.Polynomial.fit(mu[last : last + 2], y[last : last + 2], 1)
        x = mu[last : last + 2]
    root = float(optimize.brentq(line, x[0], x[-1]))
    return root, float(1.0 / (abs(line.deriv()(root)) * np.sqrt(np.sum(np.exp(-0.5 * y_near**2) / sigma**2))))
