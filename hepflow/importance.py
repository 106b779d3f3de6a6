"""Importance: weights of events, their logarithms, and what weighted events are worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError, InputError

FloatArray = NDArray[np.float64]


def effective_size(weight: NDArray[Any]) -> float:
    """Return Kish's effective sample size, ``sum(w)^2 / sum(w^2)``: as many events of equal weight say as much.

    Parameters
    ----------
    weight
        One of each event, shape ``(N,)``; negative ones make the rest worth less.

    Returns
    -------
    float
        N for equal weights, less for others; zero where no event has a weight.

    Notes
    -----
    L. Kish, Survey Sampling (Wiley, 1965).
    """
    squares = np.sum(weight**2)
    return float(weight.sum() ** 2 / squares) if squares > 0 else 0.0


def effective_counts(sums: FloatArray, squares: FloatArray) -> FloatArray:
    """Return the effective size of the events in each bin, shape ``(B,)``; zero in one without events.

    Parameters
    ----------
    sums, squares
        ``sum(w)`` and ``sum(w^2)`` of each bin, shape ``(B,)``.
    """
    return np.divide(sums**2, squares, out=np.zeros_like(sums), where=squares > 0)


def unit_weight(weight: NDArray[Any]) -> float:
    """Return what one of the `effective_size` events of equal weight stands for, ``sum(w^2) / sum(w)``.

    ``w / unit_weight(w)`` adds up to the effective size; NaN where no event has a weight.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.sum(weight**2) / np.sum(weight))


def log_weights(log_target: FloatArray, log_proposals: FloatArray, sizes: Sequence[int]) -> FloatArray:
    """Return the log weights of draws from several proposals, by the balance heuristic: target over their mixture.

    Parameters
    ----------
    log_target
        Log of the target's density, which need not be normalised, at each of T draws, shape ``(T,)``.
    log_proposals
        Log density of each of H proposals at every draw, its own and those of others, ``(H, T)``.
    sizes
        How many of the draws each proposal made.

    Returns
    -------
    ndarray
        Shape ``(T,)``; -inf where the target has no density.

    Raises
    ------
    ConfigError
        If the shapes disagree.
    InputError
        If a draw has no density in any proposal, or a log density is NaN or +inf.

    Notes
    -----
    E. Veach and L. Guibas, SIGGRAPH 1995, sec. 3.3: no other combination has a variance that is much smaller.
    """
    if log_proposals.shape != (len(sizes), *log_target.shape) or np.sum(sizes) != len(log_target):
        raise ConfigError(
            f"importance: expected log_target (T,), log_proposals (H, T) and H sizes that add up to T; got "
            f"{log_target.shape}, {log_proposals.shape} and {tuple(sizes)}"
        )
    for what, values in (("target", log_target), ("proposals", log_proposals)):
        if not np.all(values < np.inf):  # NaN compares as false, too
            raise InputError(f"importance: log densities of the {what} are NaN or infinite")
    share = np.log(
        np.asarray(sizes, dtype=np.float64) / np.sum(sizes),
        where=np.asarray(sizes) > 0,
        out=np.full(len(sizes), -np.inf),
    )
    mixture = np.logaddexp.reduce(log_proposals + share[:, None], axis=0)
    if np.isneginf(mixture).any():
        raise InputError(
            f"importance: {int(np.isneginf(mixture).sum()):,} of {len(mixture):,} draws have no density in any "
            "proposal; which of them drew those?"
        )
    return np.asarray(log_target - mixture)


def balance_heuristic(log_densities: FloatArray, sizes: Sequence[int]) -> FloatArray:
    """Return what draws of several proposals stand for under each of them.

    Parameters
    ----------
    log_densities
        Log density of each of `H` proposals at every one of the T draws, ``(H, T)``, but for a term that all share.
    sizes
        How many of the draws each proposal made.

    Returns
    -------
    ndarray
        The density of each draw under each proposal over its density in their mixture, ``(H, T)``.
    """
    top = log_densities.max(axis=0)
    densities = np.exp(log_densities - top)
    share = np.asarray(sizes, dtype=np.float64)[:, None] / np.sum(sizes)
    return np.asarray(densities / np.sum(share * densities, axis=0))


def normalised(log_weight: FloatArray) -> FloatArray:
    """Return weights with a mean of one from their logarithms (N,), however large or small these are.

    Raises
    ------
    InputError
        If one is NaN or +inf, or all are -inf.
    """
    if not np.all(log_weight < np.inf) or not np.isfinite(log_weight).any():
        raise InputError("importance: log weights are NaN or infinite, or all of them stand for no weight")
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight / weight.mean())


def log_integral(log_weight: FloatArray) -> tuple[float, float]:
    """Return the log of the mean weight, which estimates the log of the target's integral, and its error.

    Parameters
    ----------
    log_weight
        Logs of N weights, shape ``(N,)``.

    Raises
    ------
    InputError
        As `normalised`.
    """
    weight = normalised(log_weight)
    top = float(log_weight.max())
    mean = top + float(np.log(np.exp(log_weight - top).mean()))
    return mean, float(weight.std() / np.sqrt(len(weight)))


def unweighting_efficiency(weight: NDArray[Any], overweight: float = 0.0) -> float:
    """Return the share of events that stay where each is kept with a probability in proportion to its weight.

    Parameters
    ----------
    weight
        Shape ``(N,)``; of negative ones the size counts.
    overweight
        Share of the sum of weights that may lie above the weight that is always kept, and would be left to events of
        a weight above one: a single event then does not decide. In [0, 1).

    Returns
    -------
    float
        ``mean(min(w, top)) / top``; zero where no event has a weight.

    Raises
    ------
    ConfigError
        If `overweight` lies outside its range.
    """
    if not 0 <= overweight < 1:
        raise ConfigError(f"importance: overweight {overweight:g}; expected a share in [0, 1)")
    size = np.sort(np.abs(np.asarray(weight, dtype=np.float64)))
    total = float(size.sum())
    if not total > 0:
        return 0.0
    # what lies above a top between neighbours falls linearly with it: the top at which it is the share allowed
    above = np.cumsum(size[::-1])[::-1] - size * np.arange(len(size), 0, -1)
    place = int(np.searchsorted(-above, -overweight * total))
    before = place - 1
    rest = (above[before] if before >= 0 else total) - overweight * total
    low = size[before] if before >= 0 else 0.0
    top = min(low + rest / (len(size) - place), float(size[-1]))
    return float(np.minimum(size, top).mean() / top)
