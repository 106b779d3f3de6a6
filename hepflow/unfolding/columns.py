"""Columns of tables of any kind, and of events by name or expression."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError, did_you_mean
from hepflow.events import Events, FloatArray
from hepflow.quantity import Quantity
from hepflow.readers.expressions import Expression


def names_of(table: Any) -> list[str]:
    """Return the names of the columns of a table of any kind."""
    if isinstance(table, Events):
        return list(table.columns())
    for attribute in ("fields", "columns"):
        if hasattr(table, attribute):
            return [str(name) for name in getattr(table, attribute)]
    return [str(name) for name in getattr(getattr(table, "dtype", None), "names", None) or table]


def raw(table: Any, name: str) -> NDArray[Any]:
    """Return a column as it is.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    there = names_of(table)
    if name not in there:
        raise ConfigError(f"pairs: no column {name!r}: {did_you_mean(name, there)}")
    return np.asarray(table[name])


def values_of(events: Events, of: str | None) -> tuple[Quantity, FloatArray]:
    """Return a column of events, or an expression of columns; of one column, `of` may be None.

    Raises
    ------
    ConfigError
        If there is no such column.
    """
    if of is None:
        if len(events.names) > 1:
            raise ConfigError(f"a histogram of which column? {did_you_mean('', events.names)}")
        of = events.names[0]
    if of in events.names:
        return events.quantity(of), events.feature(of)
    expression = Expression(of)
    for name in expression.names:
        if name not in events.names:
            raise ConfigError(
                f"a histogram of {of!r}: no column {name!r}: {did_you_mean(name, events.names)}"
            )
    columns = {name: ak.Array(events.feature(name)) for name in expression.names}
    return Quantity(of), expression.numbers(columns, len(events))


def edges_of(edges: Any) -> FloatArray:
    """Return rising edges, shape ``(B + 1,)``.

    Raises
    ------
    ConfigError
        If they do not rise.
    """
    borders = np.asarray(edges, dtype=np.float64)
    if borders.ndim != 1 or len(borders) < 2 or not np.all(np.diff(borders) > 0):
        raise ConfigError(f"a histogram: expected two or more rising edges; got {borders}")
    return borders
