"""Tables that densities are learned from: features, contexts and weights, checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.errors import ConfigError, InputError
from hepflow.sample import FloatArray
from hepflow.strays import stray


@dataclass(frozen=True, eq=False)
class Table:
    """N rows of D features, given C contexts.

    Parameters
    ----------
    x, context, weight
        Shapes ``(N, D)``, ``(N, C)`` with C zero or more, and ``(N,)``.
    names, given
        Of the features and of the contexts.
    """

    x: FloatArray
    context: FloatArray
    weight: FloatArray
    names: tuple[str, ...]
    given: tuple[str, ...]

    @classmethod
    def of(
        cls,
        x: ArrayLike,
        context: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        names: Sequence[str] = (),
        given: Sequence[str] = (),
    ) -> Table:
        """Return a table to train on.

        Raises
        ------
        ConfigError
            If shapes or numbers of names disagree, or a name stands twice.
        InputError
            If there is no row, a feature or context is not finite, or a context has one value.
        """
        rows = columns("x", x)
        conditions = columns("context", np.empty((len(rows), 0)) if context is None else context)
        weights = np.ones(len(rows)) if weight is None else _numbers("weight", weight)
        if rows.shape[1] == 0 or len(conditions) != len(rows) or weights.shape != (len(rows),):
            raise ConfigError(
                "a density: expected x (N, D) with D at least 1, context (N, C) and weight (N,); got "
                f"{rows.shape}, {conditions.shape} and {weights.shape}"
            )
        made = cls(
            rows,
            conditions,
            weights,
            _named("names", names, rows.shape[1], "x"),
            _named("given", given, conditions.shape[1], "c"),
        )
        if not len(rows):
            raise InputError("a density: no events to learn from")
        check_finite("feature", made.names, rows, "drop those events first")
        check_finite("context", made.given, conditions, "drop those events first")
        for name, column in zip(made.given, conditions.T, strict=True):
            if np.ptp(column) == 0:
                raise InputError(f"context {name!r} is {column[0]:g} in every training event; leave it out")
        return made

    def without_strays(self) -> Table:
        """Return the rows without those that are strays in a feature or a context: one would stretch all bounds."""
        far = np.zeros(len(self.x), dtype=bool)
        for column in (*self.x.T, *self.context.T):
            far |= stray(column)
        return Table(self.x[~far], self.context[~far], self.weight[~far], self.names, self.given)


def columns(what: str, values: ArrayLike) -> FloatArray:
    """Return a table of numbers, one row for each event.

    Raises
    ------
    ConfigError
        If it is none.
    """
    table = _numbers(what, values)
    if table.ndim != 2:
        hint = f"; a single column is {what}[:, None]" if table.ndim == 1 else ""
        raise ConfigError(
            f"a density: expected {what} with a row for each event, two dimensions; got shape {table.shape}{hint}"
        )
    return table


def contexts(given: ArrayLike | int) -> FloatArray:
    """Return contexts (N, C); of a number of events, as many without any context, (N, 0)."""
    if not isinstance(given, int | np.integer):
        return columns("context", given)
    if given < 0:
        raise ConfigError(f"a density: {given} events; expected zero or more")
    return np.empty((int(given), 0))


def check_finite(kind: str, names: Sequence[str], table: FloatArray, then: str) -> None:
    """Refuse a table with numbers that are not finite.

    Raises
    ------
    InputError
        With the column's name, and how many there are.
    """
    for name, column in zip(names, table.T, strict=True):
        bad = int(np.sum(~np.isfinite(column)))
        if bad:
            raise InputError(
                f"{kind} {name!r} holds NaN or infinite values in {bad:,} of {len(column):,} events; {then}"
            )


def _numbers(what: str, values: ArrayLike) -> FloatArray:
    found: NDArray[Any] = np.asarray(values)
    if found.dtype.kind not in "biuf":
        raise ConfigError(f"a density: expected numbers in {what}; got an array of {found.dtype}")
    return np.ascontiguousarray(found, dtype=np.float64)


def _named(what: str, names: Sequence[str], count: int, letter: str) -> tuple[str, ...]:
    own = tuple(map(str, names)) or tuple(f"{letter}{number}" for number in range(count))
    if len(own) != count or len(set(own)) != count:
        raise ConfigError(f"a density: {what} {own}; expected {count} names, each once")
    return own
