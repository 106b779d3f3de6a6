"""The trials of several cuts: how often the background alone makes an excess as large behind any of them.

The events behind a tight cut are among those behind a looser one, so the cuts' significances are correlated. Toys
keep that: they are thrown for the tightest cut, and for each looser one only what it has in addition. Where a looser
one expects less (the inclusive one fits no sidebands), some of them are left out, so that each has its own mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri, ndtri_exp
from scipy.stats import rankdata

from hepflow.errors import ConfigError
from hepflow.sample import FloatArray
from hepflow.stats.bump_hunt import BumpHunt
from hepflow.stats.joint_tail import trials_factor
from hepflow.stats.likelihood import Likelihood
from hepflow.stats.model import IndexArray, channel_bins
from hepflow.stats.opening import open_workspace
from hepflow.stats.profile import Profile
from hepflow.stats.toys import check_toys, q0_many, reaches, throw

TOYS = 2_000
_RESOLVED = 50  # toys: with fewer beyond the observed excess, the trials factor is that of normal variables
_FARTHEST = 40.0  # sigma, beyond which p-values are zero, and the factor is that there
_RESAMPLED = 20  # times the toys are drawn anew, for the error of that


@dataclass(frozen=True)
class Trials:
    """The largest excess behind several cuts, with the trials of looking behind all of them.

    Parameters
    ----------
    largest
        Index of the hunt with the smallest p-value.
    z_local, p_local
        Its local significance and p-value, as the hunt has them.
    z, p, p_error
        The significance and p-value that any of the cuts shows as much, and the statistical error: that of the
        factor, and of the local p-value where it comes from toys.
    factor
        The trials factor: how many times likelier an excess is behind any of the cuts than behind one; 1 at least,
        their number at most. ``p = factor p_local``, and so never below the local one.
    extrapolated
        True where fewer than fifty toys reach the excess: the factor is that of normal variables with the
        correlations of the toys.
    toys
        How many were thrown.
    calculator
        "asymptotic" or "toys": where the local p-value, and with it the global one, comes from.
    """

    largest: int
    z_local: float
    p_local: float
    z: float
    p: float
    p_error: float
    factor: float
    extrapolated: bool
    toys: int
    calculator: str = "asymptotic"

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers."""
        return asdict(self)


def trials_of_cuts(hunts: Sequence[BumpHunt], *, toys: int = TOYS, seed: int) -> Trials:
    """Return the significance of the largest excess behind several cuts on the same data.

    What is compared is the p-value of each cut in its own toys, so that every cut counts alike, however few its
    events. Deficits count by their size: an excess is not likelier where another cut has none.

    Parameters
    ----------
    hunts
        Results for the same bins and regions, none of them blinded, with their spectra.
    toys
        Data sets to throw.
    seed
        Of the toys.

    Raises
    ------
    ConfigError
        If there is no hunt, one is blinded or without a spectrum, their bins differ, or toys are too few.
    FitError
        If a fit to the data does not converge.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2900, 3300), (3700, 4100)])
    >>> edges, events = windows.edges(400), np.array([400.0, 130.0, 40.0])
    >>> spectrum = hf.Spectrum(edges, observed=events, expected=np.array([400.0, 100.0, 40.0]), windows=windows)
    >>> hunts = [hf.stats.bump_hunt(spectrum, limits=False)]
    >>> found = hf.stats.trials_of_cuts(hunts, toys=500, seed=1)
    >>> found.p >= found.p_local
    True
    """
    check_toys(toys)
    if not hunts:
        raise ConfigError("trials of cuts: no cut given")
    cuts = [_Cut(hunt) for hunt in hunts]
    if any(not np.array_equal(cut.edges, cuts[0].edges) for cut in cuts):
        raise ConfigError("trials of cuts: the spectra have different bins; cut the same spectrum")
    best = min(range(len(cuts)), key=lambda i: (cuts[i].p, -cuts[i].z))
    found = _toys(cuts, toys, seed)
    seen = reaches(found[:, best], cuts[best].statistic)
    extrapolated, factor, error = False, 1.0, 0.0
    if len(cuts) > 1:
        extrapolated = int(seen.sum()) < _RESOLVED
        factor, error = (
            _of_normal_variables(found, cuts[best].z, seed) if extrapolated else _of_toys(found, seen, best)
        )
    return _trials(cuts[best], best, factor, error, extrapolated, toys)


def _trials(cut: _Cut, largest: int, factor: float, error: float, extrapolated: bool, toys: int) -> Trials:
    """Return the local p-value times the factor, by its logarithm: a p-value may be smaller than a float can be."""
    local = np.log(cut.p) if cut.p > 0 else log_ndtr(-cut.z)
    z = -float(ndtri_exp(min(np.log(factor) + local, 0.0)))
    p = min(factor * cut.p, 1.0)
    return Trials(
        largest=largest,
        z_local=cut.z,
        p_local=cut.p,
        z=max(min(z, cut.z), 0.0),
        p=p,
        p_error=float(np.hypot(error * cut.p, factor * cut.p_error)),
        factor=factor,
        extrapolated=extrapolated,
        toys=toys,
        calculator=cut.calculator,
    )


def _toys(cuts: Sequence[_Cut], toys: int, seed: int) -> FloatArray:
    """Return the root of q0 of each cut in each toy, below zero for deficits, shape ``(T, N)``."""
    rng = np.random.default_rng(seed)
    shared: dict[str, FloatArray] = {}
    mean = np.zeros(len(cuts[0].expected))
    thrown = np.zeros((toys, len(mean)), dtype=np.int64)
    found = np.zeros((toys, len(cuts)))
    for i in sorted(range(len(cuts)), key=lambda i: cuts[i].in_signal):
        cut = cuts[i]
        kept = np.minimum(cut.expected, mean) / np.where(mean > 0, mean, 1.0)
        thrown = rng.binomial(thrown, kept) + rng.poisson(np.maximum(cut.expected - mean, 0.0), thrown.shape)
        mean = cut.expected
        q0 = q0_many(cut.model, cut.data(thrown, shared, rng), cut.null, signed=True)
        found[:, i] = np.sign(q0) * np.sqrt(np.abs(q0))
    return found


def _of_toys(found: FloatArray, seen: NDArray[np.bool_], best: int) -> tuple[float, float]:
    """Return how many more toys any cut singles out than the best one does, and the error of that.

    Of each cut, as many toys of the largest excess as those that reach the observed one behind the best, or fewer
    where the next have the same counts.
    """
    wanted = int(seen.sum())
    singled = np.stack([_largest(column, wanted) for column in found.T], axis=1)
    singled[:, best] = seen
    times = singled.sum(axis=1)
    anywhere = times > 0
    factor = float(anywhere.sum() / wanted)
    shares = times[anywhere] * (wanted / times.sum())  # a ratio of sums over the same toys, linearised
    return factor, float(np.sqrt(np.sum((1.0 - factor * shares) ** 2)) / wanted)


def _largest(column: FloatArray, wanted: int) -> NDArray[np.bool_]:
    """Return which toys (T,) are among the `wanted` largest; of those with the same value, all or none."""
    for level in np.unique(np.sort(column)[-wanted:]):
        within = reaches(column, float(level))
        if within.sum() <= wanted:
            return within
    return np.zeros(len(column), dtype=bool)


def _of_normal_variables(found: FloatArray, z: float, seed: int) -> tuple[float, float]:
    """Return the trials factor of normal variables with the correlations of toys (T, N), and its error."""
    toys, z = len(found), min(z, _FARTHEST)
    ranks = np.stack([rankdata(np.round(column, 5)) for column in found.T])
    normal = ndtri((ranks - 0.5) / toys)
    rng = np.random.default_rng(seed)
    drawn = [normal, *(normal[:, rng.integers(0, toys, toys)] for _ in range(_RESAMPLED))]
    factor, *others = (trials_factor(_correlation(one), z, seed=seed) for one in drawn)
    return factor, float(np.std(others, ddof=1))


def _correlation(normal: FloatArray) -> FloatArray:
    """Return the correlations of variables (N, T); one that is always the same has none."""
    centred = normal - normal.mean(axis=1, keepdims=True)
    width = np.sqrt(np.sum(centred**2, axis=1))
    centred /= np.where(width > 0, width, 1.0)[:, None]
    matrix: FloatArray = centred @ centred.T
    np.fill_diagonal(matrix, 1.0)
    return matrix


class _Cut:
    """One hunt: its likelihood, its background without signal in fine bins, and how these become its data."""

    def __init__(self, hunt: BumpHunt) -> None:
        spectrum = hunt.spectrum
        if spectrum is None or hunt.blind:
            raise ConfigError("trials of cuts: expected results of spectra, none of them blinded")
        profile = Profile(*open_workspace(hunt.workspace))
        self.model: Likelihood = profile.model
        self.null = profile.conditional(0.0).x
        rise = float(np.sqrt(profile.rise(0.0)))
        self.statistic = rise if profile.mu_hat > 0 else 0.0
        self.z, self.p, self.p_error = float(hunt.z or 0.0), _p0(hunt), float(hunt.p0_error or 0.0)
        self.calculator = hunt.calculator
        self.edges, self.in_signal = spectrum.edges, spectrum.expected_in_signal()[0]
        self._groups: dict[str, list[IndexArray]] = channel_bins(spectrum)
        rates = self.model.rates(self.null)[0]
        self.expected = np.zeros(len(spectrum.expected))
        for name, bins in self.model.channels.items():
            for rate, group in zip(rates[bins], self._groups[name], strict=True):
                share = spectrum.expected[group]
                share = share / share.sum() if share.sum() > 0 else np.full(len(group), 1 / len(group))
                self.expected[group] = max(rate, 0.0) * share

    def data(
        self, fine: NDArray[np.int64], shared: dict[str, FloatArray], rng: np.random.Generator
    ) -> FloatArray:
        """Return the data of toys in fine bins (T, B); Gaussian constraints of one name share their draws."""
        data = throw(self.model, self.null, len(fine), rng)
        for name, bins in self.model.channels.items():
            data[:, bins] = np.stack([fine[:, group].sum(axis=1) for group in self._groups[name]], axis=1)
        held = self.model.constraints
        for k in np.flatnonzero(~held.poisson):
            name = self.model.names[held.index[k]]
            pull = shared.setdefault(name, rng.normal(size=len(fine)))
            data[:, self.model.n_bins + k] = self.null[held.index[k]] + pull * held.width[k]
        return data


def _p0(hunt: BumpHunt) -> float:
    return 0.5 if hunt.p0 is None else hunt.p0
