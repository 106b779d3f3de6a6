"""CLs upper limits on the signal strength, asymptotic (arXiv:1007.1727, eqs. 16 and 66).

CLs is that of J. Phys. G 28 (2002) 2693. One Asimov data set gives the observed value and the whole expected
band: at ``k`` standard deviations of the background-only experiment ``CLs = Phi(-k - sqrt(q_A)) / Phi(-k)``.
Where few events are expected these limits are too strong: by 22 % at no event over a background of one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize
from scipy.special import log_ndtr, ndtr, ndtri

from hepflow.errors import ConfigError, FitError
from hepflow.progress import progress
from hepflow.sample import FloatArray
from hepflow.stats.profile import AnyModel, Profile, as_profile

_BANDS = (2.0, 1.0, 0.0, -1.0, -2.0)
_MOST_DOUBLINGS = 40
_PRECISION = 1e-7
_POINTS, _BEYOND = 61, 1.2  # of a scan: signal strengths, and its end in units of the largest limit


@dataclass(frozen=True)
class UpperLimit:
    """Upper limits on the signal strength.

    Parameters
    ----------
    observed, expected
        The limit, and those expected without signal at -2, -1, 0, 1, 2 sigma; NaN where none was found.
    level
        Confidence level.
    calculator
        "asymptotic", or "toys".
    errors
        Statistical errors of the observed and the five expected limits, from toys; None of asymptotic ones.
    problems
        What kept single limits from being found.
    """

    observed: float
    expected: tuple[float, ...]
    level: float = 0.95
    calculator: str = "asymptotic"
    errors: tuple[float, ...] | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class CLs:
    """CLs of one signal strength, and the values expected without signal, smallest first (-2 to 2 sigma)."""

    observed: float
    expected: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class CLsScan:
    """CLs against signal strength.

    Parameters
    ----------
    mu
        Signal strengths, rising, shape ``(G,)``.
    values
        Observed CLs, then that expected at -2, -1, 0, 1, 2 sigma of the background, shape ``(G, 6)``.
    limit
        The limits, where CLs is ``1 - level``.
    errors
        Statistical errors of `values`, from toys; None of asymptotic ones.
    """

    mu: FloatArray
    values: FloatArray
    limit: UpperLimit
    errors: FloatArray | None = None


def cls(model: AnyModel | Profile, data: ArrayLike | None = None, mu: float = 1.0) -> CLs:
    """Return observed and expected CLs of the signal strength `mu`, with the test statistic q~mu (eq. 16).

    Parameters
    ----------
    model, data
        As for `hepflow.stats.fit.Profile`; or a Profile alone.
    mu
        Signal strength to test, above zero.

    Raises
    ------
    ConfigError
        If `mu` is not above zero.
    FitError
        If a fit does not converge.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2900, 3300), (3700, 4100)])
    >>> edges, events = windows.edges(400), np.array([400.0, 130.0, 40.0])
    >>> spectrum = hf.Spectrum(edges, observed=events, expected=np.array([400.0, 100.0, 40.0]), windows=windows)
    >>> profile = hf.stats.Profile(*hf.stats.open_workspace(hf.stats.workspace(spectrum)))
    >>> limit = hf.stats.upper_limit(profile, level=0.9)
    >>> print(f"{hf.stats.cls(profile, mu=limit.observed).observed:.3f}")
    0.100
    """
    if not mu > 0:
        raise ConfigError(f"CLs tests a signal strength above zero; got {mu}")
    return _Scan(as_profile(model, data)).cls(mu)


def cls_scan(
    model: AnyModel | Profile,
    data: ArrayLike | None = None,
    mu: ArrayLike | None = None,
    level: float = 0.95,
) -> CLsScan:
    """Return observed and expected CLs along the signal strength, and the limits.

    Parameters
    ----------
    model, data
        As for `hepflow.stats.fit.Profile`; or a Profile alone.
    mu
        Signal strengths, shape ``(G,)``, zero or more; by default 61 that reach beyond all limits.
    level
        Confidence level of the limits, between 0 and 1.

    Raises
    ------
    ConfigError
        If a strength is negative or not a number, there are fewer than two, or `level` is not between 0 and 1.
    FitError
        If the fits to the data do not converge, or none of the limits is found. A strength at which a fit fails is
        left out, and `problems` of the limits says so.
    """
    profile = as_profile(model, data)
    limit = upper_limit(profile, level=level)
    if mu is None:
        mu = np.linspace(0.0, _BEYOND * float(np.nanmax([limit.observed, *limit.expected])), _POINTS)
    strengths = np.unique(np.asarray(mu, dtype=np.float64))
    if len(strengths) < 2 or not np.all(np.isfinite(strengths)) or strengths[0] < 0:
        raise ConfigError(
            f"CLs along {strengths.tolist()}: expected two signal strengths or more, none negative"
        )
    scan = _Scan(profile)
    values, failures = np.full((len(strengths), 6), np.nan), []
    for row, strength in enumerate(progress(strengths, "signal strengths", "strength")):
        try:
            one = scan.cls(float(strength))
            values[row] = one.observed, *one.expected
        except FitError as error:
            failures.append(f"CLs at {strength:g}: {error}")
    if len(failures) == len(strengths):
        raise FitError(failures[0])
    if failures:
        more = (
            f" (and at {len(failures) - 1} more of {len(strengths)} signal strengths)" if failures[1:] else ""
        )
        limit = replace(limit, problems=(*limit.problems, failures[0] + more))
    fitted = np.isfinite(values).all(axis=1)
    return CLsScan(strengths[fitted], values[fitted], limit)


def upper_limit(model: AnyModel | Profile, data: ArrayLike | None = None, level: float = 0.95) -> UpperLimit:
    """Return the observed and expected upper limits on the signal strength at a confidence level.

    Parameters
    ----------
    model, data
        As for `hepflow.stats.fit.Profile`; or a Profile alone.
    level
        Confidence level, between 0 and 1.

    Raises
    ------
    ConfigError
        If `level` is not between 0 and 1.
    FitError
        If a fit to the data does not converge, or none of the limits is found. Where only some of them are not,
        they are NaN, and `problems` says why.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2900, 3300), (3700, 4100)])
    >>> edges, events = windows.edges(400), np.array([400.0, 130.0, 40.0])
    >>> spectrum = hf.Spectrum(edges, observed=events, expected=np.array([400.0, 100.0, 40.0]), windows=windows)
    >>> profile = hf.stats.Profile(*hf.stats.open_workspace(hf.stats.workspace(spectrum)))
    >>> limit = hf.stats.upper_limit(profile)
    >>> print(f"{limit.observed:.0f} events, {limit.expected[2]:.0f} expected")
    50 events, 21 expected
    """
    check_level(level)
    profile = as_profile(model, data)
    scan, size = _Scan(profile), 1.0 - level
    wanted = [-band - float(ndtri(size * ndtr(-band))) for band in _BANDS]
    first = max(scan.profile.mu_hat, 0.0)
    searches: dict[str, Callable[[], float]] = {
        "observed": lambda: _root(
            lambda mu: np.log(size) - scan.log_cls(mu), first, first + 2.0 * scan.scale, profile.bounds[1]
        )
    }
    for sigma, root in zip((-2, -1, 0, 1, 2), wanted, strict=True):
        searches[f"expected at {sigma} sigma"] = partial(
            _root, partial(scan.above, root), 0.0, scan.scale * root, profile.bounds[1]
        )
    found, problems = [], []
    for name, search in searches.items():
        try:
            found.append(search())
        except FitError as error:
            found.append(np.nan)
            problems.append(f"{name} limit: {error}")
    if not np.any(np.isfinite(found)):
        raise FitError(problems[0])
    return UpperLimit(found[0], tuple(found[1:]), level, problems=tuple(problems))


def check_level(level: float) -> None:
    """Raise ConfigError unless a confidence level lies between 0 and 1."""
    if not 0.0 < level < 1.0:
        raise ConfigError(f"confidence level {level}: expected a number between 0 and 1, such as 0.95")


class _Scan:
    """Test statistics of one profile, on the data and on its Asimov data."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.asimov = profile.asimov()

    @property
    def scale(self) -> float:
        """A standard deviation of the signal strength without signal, roughly (eq. 30)."""
        model = self.profile.model
        found = model.expand(self.asimov.free.x, self.asimov.data)
        second = float(found.diagonal[model.poi])
        return float(np.sqrt(2.0 / second)) if second > 0 else 2.0 / abs(float(found.gradient[model.poi]))

    def root_asimov(self, mu: float) -> float:
        return float(np.sqrt(self.asimov.rise(mu))) if mu > 0 else 0.0

    def above(self, root: float, mu: float) -> float:
        return self.root_asimov(mu) - root

    def statistic(self, mu: float) -> float:
        """Return the deviation of the data from the median without signal, in sigma (eqs. 16, 65, 66)."""
        q = self.profile.rise(mu)
        if self.profile.mu_hat > mu:
            q = 0.0
        elif self.profile.mu_hat < 0:
            q = max(0.0, q - self.profile.rise(0.0))
        root = self.root_asimov(mu)
        if np.sqrt(q) <= root or root == 0.0:
            return float(np.sqrt(q)) - root
        return (q - root**2) / (2.0 * root)

    def log_cls(self, mu: float) -> float:
        if mu <= 0:
            return 0.0
        at = self.statistic(mu)
        return float(log_ndtr(-at - self.root_asimov(mu)) - log_ndtr(-at))

    def cls(self, mu: float) -> CLs:
        root = self.root_asimov(mu)
        expected = [float(np.exp(log_ndtr(-k - root) - log_ndtr(-k))) for k in _BANDS]
        return CLs(float(np.exp(self.log_cls(mu))), tuple(expected))


def _root(rising: Callable[[float], float], low: float, high: float, end: float) -> float:
    """Return where a rising function crosses zero, from a bracket whose upper end is moved up, but not past `end`."""
    for _ in range(_MOST_DOUBLINGS):
        high = min(high, end)
        if rising(high) > 0:
            root, status = optimize.brentq(
                rising, low, high, xtol=_PRECISION * high, rtol=_PRECISION, full_output=True, disp=False
            )
            if not status.converged:
                raise FitError(f"no convergence between {low:.4g} and {high:.4g} ({status.flag})")
            return float(root)
        if high == end:
            raise FitError(
                f"no signal strength up to the upper bound of {end:g} is excluded: raise the bound, or scale "
                "the signal up"
            )
        low, high = high, high + 2.0 * (high - low)
    raise FitError(
        f"no signal strength up to {high:.3g} is excluded: the data do not constrain this signal. Check that "
        "the signal template has events, and that no free parameter can take its place"
    )
