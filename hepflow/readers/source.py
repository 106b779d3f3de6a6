"""What every reader hands on: a lazy Source of Chunks; and the Table that each kind of file is opened as."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import awkward as ak

from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.readers.normalisation import AS_IN_THE_FILES, Normalisation
from hepflow.sample import Cutflow, SkippedFile

Columns = dict[str, ak.Array]


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some consecutive events of one file.

    Parameters
    ----------
    events
        Record array, one entry per event: ``jets`` (a list of records pt, eta, phi, mass in GeV, and tau1,
        tau2, tau3 where the file has them, in the order of the file), ``weight`` and ``label`` where there is
        one. Files of format ``hepflow`` hold no jets: their events are records of m_jj and the features.
    cutflow
        ``("events read", n)``, then the events dropped, by cause.
    sum_of_weights
        Of the events read, before the selection; of those with another truth than the one asked for nothing.
    """

    events: ak.Array
    cutflow: Cutflow
    sum_of_weights: float = 0.0


Stream = Callable[[Collection[str] | None], Iterator[Chunk]]


@dataclass(frozen=True, eq=False)
class Part:
    """One file of a source.

    Parameters
    ----------
    file, num_events
        Path or URL, and the events in it before any selection.
    stream
        Yields its chunks with only these jet fields or columns (None: all).
    columns
        Returns the columns, or branches, of the file that are read for these.
    """

    file: str
    num_events: int
    stream: Stream
    columns: Callable[[Collection[str] | None], list[str]] = lambda only: []


@dataclass(frozen=True, eq=False)
class Source:
    """Events in files, read chunk by chunk while one iterates; each iteration begins anew.

    Parameters
    ----------
    parts
        The files, in the order of reading.
    description
        One line for messages: format and files.
    jet_fields
        What each jet has, of pt, eta, phi, mass, tau1, tau2, tau3; empty for format ``hepflow``.
    columns
        Features in the files, for format ``hepflow`` alone.
    normalisation
        What makes the weights of the files those of the expected yield.
    skipped
        Damaged files that were left out when the source was opened.
    skip_bad_files
        Whether `hepflow.features` may leave out files that turn out to be damaged while they are read.
    name
        Of a sample or data-taking period, for the cutflow; may be empty.
    members
        The sources that were joined to this one (`Source.join`), each with its own normalisation.
    """

    parts: tuple[Part, ...]
    description: str
    jet_fields: tuple[str, ...]
    columns: tuple[str, ...] = ()
    normalisation: Normalisation = AS_IN_THE_FILES
    skipped: tuple[SkippedFile, ...] = ()
    skip_bad_files: bool = False
    name: str = ""
    members: tuple[Source, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Paths and URLs, in the order of reading."""
        return tuple(part.file for part in self.parts)

    @property
    def num_events(self) -> int:
        """Events in the files, before any selection."""
        return sum(part.num_events for part in self.parts)

    def __iter__(self) -> Iterator[Chunk]:
        return self.chunks()

    def chunks(self, only: Collection[str] | None = None) -> Iterator[Chunk]:
        """Iterate over the chunks, reading from the files no more than these jet fields or columns need.

        Weights are those of the files: what they are normalised to is known once all are read.

        Raises
        ------
        ConfigError
            If the source has no such field.
        InputError
            If a file turns out to be damaged, or holds what it should not. `skip_bad_files` changes nothing
            here: who takes the chunks one by one must be told that those of this file are not to be used.
        """
        known = self.jet_fields or self.columns
        for name in only or ():
            if name not in known:
                raise ConfigError(f"{self.description}: no field {name!r}; {did_you_mean(name, known)}")
        return (chunk for part in self.parts for chunk in part.stream(only))

    def columns_read(self, only: Collection[str] | None = None) -> list[str]:
        """Return the columns, or branches, that are read from the files for these jet fields or columns."""
        return list(dict.fromkeys(column for part in self.parts for column in part.columns(only)))

    @classmethod
    def join(cls, sources: Sequence[Source]) -> Source:
        """Return the events of several sources as one: samples of a simulation, periods of data taking.

        Each keeps its normalisation. The jets have the fields that those of all sources have.

        Raises
        ------
        ConfigError
            If nothing is given, or files of features are joined with files of jets.
        InputError
            If a file stands in two of them.
        """
        if len(sources) == 1:
            return sources[0]
        if not sources or len({bool(source.columns) for source in sources}) > 1:
            raise ConfigError("Source.join: expected sources, either all of format 'hepflow' or none")
        parts = tuple(part for source in sources for part in source.parts)
        file, times = Counter(part.file for part in parts).most_common(1)[0]
        if times > 1:
            raise InputError(f"{file}: given twice; its events would count double. Take it out of one sample")

        def common(fields: str) -> tuple[str, ...]:
            first, *others = (getattr(source, fields) for source in sources)
            return tuple(name for name in first if all(name in other for other in others))

        return cls(
            parts=parts,
            description=f"{len(sources)} samples, {sources[0].description} to {sources[-1].description}",
            jet_fields=common("jet_fields"),
            columns=common("columns"),
            skipped=tuple(file for source in sources for file in source.skipped),
            skip_bad_files=any(source.skip_bad_files for source in sources),
            members=tuple(sources),
        )


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
