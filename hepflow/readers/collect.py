"""The events of a source, whole or cut, measured chunk by chunk and kept file by file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction

from tqdm import tqdm

from hepflow.errors import InputError
from hepflow.readers.damage import DamagedFileError, damaged
from hepflow.readers.events import READ
from hepflow.readers.growing import GrowingColumns, Rows
from hepflow.readers.source import Chunk, Field, Source, SourceFile
from hepflow.sample import Cutflow, SkippedFile, add_cutflows

Measure = Callable[[Chunk, bool], tuple[Rows, Cutflow]]
log = logging.getLogger("hepflow.readers")


@dataclass(frozen=True, eq=False)
class Collected:
    """What a file, or a share of it, gave.

    Parameters
    ----------
    file, num_events
        Its path or URL, and the events of it that were to be read.
    rows
        Columns of the events that are kept, with ``weight`` as in the file; None where no event is.
    cutflow
        What became of its events.
    sum_of_weights
        Of its events before any selection.
    damage
        Why nothing of the file can be used; None where it could be read.
    """

    file: str
    num_events: int
    rows: Rows | None = None
    cutflow: Cutflow = ()
    sum_of_weights: Fraction = Fraction(0)
    damage: SkippedFile | None = None


def collect(
    source: Source, only: Collection[Field], measure: Measure, *, progress: bool = True
) -> list[Collected]:
    """Read a source, whole or cut, to its end.

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
    list of Collected
        One a file, in the order of reading; `join` puts them together.

    Notes
    -----
    What a file gave is kept apart until its end, and dropped where it turns out to be damaged. That needs neither a
    second pass nor more memory: the rows of one file are fewer than those of all. Once a file is found damaged that
    may not be skipped, the others are read on to find all that are, and their rows are not kept.
    """
    found: list[Collected] = []
    hopeless = False
    with _progress(source, progress) as advance:
        for sample in source.members or (source,):
            begun = len(found)
            for part in sample.parts:
                first = all(one.rows is None for one in found[begun:])
                one = _read(part, only, measure, first, advance)
                if one.damage is not None:
                    done = "skipped" if source.skip_bad_files else "damaged; reading on to find all that are"
                    log.warning("%s: %s: %s", one.file, done, one.damage.cause)
                    if not source.skip_bad_files:
                        hopeless = True
                        found = [replace(other, rows=None) for other in found]
                found.append(replace(one, rows=None) if hopeless else one)
    return found


def _read(
    part: SourceFile, only: Collection[Field], measure: Measure, first: bool, advance: Callable[[int], None]
) -> Collected:
    """Read one file, or a share of it, to its end."""
    columns = GrowingColumns(len(part.entries))
    cutflows: list[Cutflow] = []
    sum_of_weights = Fraction(0)
    try:
        for chunk in part.chunks(only):
            own, dropped = measure(chunk, first and not columns.size)
            columns.add(own)
            cutflows.append((*chunk.cutflow, *dropped))
            sum_of_weights += chunk.sum_of_weights
            advance(dict(chunk.cutflow)[READ])
    except MemoryError as error:
        raise InputError(
            f"{part.file}: its {len(part.entries):,} events find no room in memory ({error}). Read it on a larger "
            "machine; or, if it should hold fewer, compare it with the original"
        ) from error
    except DamagedFileError as error:
        return Collected(part.file, 0, damage=damaged(part.file, error, part.num_events))
    return Collected(part.file, len(part.entries), columns.rows(), add_cutflows(cutflows), sum_of_weights)


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
