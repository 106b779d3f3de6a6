"""The Table of columns that each kind of file is opened as."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import awkward as ak

from hepflow.errors import ConfigError
from hepflow.readers.damage import UnsupportedError
from hepflow.sample import Cutflow

Columns = dict[str, ak.Array]


@dataclass(frozen=True, eq=False)
class Table:
    """One file as named columns.

    Parameters
    ----------
    file, num_events
        Path or URL, and the number of rows.
    names
        Columns that can be asked for.
    aliases
        Other spellings of them, such as the path of a branch in its tree.
    refused
        Columns that are there and cannot be read, or not be read right, and why: one that holds fewer entries than
        there are events, for instance.
    stream
        Takes column names, a chunk size, in events or as memory (``"64 MB"``), the first event and the one after the
        last; yields the columns.
    cutflow
        What happened to the events before they came into this file (format ``hepflow``).
    blocks
        As of a `SourceFile`.
    note
        What else is to be said where a column is missing.
    """

    file: str
    num_events: int
    names: tuple[str, ...]
    stream: Callable[[Sequence[str], int | str, int, int], Iterator[Columns]]
    cutflow: Cutflow = ()
    blocks: tuple[int, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def spelled(self, name: str) -> str | None:
        """Return the column that is called so, by whatever spelling; None if there is none."""
        return name if name in self.names else self.aliases.get(name)

    def refuse(self, columns: Sequence[str]) -> None:
        """Raise an `UnsupportedError` if one of these columns is `refused`: before a long job, as nothing is read."""
        for name in columns:
            if name in self.refused:
                raise UnsupportedError(f"{self.file}: {name!r} {self.refused[name]}")


def events_per_chunk(chunk: int | str, bytes_per_event: float) -> int:
    """Return how many events make a chunk of this many events, or of this much memory (``"64 MB"``).

    Raises
    ------
    ConfigError
        If `chunk` is neither a positive number of events nor a memory size.
    """
    if isinstance(chunk, str):
        number, unit = chunk.strip().upper().rstrip("B").rstrip(), 1.0
        if number and number[-1] in "KMG":
            unit = {"K": 1e3, "M": 1e6, "G": 1e9}[number[-1]]
            number = number[:-1]
        try:
            memory = float(number) * unit
        except ValueError:
            memory = 0.0
        if chunk.strip().upper().endswith("B") and 0 < memory < float("inf"):
            return max(1, int(memory / max(bytes_per_event, 1.0)))
    elif not isinstance(chunk, bool) and chunk >= 1:
        return int(chunk)
    raise ConfigError(
        f"chunk {chunk!r}: expected a number of events, such as 100000, or memory, such as '64 MB'"
    )
