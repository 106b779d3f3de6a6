"""What every reader hands on: a lazy Source of Chunks; and the Table that each kind of file is opened as."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import awkward as ak

from hepflow.errors import ConfigError, HepflowError, InputError, did_you_mean
from hepflow.sample import Cutflow

Columns = dict[str, ak.Array]


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some consecutive events.

    Parameters
    ----------
    events
        Record array, one entry per event: ``jets`` (a list of records pt, eta, phi, mass in GeV, and tau1,
        tau2, tau3 where the file has them, in the order of the file), ``weight`` and ``label`` where there is
        one. Files of format ``hepflow`` hold no jets: their events are records of m_jj and the features.
    cutflow
        ``("events read", n)``, then the events dropped, by cause.
    """

    events: ak.Array
    cutflow: Cutflow


Stream = Callable[[Collection[str] | None], Iterator[Chunk]]


@dataclass(frozen=True, eq=False)
class Source:
    """Events in files, read chunk by chunk while one iterates; each iteration begins anew.

    Parameters
    ----------
    files
        Paths and URLs, in the order of reading.
    num_events
        Events in the files, before any selection.
    description
        One line for messages: format and files.
    jet_fields
        What each jet has, of pt, eta, phi, mass, tau1, tau2, tau3; empty for format ``hepflow``.
    columns
        Features in the files, for format ``hepflow`` alone.
    stream
        Yields the chunks with only these jet fields or columns (None: all).
    """

    files: tuple[str, ...]
    num_events: int
    description: str
    jet_fields: tuple[str, ...]
    columns: tuple[str, ...] = ()
    stream: Stream = field(default=lambda only: iter(()), repr=False)

    def __iter__(self) -> Iterator[Chunk]:
        return self.chunks()

    def chunks(self, only: Collection[str] | None = None) -> Iterator[Chunk]:
        """Iterate over the chunks, reading from the files no more than these jet fields or columns need.

        Raises
        ------
        ConfigError
            If the source has no such field.
        InputError
            If a file turns out to be damaged, or holds what it should not.
        """
        known = self.jet_fields or self.columns
        for name in only or ():
            if name not in known:
                raise ConfigError(f"{self.description}: no field {name!r}; {did_you_mean(name, known)}")
        return self.stream(only)


@dataclass(frozen=True, eq=False)
class Table:
    """One file as named columns.

    Parameters
    ----------
    file, num_events
        Path or URL, and the number of rows.
    names
        Columns that can be asked for.
    stream
        Takes column names and a chunk size, in events or as memory (``"64 MB"``); yields the columns.
    cutflow
        What happened to the events before they came into this file (format ``hepflow``).
    """

    file: str
    num_events: int
    names: tuple[str, ...]
    stream: Callable[[Sequence[str], int | str], Iterator[Columns]]
    cutflow: Cutflow = ()


@contextmanager
def reading(file: str, what: str) -> Iterator[None]:
    """Turn whatever a file library raises into an InputError that names the file."""
    try:
        yield
    except HepflowError:
        raise
    except MemoryError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise InputError(
            f"{file}: cannot be read as {what} ({type(error).__name__}: {reason}). The file may be "
            "truncated or damaged: compare its size with the original, and copy it anew"
        ) from error


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
