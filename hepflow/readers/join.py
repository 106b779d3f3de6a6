"""What the files of a source gave, put together: of each file all events or none, normalised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import InputError
from hepflow.readers.collect import Collected
from hepflow.readers.damage import DamagedFileError, in_cutflow, report
from hepflow.readers.events import READ
from hepflow.readers.growing import Rows
from hepflow.readers.normalisation import AS_IN_THE_FILES
from hepflow.readers.source import Source
from hepflow.sample import Cutflow, SkippedFile, add_cutflows

KEPT = "events kept"


def join(source: Source, collected: Iterable[Collected]) -> tuple[Rows, Cutflow, tuple[SkippedFile, ...]]:
    """Put together what the files of a source gave, in one reading or in the readings of its parts.

    Parameters
    ----------
    source
        The whole.
    collected
        From `collect`, the shares of a file in their order. Their rows are used up.

    Returns
    -------
    rows, cutflow, skipped
        The columns, normalised; what became of every event; and the damaged files that were left out.

    Raises
    ------
    InputError
        If files are damaged and may not be skipped (all are named), if no event is left, or if a file was not read to
        its end.
    """
    shares: dict[str, list[Collected]] = {}
    for one in collected:
        shares.setdefault(one.file, []).append(one)
    samples = [_Sample.of(member, shares) for member in source.members or (source,)]
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
    return joined([rows for sample in samples for rows in sample.normalised()]), cutflow, skipped


@dataclass(frozen=True, eq=False)
class _Sample:
    """What the files of one sample gave, those without damage, and the record of the others."""

    source: Source
    collected: Sequence[Collected]
    damaged: Sequence[SkippedFile]

    @classmethod
    def of(cls, source: Source, shares: Mapping[str, Sequence[Collected]]) -> _Sample:
        collected: list[Collected] = []
        damaged: list[SkippedFile] = []
        for part in source.parts:
            own = shares.get(part.file, ())
            bad = next((one.damage for one in own if one.damage), None)
            if bad is not None:  # in one share: no event of the file is used
                damaged.append(replace(bad, events=part.num_events))
                continue
            read = sum(one.num_events for one in own)
            if read != len(part.entries):
                raise InputError(
                    f"{part.file}: {read:,} of its {len(part.entries):,} events were read; it was changed while it "
                    "was read. Give the same command again"
                )
            collected += own
        return cls(source, collected, damaged)

    @property
    def rows(self) -> list[Rows]:
        return [one.rows for one in self.collected if one.rows is not None]

    @property
    def kept(self) -> int:
        return sum(len(rows["features"]) for rows in self.rows)

    @property
    def cutflow(self) -> Cutflow:
        return add_cutflows(one.cutflow for one in self.collected)

    @property
    def by_name(self) -> Cutflow:
        """How many events of this sample were read and kept, where it has a name."""
        if not self.source.name:
            return ()
        read = dict(self.cutflow).get(READ, 0)
        return ((f"{self.source.name}: {READ}", read), (f"{self.source.name}: {KEPT}", self.kept))

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
            factor = normalisation.factor(sum((one.sum_of_weights for one in self.collected), Fraction(0)))
        except InputError as error:
            raise InputError(f"{described}: {error}") from error
        for rows in self.rows:
            rows["weight"] = factor * rows.get("weight", np.ones(len(rows["features"])))
        return self.rows


def joined(parts: list[Rows]) -> Rows:
    """Return the columns whole, their parts used up.

    A truth that some samples lack is left out, and events without weight count one.
    """
    if any("weight" in rows for rows in parts):
        for rows in parts:
            rows.setdefault("weight", np.ones(len(rows["features"])))
    return {key: _join(parts, key) for key in list(parts[0]) if all(key in rows for rows in parts)}


def _join(rows: list[Rows], key: str) -> NDArray[Any]:
    """Concatenate one column, freeing each part once it is copied: memory holds the sample about once."""
    if len(rows) == 1:
        return rows[0][key]
    parts = [part.pop(key) for part in reversed(rows)]
    whole = np.empty(
        (sum(map(len, parts)), *parts[0].shape[1:]), dtype=np.result_type(*{part.dtype for part in parts})
    )
    start = 0
    while parts:
        part = parts.pop()
        whole[start : start + len(part)] = part
        start += len(part)
    return whole
