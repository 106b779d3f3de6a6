"""Replicas: draws of what a training may have ended in, and the error that they leave on any histogram."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError, InputError, did_you_mean

FloatArray = NDArray[np.float64]
NEGLIGIBLE = 1e-6  # of the variance of all modes: what rounding leaves of those that are none
RETRAINED = ("bootstrap", "ensemble")  # posteriors of other trainings, for which any method will do
DRAWN = ("bayesian", "laplace")  # posteriors of weights: a few trained networks give any number of replicas
POSTERIORS = RETRAINED + DRAWN


def check_posterior(name: str, replicas: int, known: Iterable[str] = POSTERIORS, why: str = "") -> None:
    """Refuse a posterior that is none, or that something cannot have.

    Parameters
    ----------
    name, replicas
        The posterior, and how many replicas of it.
    known, why
        Those that can be had, and why not others.

    Raises
    ------
    ConfigError
        If it is none of these, or there is no replica.
    """
    if name in POSTERIORS and name not in known:
        raise ConfigError(f"posterior {name!r}: {why}; expected one of {', '.join(known)}")
    if name not in known:
        raise ConfigError(f"no posterior {name!r}; {did_you_mean(name, known)}")
    if replicas < 1:
        raise ConfigError(f"posterior {name!r}: {replicas} replicas; expected at least one")


@dataclass(frozen=True, eq=False)
class Expected:
    """Expected events in bins, with their errors: those that bins share, and those that they do not.

    Parameters
    ----------
    edges
        Of the bins, shape ``(B + 1,)``.
    events
        Expected in each, shape ``(B,)``.
    modes
        Independent shifts of one standard deviation that trainings leave, shape ``(M, B)``, the largest first.
    statistical
        Of the finite number of generated events, independent from bin to bin, shape ``(B,)``.
    bias
        What another architecture would have added, shape ``(B,)``, as one more shift; None where none was asked.
    """

    edges: FloatArray
    events: FloatArray
    modes: FloatArray
    statistical: FloatArray
    bias: FloatArray | None = field(default=None)

    @property
    def shifts(self) -> FloatArray:
        """All shifts, that of the bias last, shape ``(M', B)``."""
        return self.modes if self.bias is None else np.concatenate([self.modes, self.bias[None]])

    @property
    def covariance(self) -> FloatArray:
        """Of all errors together, shape ``(B, B)``."""
        return np.asarray(self.shifts.T @ self.shifts + np.diag(self.statistical**2))

    @property
    def error(self) -> FloatArray:
        """Standard deviation of each bin, shape ``(B,)``."""
        return np.sqrt(np.diag(self.covariance))

    def scaled(self, factor: float) -> Expected:
        """Return so many times the events, with as many times their errors."""
        bias = None if self.bias is None else factor * self.bias
        return Expected(
            self.edges, factor * self.events, factor * self.modes, factor * self.statistical, bias
        )


def binned(
    values: FloatArray, replica: NDArray[np.intp], edges: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the sums of weights of each replica in bins, and the sums of their squares, each ``(R, B)``.

    Parameters
    ----------
    values, weight
        Of N events, shape ``(N,)``.
    replica
        Which made each, from 0 to R - 1.
    edges
        Of the bins, shape ``(B + 1,)``; what lies outside is in none.
    """
    bins, count = len(edges) - 1, int(replica.max(initial=-1)) + 1
    place = np.searchsorted(edges, values, side="right") - 1
    place[values == edges[-1]] = bins - 1  # the last bin has both of its ends, as numpy's have
    inside = (place >= 0) & (place < bins)
    cell, size = replica[inside] * bins + place[inside], count * bins
    sums, squares = (
        np.bincount(cell, weights=each[inside], minlength=size).reshape(count, bins).astype(np.float64)
        for each in (weight, weight**2)
    )
    return sums, squares


def expected(edges: FloatArray, sums: FloatArray, squares: FloatArray, total: FloatArray) -> Expected:
    """Return the mean of replicas with the error that any one of them has, and what its size leaves.

    Parameters
    ----------
    edges
        Of the bins, shape ``(B + 1,)``.
    sums, squares
        Of the weights of each replica, and of their squares, in bins, shape ``(R, B)``.
    total
        Of the weights of each replica in all bins and outside, shape ``(R,)``: replicas are brought to the same.

    Raises
    ------
    ConfigError
        If the shapes disagree.
    InputError
        If there are fewer than three replicas, or one has no events.

    Notes
    -----
    The errors are those of a single replica: replicas share training events, and what they get wrong together no mean
    takes away. From few replicas a covariance of many bins has no inverse, and its single variances are off by
    ``1 / sqrt(2 (R - 1))``. So the bins are brought to the scale of their Poisson errors, on which trainings err
    alike everywhere, and the covariance is shrunk towards its mean variance as far as the spread of the replicas
    asks for: O. Ledoit and M. Wolf, J. Multivariate Anal. 88 (2004) 365. What the number of generated events
    explains of the spread is taken off.
    """
    if sums.shape != squares.shape or sums.shape != (len(total), len(edges) - 1):
        raise ConfigError(
            f"replicas: expected sums and squares (R, {len(edges) - 1}) and total (R,); got {sums.shape}, "
            f"{squares.shape} and {total.shape}"
        )
    if len(sums) < 3 or not np.all(total > 0):
        raise InputError(
            f"replicas: {len(sums)} replicas, of which {int(np.sum(total > 0))} have events; expected three or more, "
            "all with events: their spread is the error"
        )
    factor = total.sum() / total
    each, noise = factor[:, None] * sums, factor[:, None] ** 2 * squares
    events = each.mean(axis=0)
    # a replica is a part of the events: what all have together, they say of each bin's count
    statistical = np.sqrt(noise.sum(axis=0)) / len(each)
    unit = np.sqrt(np.where(events > 0, events, 1.0))
    covariance = _shrunk((each - events) / unit) - np.diag(noise.mean(axis=0) / unit**2)
    return Expected(edges, events, unit * modes_of(covariance), statistical)


def modes_of(covariance: FloatArray) -> FloatArray:
    """Return independent shifts (M, B) whose covariance this is, the largest first; negative ones are none."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > NEGLIGIBLE * max(float(values.sum()), 0.0)
    order = np.argsort(-values[kept])
    return np.asarray(np.sqrt(values[kept][order])[:, None] * vectors.T[kept][order])


def _shrunk(away: FloatArray) -> FloatArray:
    """Return the covariance of deviations (R, B) from their mean, unbiased in its trace."""
    from sklearn.covariance import ledoit_wolf  # heavy

    found: FloatArray = ledoit_wolf(away, assume_centered=True)[0]
    return found * len(away) / (len(away) - 1)


def bootstrapped(each: FloatArray) -> FloatArray:
    """Return the covariance (B, B) of a histogram that was made anew for each bootstrap of all events.

    Parameters
    ----------
    each
        The histogram in R replicas, shape ``(R, B)``.

    Raises
    ------
    InputError
        If there are fewer than three replicas.

    Notes
    -----
    Variances are those of the replicas, off by ``1 / sqrt(2 (R - 1))``; correlations are shrunk as far as few
    replicas ask for (O. Ledoit and M. Wolf, as `expected`), so that the covariance has an inverse.
    """
    if len(each) < 3:
        raise InputError(f"replicas: {len(each)} replicas; expected three or more: their spread is the error")
    away = each - each.mean(axis=0)
    deviation = away.std(axis=0) * np.sqrt(len(each) / (len(each) - 1))
    used = deviation > 0
    found = np.zeros((each.shape[1], each.shape[1]))
    if used.any():
        found[np.ix_(used, used)] = _shrunk(away[:, used] / deviation[used])
    return np.asarray(found * np.outer(deviation, deviation))
