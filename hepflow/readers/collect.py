"""All events of a source in memory, measured chunk by chunk: of each file all of them or none."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hepflow.errors import InputError
from hepflow.readers.damage import DamagedFileError, damaged, in_cutflow, report
from hepflow.readers.events import READ
from hepflow.readers.normalisation import AS_IN_THE_FILES
from hepflow.readers.source import Chunk, Part, Source
from hepflow.sample import Cutflow, SkippedFile, add_cutflows

Rows = dict[str, NDArray[Any]]
Measure = Callable[[Chunk, bool], tuple[Rows, Cutflow]]
KEPT = "events kept"
log = logging.getLogger("hepflow.readers")


def collect(
    source: Source, only: Collection[str], measure: Measure, *, progress: bool = True
) -> tuple[Rows, Cutflow, tuple[SkippedFile, ...]]:
    """Read a source to its end.

    Parameters
    ----------
    source
        What to read.
    only
        Jet fields or columns that `measure` needs.
    measure
        Takes a chunk, and whether none of its sample had an event yet; returns columns of the events that are
        kept, with ``weight`` as in the file, and the events dropped, by cause.
    progress
        Show a bar on standard error, where that is a terminal and there is more than one chunk.

    Returns
    -------
    rows, cutflow, skipped
        The columns, normalised; what became of every event; and the damaged files that were left out.

    Raises
    ------
    InputError
        If files are damaged and may not be skipped (all are named), or no event is left.

    Notes
    -----
    What a file gave is kept apart until its end, and dropped where it turns out to be damaged. That needs neither a
    second pass nor more memory: the rows of one file are fewer than those of all. Once a file is found damaged that
    may not be skipped, the others are read on to find all that are, and their rows are not kept.
    """
    samples = [_Collected(member) for member in source.members or (source,)]
    with _progress(source, progress) as advance:
        for sample in samples:
            sample.read(only, measure, advance)
    damage = [file for sample in samples for file in sample.damaged]
    files = len(source.files) + len(source.skipped)
    if damage and not source.skip_bad_files:
        raise DamagedFileError(report(damage, files))
    skipped = (*source.skipped, *damage)
    kept = sum(sample.kept for sample in samples)
    cutflow = (
        *in_cutflow(skipped, files),
        *add_cutflows(sample.by_name for sample in samples),
        *add_cutflows(sample.cutflow for sample in samples),
        (KEPT, kept),
    )
    if not kept:
        steps = "; ".join(f"{cause}: {events:,}" for cause, events in cutflow)
        raise InputError(f"{source.description}: no event is left. {steps}")
    return _joined([rows for sample in samples for rows in sample.normalised()]), cutflow, skipped


@dataclass
class _Collected:
    """What was read of one sample: its rows, with the weights of the files, and what became of its events."""

    source: Source
    rows: list[Rows] = field(default_factory=list)
    cutflow: Cutflow = ()
    sum_of_weights: float = 0.0
    damaged: list[SkippedFile] = field(default_factory=list)

    @property
    def kept(self) -> int:
        return sum(len(rows["mass"]) for rows in self.rows)

    @property
    def by_name(self) -> Cutflow:
        """How many events of this sample were read and kept, where it has a name."""
        if not self.source.name:
            return ()
        read = dict(self.cutflow).get(READ, 0)
        return ((f"{self.source.name}: {READ}", read), (f"{self.source.name}: {KEPT}", self.kept))

    def read(self, only: Collection[str], measure: Measure, advance: Callable[[int], None]) -> None:
        for part in self.source.parts:
            try:
                self._read(part, only, measure, advance)
            except DamagedFileError as error:
                self.damaged.append(damaged(part.file, error, part.num_events))
                done = "skipped" if self.source.skip_bad_files else "damaged; reading on to find all that are"
                log.warning("%s: %s: %s", part.file, done, self.damaged[-1].cause)
            if self.damaged and not self.source.skip_bad_files:
                self.rows.clear()

    def _read(
        self, part: Part, only: Collection[str], measure: Measure, advance: Callable[[int], None]
    ) -> None:
        """Read one file, and take what it gave once its end is reached."""
        own: list[Rows] = []
        cutflows: list[Cutflow] = []
        sum_of_weights = 0.0
        for chunk in part.stream(only):
            rows, dropped = measure(chunk, not (self.rows or own))
            own += [rows] if len(rows["mass"]) else []
            cutflows.append((*chunk.cutflow, *dropped))
            sum_of_weights += chunk.sum_of_weights
            advance(dict(chunk.cutflow)[READ])
        self.rows += own
        self.cutflow = add_cutflows([self.cutflow, *cutflows])
        self.sum_of_weights += sum_of_weights

    def normalised(self) -> list[Rows]:
        """Return the rows with the weights of the yield that is expected."""
        normalisation, described = self.source.normalisation, self.source.description
        if normalisation == AS_IN_THE_FILES:
            return self.rows
        if normalisation.number is not None and (self.damaged or self.source.skipped):
            raise InputError(
                f"{described}: generated: {normalisation.number:g} counts the events of files that were skipped: "
                "the yield would come out too low. Give the sum of the other files"
            )
        try:
            factor = normalisation.factor(self.sum_of_weights)
        except InputError as error:
            raise InputError(f"{described}: {error}") from error
        for rows in self.rows:
            rows["weight"] = factor * rows.get("weight", np.ones(len(rows["mass"])))
        return self.rows


@contextmanager
def _progress(source: Source, wanted: bool) -> Iterator[Callable[[int], None]]:
    """Give what counts the events read, with a bar if they come in more than one chunk."""
    bar = None

    def advance(events: int) -> None:
        nonlocal bar
        if bar is None and events < source.num_events:
            off = None if wanted else True  # None: off unless standard error is a terminal
            bar = tqdm(total=source.num_events, desc="events", unit_scale=True, disable=off)
        if bar is not None:
            bar.update(events)

    try:
        yield advance
    finally:
        if bar is not None:
            bar.close()


def _joined(parts: list[Rows]) -> Rows:
    """Return the columns whole; a truth that some samples lack is left out, and events without weight count one."""
    if any("weight" in rows for rows in parts):
        for rows in parts:
            rows.setdefault("weight", np.ones(len(rows["mass"])))
    return {key: _join(parts, key) for key in list(parts[0]) if all(key in rows for rows in parts)}


def _join(rows: list[Rows], key: str) -> NDArray[Any]:
    """Concatenate one column, freeing each part once it is copied: memory holds the sample about once."""
    if len(rows) == 1:
        return rows[0][key]
    parts = [part.pop(key) for part in reversed(rows)]
    whole = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), dtype=parts[0].dtype)
    start = 0
    while parts:
        part = parts.pop()
        whole[start : start + len(part)] = part
        start += len(part)
    return whole
