"""What each iteration of an unfolding does: the trade-off between bias and variance, and when to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import CheckError
from hepflow.events import FloatArray
from hepflow.importance import effective_size
from hepflow.unfolding.pairs import Pairs

SMALL = 0.5  # of the errors: what is left to change is about as much again
LEAST_SHARE = 0.01  # of the events' own worth, below which a few events stand for all


@dataclass(frozen=True)
class Iteration:
    """What one iteration did: the trade-off between bias, which falls, and variance, which rises.

    Parameters
    ----------
    distance
        How far data and weighted simulation were apart in it, at detector level, as the ratio between them saw it:
        the square of its log, averaged over the data.
    change
        Root mean square of the change of the ten decile bins of all generated columns, relative.
    spread
        The same of their errors, from the replicas; NaN without.
    effective_size
        Of the weighted generated events.
    total
        Of the unfolded yield.
    """

    distance: float
    change: float
    spread: float
    effective_size: float
    total: float


def history(
    pairs: Pairs, weights: FloatArray, distances: Sequence[float], replicas: NDArray[np.float32]
) -> tuple[Iteration, ...]:
    """Return what each iteration did, in the deciles of every generated column.

    Parameters
    ----------
    pairs
        The simulation, N events.
    weights, replicas
        After each iteration, ``(I, N)``, and in R replicas, ``(R, I, N)``.
    distances
        Of data and simulation in each.
    """
    columns = pairs.truth.features[pairs.pass_truth].T
    inner = [np.unique(np.quantile(column, np.arange(1, 10) / 10)) for column in columns]
    places = [np.searchsorted(edges, column) for edges, column in zip(inner, columns, strict=True)]

    def filled(weight: NDArray[Any]) -> FloatArray:
        own = weight[pairs.pass_truth]
        return np.concatenate(
            [np.bincount(place, own, len(edges) + 1) for place, edges in zip(places, inner, strict=True)]
        )

    found, before = [], filled(pairs.weight)
    for at, weight in enumerate(weights):
        now = filled(weight)
        scale = np.where(now > 0, now, np.inf)
        spread = np.nan
        if len(replicas):
            each = np.array([filled(one[at]) for one in replicas])
            spread = float(np.sqrt(np.mean((each.std(axis=0, ddof=1) / scale) ** 2)))
        change = float(np.sqrt(np.mean(((now - before) / scale) ** 2)))
        worth = effective_size(weight[pairs.pass_truth])
        found.append(Iteration(distances[at], change, spread, worth, float(weight.sum())))
        before = now
    return tuple(found)


def settled(history: Sequence[Iteration]) -> int:
    """Return the first iteration, from the second on, whose change is small beside the error, or else the last."""
    small = (at for at, one in enumerate(history, 1) if at > 1 and one.change < SMALL * one.spread)
    return next(small, len(history))


def check_worth(level: str, weight: FloatArray, before: FloatArray, iteration: int) -> None:
    """Stop where a few simulated events stand for all.

    Raises
    ------
    CheckError
        If weights ``(N,)`` leave less than 1 % of what the events were worth with those of before.
    """
    worth, least = effective_size(weight), LEAST_SHARE * effective_size(before)
    if worth < least:
        raise CheckError(
            f"unfolding: in iteration {iteration + 1} the {len(weight):,} {level} events of the simulation are worth "
            f"{worth:,.0f} of equal weight, less than {100 * LEAST_SHARE:g} % of before: a few events stand for "
            "all. The "
            "simulation is too far from the data; take fewer iterations, a stiffer ratio, or a simulation nearer to "
            "the data"
        )
