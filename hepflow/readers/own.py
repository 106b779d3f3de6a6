"""Own columns: what is computed for each event from the columns of a file, beside its jets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError, InputError
from hepflow.readers.columns import Column, find_column, flat_numbers, nearest
from hepflow.readers.expressions import Expression
from hepflow.readers.table import Table


@dataclass(frozen=True)
class Own:
    """A number for each event: a column of the file by its name, or an expression of columns.

    Parameters
    ----------
    text
        The column where the file has one of this name, or else the expression.
    """

    text: str

    @property
    def key(self) -> str:
        """Its field in the events of a chunk; no field of a file is called so."""
        return f"= {self.text}"

    def found(self, table: Table) -> Column | Expression:
        """Return what it is in a file.

        Raises
        ------
        InputError
            If the file has no such column, and it is no expression; it names the nearest.
        """
        column = find_column(self.text, table)
        if column is not None:
            return column
        try:
            expression = Expression(self.text)
        except ConfigError as error:
            missing = f"no column {self.text!r}; {nearest(self.text, table)}"
            if re.fullmatch(r"[\w .:-]*", self.text):
                raise InputError(f"{table.file}: {missing}") from error
            raise InputError(f"{table.file}: {error}. And there is {missing}") from error
        if list(expression.names) == [self.text.strip()]:
            raise InputError(f"{table.file}: no column {self.text!r}; {nearest(self.text, table)}")
        return expression


def evaluated(
    found: Column | Expression,
    own: Own,
    arrays: Mapping[str, ak.Array],
    columns: Mapping[str, ak.Array],
    events: int,
) -> NDArray[np.float64]:
    """Return the numbers of a chunk, shape ``(events,)``; `columns` are those of an expression, by its names.

    Raises
    ------
    InputError
        If there is not one number for each event.
    """
    if isinstance(found, Expression):
        return found.numbers(columns, events)
    return np.asarray(flat_numbers(found.pick(arrays), own.text), dtype=np.float64)
