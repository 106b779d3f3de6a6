"""Closeness: whether generated events are copies of those that were learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from hepflow.errors import ConfigError, InputError
from hepflow.sample import FloatArray

MOST = 20_000  # events of each kind: a search of neighbours in many columns takes its time
LEAST = 100
SAME = 1e-9  # of a column's spread: closer rows are the same


@dataclass(frozen=True)
class Closeness:
    """How near generated events are to those of the training.

    Parameters
    ----------
    nearer, error
        Share of them whose nearest event of the training is closer than the nearest of as many events that were not
        learned from. Half where nothing was learned by heart.
    copies
        How many are events of the training to the last digits.
    events
        Compared, of each kind.
    """

    nearer: float
    error: float
    copies: int
    events: int

    @property
    def z(self) -> float:
        """How far the share is above one half, in its errors."""
        return (self.nearer - 0.5) / self.error


def closeness(generated: FloatArray, training: FloatArray, held_out: FloatArray, *, seed: int) -> Closeness:
    """Compare distances of generated events to those learned from with distances to those that were not.

    Parameters
    ----------
    generated, training, held_out
        Events, shape ``(N, D)``; columns are brought to the same spread.
    seed
        Of which events are compared, where there are too many.

    Raises
    ------
    ConfigError
        If the columns differ.
    InputError
        If there are fewer than 100 events of a kind.

    Notes
    -----
    Many events share a neighbour, so that a binomial error is too small. Where nothing was learned by heart, it is
    chance which half of all neighbours is that of the training: the error is the standard deviation of the share over
    all such halves.
    """
    tables = (generated, training, held_out)
    widths = {table.shape[1] for table in tables}
    if len(widths) > 1:
        raise ConfigError(f"closeness: tables of {sorted(widths)} columns; expected the same")
    count = min(MOST, *map(len, tables))
    if count < LEAST:
        raise InputError(f"closeness: {count} events; expected {LEAST} or more of each kind")
    random = np.random.default_rng(seed)
    scale = np.concatenate([training, held_out]).std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    made, learned, others = (table[random.permutation(len(table))[:count]] / scale for table in tables)
    pooled = cKDTree(np.concatenate([learned, others]))
    distance, nearest = pooled.query(made)
    times = np.bincount(nearest, minlength=2 * count) / count
    share = float(times[:count].sum())
    error = 0.5 * float(np.sqrt(np.sum((times - times.mean()) ** 2) * len(times) / (len(times) - 1)))
    copies = int(np.sum((distance < SAME) & (nearest < count)))
    return Closeness(share, error, copies, count)
