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
from scipy import stats

from hepflow.errors import ConfigError
from hepflow.sample import FloatArray
from hepflow.stats.bump_hunt import BumpHunt
from hepflow.stats.likelihood import Likelihood
from hepflow.stats.model import IndexArray, channel_bins, open_workspace
from hepflow.stats.profile import Profile
from hepflow.stats.toys import check_toys, q0_many, tail, throw

TOYS = 2_000
_RESOLVED = 50  # toys: with fewer beyond the observed excess, the trial factor is taken from a smaller one


@dataclass(frozen=True)
class Trials:
    """The largest excess behind several cuts, with the trials of looking behind all of them.

    Parameters
    ----------
    largest
        Index of the hunt with the largest excess.
    z_local, p_local
        Its asymptotic local significance and p-value.
    z, p, p_error
        The significance and p-value that any of the cuts shows as much, and the statistical error.
    factor
        The trial factor, ``p / p_local``.
    extrapolated
        True where few toys reach the excess: the factor is that of the largest excess which enough of them reach.
    toys
        How many were thrown.
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

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers."""
        return asdict(self)


def trials_of_cuts(hunts: Sequence[BumpHunt], *, toys: int = TOYS, seed: int) -> Trials:
    """Return the significance of the largest excess behind several cuts on the same data.

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
    z = np.array([cut.z for cut in cuts])
    rng = np.random.default_rng(seed)
    shared: dict[str, FloatArray] = {}
    mean = np.zeros(len(cuts[0].expected))
    thrown = np.zeros((toys, len(mean)), dtype=np.int64)
    largest = np.zeros(toys)
    for cut in sorted(cuts, key=lambda cut: cut.in_signal):
        kept = np.minimum(cut.expected, mean) / np.where(mean > 0, mean, 1.0)
        thrown = rng.binomial(thrown, kept) + rng.poisson(np.maximum(cut.expected - mean, 0.0), thrown.shape)
        mean = cut.expected
        data = cut.data(thrown, shared, rng)
        q0 = q0_many(cut.model, data, cut.null)
        largest = np.maximum(largest, np.sqrt(np.maximum(q0, 0.0)))
    best = int(np.argmax(z))
    p_local = float(stats.norm.sf(z[best]))
    level = min(float(z[best]), float(np.sort(largest)[-min(_RESOLVED, toys)]))
    found, error = (float(each[0]) for each in tail(largest, np.ones(toys), np.array([level])))
    factor = max(found / float(stats.norm.sf(level)), 1.0)
    p = min(factor * p_local, 1.0)
    return Trials(
        largest=best,
        z_local=float(z[best]),
        p_local=p_local,
        z=max(float(stats.norm.isf(p)), 0.0),
        p=p,
        p_error=p * error / found if found > 0 else p,
        factor=factor,
        extrapolated=bool(level < z[best]),
        toys=toys,
    )


class _Cut:
    """One hunt: its likelihood, its background without signal in fine bins, and how these become its data."""

    def __init__(self, hunt: BumpHunt) -> None:
        spectrum = hunt.spectrum
        if spectrum is None or hunt.blind:
            raise ConfigError("trials of cuts: expected results of spectra, none of them blinded")
        profile = Profile(*open_workspace(hunt.workspace))
        self.model: Likelihood = profile.model
        self.null = profile.conditional(0.0).x
        self.z = float(np.sqrt(profile.rise(0.0))) if profile.mu_hat > 0 else 0.0
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
