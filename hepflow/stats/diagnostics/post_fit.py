"""Yields before and after the fit, per channel, sample and bin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepflow.sample import FloatArray
from hepflow.stats.diagnostics.record import Record
from hepflow.stats.expansion import IndexArray
from hepflow.stats.likelihood import Likelihood
from hepflow.stats.profile import Profile


@dataclass(frozen=True, eq=False)
class Yields(Record):
    """Expected events of `S` samples in the `B` bins of a channel; errors are standard deviations.

    Parameters
    ----------
    events, errors
        Of each sample in each bin, shape ``(S, B)``.
    total, total_errors
        Of all samples together, shape ``(B,)``; samples that move together make it no quadratic sum.
    sum_errors
        Of each sample's sum over the bins, shape ``(S,)``.
    total_sum_error
        Of the sum of everything.
    """

    events: FloatArray
    errors: FloatArray
    total: FloatArray
    total_errors: FloatArray
    sum_errors: FloatArray
    total_sum_error: float


@dataclass(frozen=True, eq=False)
class ChannelYields(Record):
    """Data and expectation of one channel.

    Parameters
    ----------
    name
        The channel.
    samples
        Its samples, length `S`.
    signal
        Those of them that vanish with the signal strength.
    data
        Observed events, shape ``(B,)``.
    pre_fit, post_fit
        Expected events before and after the fit.
    """

    name: str
    samples: tuple[str, ...]
    signal: tuple[str, ...]
    data: FloatArray
    pre_fit: Yields
    post_fit: Yields


@dataclass(frozen=True, eq=False)
class PostFit(Record):
    """Yields of all channels.

    Parameters
    ----------
    mu, mu_hat
        Signal strength before the fit, by choice, and after it.
    channels
        Name of a channel -> its yields.
    """

    mu: float
    mu_hat: float
    channels: Mapping[str, ChannelYields]


def post_fit(profile: Profile, *, mu: float = 1.0) -> PostFit:
    """Return data and expected events before and after the fit.

    With `y` the expected events, ``theta_k`` a parameter of standard deviation ``s_k`` and `C` the covariance, the
    error follows from the yields one standard deviation up and down, as in cabinetry:
    ``sum_kl d_k rho_kl d_l`` with ``d_k = (y(theta_k + s_k) - y(theta_k - s_k)) / 2``, ``rho_kl = C_kl / (s_k s_l)``.
    Before the fit, parameters are uncorrelated with the errors of their constraints, and those without a constraint
    stand at their initial values without error.

    Parameters
    ----------
    profile
        The fit.
    mu
        Signal strength before the fit.

    Raises
    ------
    FitError
        If the fit does not converge.
    """
    model = profile.model
    before, widths = model.priors()
    before[model.poi] = mu
    moved = profile.movable(fix_poi=True) & np.isfinite(widths)
    pre = _Point(model, before, np.diag(np.where(moved, widths, 0.0) ** 2))
    post = _Point(model, profile.free.x, profile.covariance)
    with_signal, without = (model.sample_rates(model.at(at)) for at in (1.0, 0.0))
    signal = (with_signal != 0) & (without == 0)
    channels = {}
    for name, bins in model.channels.items():
        there = np.any(pre.felt[:, bins] | post.felt[:, bins] | signal[:, bins], axis=1)
        rows = np.flatnonzero(there)
        channels[name] = ChannelYields(
            name,
            tuple(model.samples[row] for row in rows),
            tuple(model.samples[row] for row in rows if np.any(signal[row, bins])),
            profile.data[bins],
            pre.yields(rows, bins),
            post.yields(rows, bins),
        )
    return PostFit(mu, profile.mu_hat, channels)


class _Point:
    """Yields (S, N) at one point of the parameters, and their changes (P, S, N) by one standard deviation each."""

    def __init__(self, model: Likelihood, x: FloatArray, covariance: FloatArray) -> None:
        variance = np.diag(covariance)
        self.undetermined = ~np.isfinite(variance)
        errors = np.sqrt(np.where(self.undetermined, 1.0, variance))
        self.correlation = _correlation(covariance, errors)
        self.events = model.sample_rates(x)
        self.changes = np.zeros((len(x), *self.events.shape))
        for k in np.flatnonzero(errors > 0):
            up, down = x.copy(), x.copy()
            up[k], down[k] = min(x[k] + errors[k], model.high[k]), max(x[k] - errors[k], model.low[k])
            change = model.sample_rates(up) - model.sample_rates(down)
            self.changes[k] = change * errors[k] / (up[k] - down[k])

    @property
    def felt(self) -> NDArray[np.bool_]:
        """Where a sample has events, or may have some, shape ``(S, N)``."""
        felt: NDArray[np.bool_] = (self.events != 0) | np.any(self.changes != 0, axis=0)
        return felt

    def yields(self, rows: IndexArray, bins: slice) -> Yields:
        events, changes = self.events[rows, bins], self.changes[:, rows, bins]
        return Yields(
            events,
            self._error(changes),
            events.sum(axis=0),
            self._error(changes.sum(axis=1)),
            self._error(changes.sum(axis=2)),
            float(self._error(changes.sum(axis=(1, 2)))),
        )

    def _error(self, changes: FloatArray) -> FloatArray:
        """Return the standard deviation of what parameters change by (P, ...); infinite where one is undetermined."""
        variance = np.sum(changes * np.tensordot(self.correlation, changes, axes=1), axis=0)
        lost = np.any(changes[self.undetermined] != 0, axis=0)
        error: FloatArray = np.where(lost, np.inf, np.sqrt(np.maximum(variance, 0.0)))
        return error


def _correlation(covariance: FloatArray, errors: FloatArray) -> FloatArray:
    matrix = np.where(np.isfinite(covariance), covariance, 0.0)
    scale = np.where(errors > 0, errors, 1.0)
    correlation: FloatArray = matrix / np.outer(scale, scale)
    return correlation
