"""What densities are judged by where nothing else is asked of them: the likelihood of events that they never saw."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import FitError
from hepflow.events import FloatArray

SHARE = 0.25  # of the events that are learned from, kept to judge trials


def split(events: int, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which events trials learn from, and which judge them, at random."""
    judges = np.zeros(events, dtype=bool)
    judges[np.random.default_rng([seed, 7]).permutation(events)[: round(SHARE * events)]] = True
    return ~judges, judges


@contextmanager
def random_part() -> Iterator[None]:
    """Keep flows from warning that a few events have contexts beyond the training's: of a random part, some do."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "[^\n]* outside [^\n]* where the flow was trained", UserWarning)
        yield


def mean_log_likelihood(found: FloatArray, weight: FloatArray | None = None) -> float:
    """Return the mean log-likelihood in nats per event of log densities (N,).

    Events outside the bounds of the training rows, whatever the density there, are left out: they are the same for
    all densities.

    Raises
    ------
    FitError
        If it is not finite.
    """
    inside = found != -np.inf
    if not inside.any() or not np.isfinite(found[inside]).all():
        raise FitError("the likelihood of the events that judge is not finite")
    return float(np.average(found[inside], weights=None if weight is None else weight[inside]))
