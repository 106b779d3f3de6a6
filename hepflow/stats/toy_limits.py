"""CLs upper limits from toys, for the spectra where asymptotic formulae fail.

CLs is that of J. Phys. G 28 (2002) 2693: the p-value of signal and background over that of background alone, with the
statistic q~mu (arXiv:1007.1727, eq. 16). The expected band comes from the quantiles of the background-only toys.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hepflow.errors import FitError
from hepflow.progress import progress
from hepflow.sample import FloatArray
from hepflow.stats.crossings import apart, crossing, missing
from hepflow.stats.limits import CLsScan, UpperLimit, check_level, upper_limit
from hepflow.stats.profile import AnyModel, Profile, as_profile
from hepflow.stats.toys import TIE, check_toys, free_value, mixture_weights, q_mu_many, throw

TOYS = 2_000  # of each hypothesis, at each signal strength
_AROUND = (1.0,)  # strengths tried first, in units of the asymptotic limits
_WIDER, _EXTENSIONS = 1.25, 8  # how far strengths go beyond those that have toys, and how often
_ROUNDS = 6  # of toys at strengths that are missing near the limits
_RESAMPLED = 100  # sets of toys, drawn from those thrown: an error to 7 %
_PRECISION = 1e-3  # of CLs: that of the fits, where the toys' own error is none
_BANDS = (2, 1, 0, -1, -2)  # of q~mu without signal, for limits expected at -2 to 2 sigma
_RANKS = stats.norm.cdf(_BANDS)
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

    CLs is computed at strengths around the asymptotic limits, then at strengths near each limit as the toys give it,
    until some lie close to it on both sides; a limit is where a parabola through the logarithms of the CLs near it
    crosses ``1 - level``. The errors are the spread of resampled toys. That of an expected limit holds the
    quantile's, which is large where few events are expected and the limit jumps from one count to the next.

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
    profile, size = as_profile(model, data), 1.0 - level
    scan = _Toys(profile, toys, np.random.default_rng(seed))
    rough = upper_limit(profile, level=level)
    start = np.unique(np.outer([rough.observed, *rough.expected], _AROUND).ravel())
    strengths = progress(_thinned(start), "signal strengths", "strength")
    points = {mu: scan.cls(mu) for mu in strengths}
    for _ in range(_EXTENSIONS):
        if np.any(points[max(points)][0] > size / 2):
            mu = _WIDER * max(points)
        elif np.any(points[min(points)][0] < size * 2):
            mu = min(points) / _WIDER
        else:
            break
        points[mu] = scan.cls(mu)
    for _ in range(_ROUNDS):
        grid, values = _sorted(points)
        wanted = {mu for k in range(len(_LIMITS)) for mu in missing(grid, values[0, :, k], size)}
        chosen: list[float] = []
        for mu in sorted(wanted):
            if not chosen or apart(mu, chosen):
                chosen.append(mu)
        if not chosen:
            break
        points |= {mu: scan.cls(mu) for mu in chosen}
    grid, values = _sorted(points)
    found, problems = np.full((len(_LIMITS), 2), np.nan), []
    for k, name in enumerate(_LIMITS):
        try:
            found[k] = crossing(grid, values[:, :, k], size)
        except FitError as error:
            problems.append(f"{name} limit: {error}")
    if not np.any(np.isfinite(found[:, 0])):
        raise FitError(problems[0])
    limit = UpperLimit(
        float(found[0, 0]),
        tuple(found[1:, 0].tolist()),
        level,
        calculator="toys",
        errors=tuple(found[:, 1].tolist()),
        problems=tuple(problems),
    )
    errors = np.maximum(np.std(values[1:], axis=0), _PRECISION * values[0])
    unseen = values[0] < 4.0 * scan.least  # a toy or two, or none: resampled, they say nothing
    return CLsScan(grid, values[0], limit, np.where(unseen, np.maximum(errors, 2.0 * scan.least), errors))


class _Toys:
    """Test statistics of one profile's data and toys; those without signal are thrown once."""

    def __init__(self, profile: Profile, toys: int, rng: np.random.Generator) -> None:
        self.profile, self.model, self.toys, self.rng = profile, profile.model, toys, rng
        self.least = 0.5 / toys  # the p-value that stands for none of the toys
        self.null = profile.conditional(0.0).x
        self.background = throw(self.model, self.null, toys, rng)
        self.best = free_value(self.model, self.background, self.null)
        self.again = int(rng.integers(2**63))  # resamples the toys without signal alike at all strengths

    def cls(self, mu: float) -> FloatArray:
        """Return CLs at a signal strength, observed and expected, then that of resampled toys, ``(1 + R, 6)``.

        Both p-values use the toys of both hypotheses, weighted: those without signal fill the tail of the other.
        """
        there = self.profile.conditional(mu).x
        signal = throw(self.model, there, self.toys, self.rng)
        q = np.concatenate(
            [
                q_mu_many(self.model, self.background, mu, there, self.best),
                q_mu_many(self.model, signal, mu, there),
            ]
        )
        both = np.concatenate([self.background, signal])
        weights = mixture_weights(self.model, both, [there, self.null], [self.toys] * 2)
        order = np.argsort(q)
        q, weights, alone = q[order], weights[:, order], order < self.toys
        observed = self._observed(mu)
        found = [self._values(q, weights, alone, np.ones(len(q)), observed)]
        shared = np.random.default_rng(self.again)
        for _ in range(_RESAMPLED):
            counts = np.concatenate([each.poisson(1.0, self.toys) for each in (shared, self.rng)])[order]
            found.append(self._values(q, weights, alone, counts, observed))
        return np.stack(found)

    def _values(
        self,
        q: FloatArray,
        weights: FloatArray,
        alone: NDArray[np.bool_],
        counts: FloatArray,
        observed: float,
    ) -> FloatArray:
        """Return CLs (6,), observed and expected, of rising statistics (2T,) that stand for `counts` toys each."""
        repeated = np.cumsum(np.where(alone, counts, 0))
        n_alone = repeated[-1]
        ranks = np.searchsorted(repeated, np.rint(_RANKS * (n_alone - 1)), side="right")
        seen = np.append(observed, q[ranks])
        first = np.searchsorted(q, seen - TIE * (1.0 + np.abs(seen)))
        each = counts * np.where(alone, 0.5 / n_alone, 0.5 / (counts.sum() - n_alone))
        above = np.zeros((2, len(q) + 1))
        np.cumsum((weights * each)[:, ::-1], axis=1, out=above[:, 1:])
        both, without = above[:, len(q) - first]
        both = np.where(both > 0, both, self.least)
        return np.asarray(both / np.maximum(without, self.least))

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


def _sorted(points: dict[float, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Return strengths, rising, and CLs of the toys and of resampled ones at them, shape ``(1 + R, G, 6)``."""
    grid = np.array(sorted(points))
    return grid, np.stack([points[mu] for mu in grid], axis=1)
