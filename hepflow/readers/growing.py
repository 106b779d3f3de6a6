"""The columns of one file as they grow, chunk by chunk, in memory that is taken once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = dict[str, NDArray[Any]]


class GrowingColumns:
    """Columns with room for all events of a file; pages that no event is written to take no memory.

    Chunks that were kept until the end and then joined would stand in memory beside what is made of them.

    Parameters
    ----------
    room
        The most events that there may be.
    """

    def __init__(self, room: int) -> None:
        self.room, self.size = room, 0
        self._columns: Rows = {}

    def add(self, rows: Rows) -> None:
        """Append the events of a chunk."""
        end = self.size + len(next(iter(rows.values())))
        for name, values in rows.items():
            if name not in self._columns:
                self._columns[name] = np.empty((self.room, *values.shape[1:]), values.dtype)
            self._columns[name][self.size : end] = values
        self.size = end

    def rows(self) -> Rows | None:
        """Return the columns as they are now; None where there is no event."""
        if not self.size:
            return None
        sparse = 2 * self.size < self.room
        ends = {name: values[: self.size] for name, values in self._columns.items()}
        return {name: values.copy() if sparse else values for name, values in ends.items()}
