"""Two samples as one table: every row has a weight in each of the two, so that a test is a function of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.errors import ConfigError, InputError
from hepflow.events import Events
from hepflow.importance import effective_size
from hepflow.sample import FloatArray

LEAST = 50  # events that a sample must be worth: of fewer, no error or p-value is to be believed

Table = Events | Mapping[str, ArrayLike] | ArrayLike
"""Features: of `Events` or a `Sample`, named columns (a dictionary or a data frame), or an array ``(N, D)``."""


@dataclass(frozen=True, eq=False)
class Pooled:
    """The rows of two samples, one behind the other.

    Parameters
    ----------
    x
        Features, shape ``(P, D)`` with ``P = N + M``.
    names
        Of the D columns.
    u, v
        What each row weighs in the first and in the second sample, shapes ``(P,)``; each adds up to one.
    tried
        Rows on which classifiers are tried, not trained: half of each sample at random, shape ``(P,)``.
    """

    x: FloatArray
    names: tuple[str, ...]
    u: FloatArray
    v: FloatArray
    tried: NDArray[np.bool_]
    size: int  # N

    @classmethod
    def of(
        cls,
        a: Table,
        b: Table,
        weights: tuple[ArrayLike | None, ArrayLike | None] = (None, None),
        names: Sequence[str] | None = None,
        seed: int = 0,
    ) -> Pooled:
        """Check two tables and put them together; the arguments are those of `hepflow.two_sample`.

        Raises
        ------
        ConfigError
            If columns or shapes differ.
        InputError
            If values or weights are not finite, weights add up to nothing or less, a sample is worth less than fifty
            events, or a column has one value only.
        """
        (first, own), (second, others) = (_table(which, each, names) for which, each in _both(a, b))
        if sorted(own) != sorted(others):
            raise ConfigError(
                f"two_sample: the two have different columns: {', '.join(map(repr, own))} and "
                f"{', '.join(map(repr, others))}; name those to compare by names=[...]"
            )
        x = np.concatenate([first, second[:, [others.index(name) for name in own]]])
        given = zip(_both(a, b), weights, (first, second), strict=True)
        w = [_weight(which, each, weight, len(rows)) for (which, each), weight, rows in given]
        _check_values(x, own, len(first), np.concatenate(w) != 0)
        u = np.concatenate([w[0] / w[0].sum(), np.zeros(len(second))])
        v = np.concatenate([np.zeros(len(first)), w[1] / w[1].sum()])
        random, tried = np.random.default_rng(seed), np.zeros(len(x), dtype=bool)
        for start, events in ((0, len(first)), (len(first), len(second))):
            tried[start + random.permutation(events)[: events // 2]] = True
        return cls(x, own, u, v, tried, len(first))

    def __len__(self) -> int:
        return len(self.x)

    @property
    def flat(self) -> bool:
        """Whether all events of a sample weigh the same, so that labels may be exchanged."""
        return bool(np.ptp(self.u[: self.size]) == 0 and np.ptp(self.v[self.size :]) == 0)

    @property
    def worth(self) -> float:
        """Effective number of events of the smaller sample."""
        return min(effective_size(self.u), effective_size(self.v))

    @property
    def mixture(self) -> FloatArray:
        """Weights of both samples together, each by what it is worth, shape ``(P,)``; they add up to one."""
        n, m = effective_size(self.u), effective_size(self.v)
        return (n * self.u + m * self.v) / (n + m)

    @property
    def presence(self) -> FloatArray:
        """What each row counts where features are scaled and binned: the same, whichever sample it is in."""
        size = np.abs(self.mixture)  # where negative weights take away, there are events, too
        return np.asarray(size / size.sum())

    def column(self, index: int) -> Pooled:
        """Return one feature alone."""
        return replace(self, x=self.x[:, [index]], names=(self.names[index],))

    def scaled(self) -> FloatArray:
        """Return the features with mean zero and variance one over both samples, shape ``(P, D)``."""
        centred = self.x - self.presence @ self.x
        return np.asarray(centred / np.sqrt(self.presence @ centred**2))


def _both(a: Table, b: Table) -> tuple[tuple[str, Table], tuple[str, Table]]:
    return ("first", a), ("second", b)


def _table(which: str, given: Any, names: Sequence[str] | None) -> tuple[FloatArray, tuple[str, ...]]:
    """Return the columns of one sample, shape (N, D), and their names."""
    if isinstance(given, Events):
        own = given.names if names is None else tuple(names)
        return np.stack([given.feature(name) for name in own], axis=1), own
    if isinstance(given, Mapping) or hasattr(given, "columns"):
        there = [str(name) for name in getattr(given, "columns", given)]
        own = tuple(there if names is None else names)
        missing = [name for name in own if name not in there]
        if missing or not own:
            raise ConfigError(f"two_sample: the {which} sample has no column {missing}; it has {there}")
        columns = [_numbers(f"column {name!r} of the {which} sample", given[name], 1) for name in own]
        lengths = {len(column) for column in columns}
        if len(lengths) > 1:
            raise ConfigError(f"two_sample: columns of different lengths in the {which} sample: {lengths}")
        return np.stack(columns, axis=1), own
    x = _numbers(f"the {which} sample", given, 2)
    own = tuple(f"x{number}" for number in range(x.shape[1])) if names is None else tuple(names)
    if len(own) != x.shape[1] or not own or len(set(own)) < len(own):
        raise ConfigError(
            f"two_sample: the {which} sample has {x.shape[1]} columns; expected as many names, each once: got {own}"
        )
    return x, own


def _numbers(what: str, values: Any, dimensions: int) -> FloatArray:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ConfigError(f"two_sample: {what} holds no plain numbers") from None
    if found.ndim != dimensions:
        expected = (
            "one number for each event" if dimensions == 1 else "an array (N, D); of one column x[:, None]"
        )
        raise ConfigError(f"two_sample: expected {expected} in {what}; got shape {found.shape}")
    return found


def _weight(which: str, sample: Any, weight: ArrayLike | None, events: int) -> FloatArray:
    if weight is None:
        weight = sample.weight if isinstance(sample, Events) else np.ones(events)
    w = _numbers(f"the weights of the {which} sample", weight, 1)
    if len(w) != events:
        raise ConfigError(f"two_sample: {len(w):,} weights for {events:,} events of the {which} sample")
    if not np.all(np.isfinite(w)):
        raise InputError(
            f"two_sample: {int(np.sum(~np.isfinite(w))):,} of {events:,} weights of the {which} sample are NaN or "
            "infinite; leave those events out"
        )
    worth = effective_size(w)
    if worth < LEAST * (1 - 1e-9):  # rounding may leave fifty events worth a little less
        told = f"{events:,} events" if np.isclose(worth, events) else f"{events:,} events, worth {worth:.3g},"
        raise InputError(
            f"two_sample: the {which} sample has {told} which is too few to compare; expected {LEAST} or more"
        )
    if w.sum() <= 0:
        raise InputError(
            f"two_sample: the weights of the {which} sample add up to {w.sum():.4g}; expected more than zero"
        )
    return w


def _check_values(x: FloatArray, names: Sequence[str], size: int, seen: NDArray[np.bool_]) -> None:
    for name, column in zip(names, x.T, strict=True):
        lost = ~np.isfinite(column)
        if lost.any():
            raise InputError(
                f"two_sample: column {name!r} is NaN or infinite in {int(lost[:size].sum()):,} events of the first "
                f"and {int(lost[size:].sum()):,} of the second sample; leave those events out, or compare how many"
            )
        if np.ptp(column[seen]) == 0:
            raise InputError(
                f"two_sample: column {name!r} is {column[seen][0]:g} in every event of both samples; leave it out"
            )
