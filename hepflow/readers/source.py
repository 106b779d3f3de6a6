"""What every reader hands on: a lazy Source of Chunks, whole or cut to a part of itself."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import awkward as ak

from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.quantity import Quantity
from hepflow.readers.normalisation import AS_IN_THE_FILES, Normalisation
from hepflow.readers.own import Own
from hepflow.sample import Cutflow, SkippedFile

Share = tuple[int, int]  # (n, N): the n-th, from 0, of the N parts of a file


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some consecutive events of one file.

    Parameters
    ----------
    events
        Record array, one entry per event: ``jets`` (a list of records pt, eta, phi, mass in GeV, and tau1,
        tau2, tau3 where the file has them, in the order of the file), ``weight`` and ``label`` where there is
        one. Files of format ``hepflow`` and ``table`` hold no jets: their events are records of their columns. What
        is computed of columns stands beside, under `Own.key`.
    cutflow
        ``("events read", n)``, then the events dropped, by cause.
    sum_of_weights
        Of the events read, before the selection; of those with another truth than the one asked for nothing. It is
        exact, so that it does not hang on where the chunks of a file end.
    """

    events: ak.Array
    cutflow: Cutflow
    sum_of_weights: Fraction = Fraction(0)


Field = str | Own  # a jet field or column, or what is computed from columns
Stream = Callable[[Collection[Field] | None, int, int], Iterator[Chunk]]


@dataclass(frozen=True, eq=False)
class SourceFile:
    """One file of a source, or a share of its events.

    Parameters
    ----------
    file, num_events
        Path or URL, and the events in it before any selection.
    stream
        Yields the chunks of the events from a first one up to another, which is not among them, with only these jet
        fields or columns (None: all).
    columns
        Returns the columns, or branches, of the file that are read for these.
    blocks
        The first events of the blocks that can only be read whole; empty where these are small. No share cuts one.
    share
        Which part of the file this is, of how many of about as many events each.
    """

    file: str
    num_events: int
    stream: Stream
    columns: Callable[[Collection[Field] | None], list[str]] = lambda only: []
    blocks: tuple[int, ...] = ()
    share: Share = (0, 1)

    @property
    def entries(self) -> range:
        """The events that are read; the shares of a file together are the file."""
        number, of = self.share
        return range(self._border(number, of), self._border(number + 1, of))

    def chunks(self, only: Collection[Field] | None) -> Iterator[Chunk]:
        """Iterate over the chunks with only these jet fields or columns (None: all)."""
        entries = self.entries
        return self.stream(only, entries.start, entries.stop) if entries else iter(())

    def _border(self, number: int, of: int) -> int:
        entry = number * self.num_events // of
        inside = self.blocks and entry < self.num_events
        return self.blocks[bisect_right(self.blocks, entry) - 1] if inside else entry


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
        Features in the files of format ``hepflow``, the resonant variable first; all columns of those of ``table``.
    resonance, quantities
        What files of format ``hepflow`` say of the resonant variable and of features; None where they have none.
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

    parts: tuple[SourceFile, ...]
    description: str
    jet_fields: tuple[str, ...]
    columns: tuple[str, ...] = ()
    normalisation: Normalisation = AS_IN_THE_FILES
    skipped: tuple[SkippedFile, ...] = ()
    skip_bad_files: bool = False
    name: str = ""
    members: tuple[Source, ...] = ()
    resonance: Quantity | None = None
    quantities: tuple[Quantity, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Paths and URLs, in the order of reading."""
        return tuple(part.file for part in self.parts)

    @property
    def num_events(self) -> int:
        """Events that are read, before any selection."""
        return sum(len(part.entries) for part in self.parts)

    def __iter__(self) -> Iterator[Chunk]:
        return self.chunks()

    def chunks(self, only: Collection[Field] | None = None) -> Iterator[Chunk]:
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
            if isinstance(name, str) and name not in known:
                raise ConfigError(f"{self.description}: no field {name!r}; {did_you_mean(name, known)}")
        return (chunk for part in self.parts for chunk in part.chunks(only))

    def columns_read(self, only: Collection[Field] | None = None) -> list[str]:
        """Return the columns, or branches, that are read from the files for these jet fields or columns."""
        return list(dict.fromkeys(column for part in self.parts for column in part.columns(only)))

    def cut(self, shares: Mapping[str, Share]) -> Source:
        """Return a part of this source: of each of these files a share of the events, of the others none.

        Parameters
        ----------
        shares
            By file, ``(n, N)``: the n-th, from 0, of N parts. All N of them together are the file, in its order.

        Raises
        ------
        ConfigError
            If a share is none, such as ``(3, 3)``.
        """
        for file, (number, of) in shares.items():
            if not 0 <= number < of:
                raise ConfigError(f"{file}: share {(number, of)}: expected (n, N) with 0 <= n < N")
        parts = (replace(part, share=shares[part.file]) for part in self.parts if part.file in shares)
        members = tuple(member.cut(shares) for member in self.members)
        return replace(self, parts=tuple(parts), members=members)

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
        if len({source.resonance and source.resonance.name for source in sources}) > 1:
            names = ", ".join(source.resonance.name if source.resonance else "none" for source in sources)
            raise ConfigError(f"Source.join: the resonant variables differ ({names}); expected one for all")
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
            resonance=sources[0].resonance,
            quantities=sources[0].quantities,
        )
