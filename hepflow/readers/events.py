"""Tables to chunks: jets, weight and truth of each event, selected, with every event accounted for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Protocol

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.readers.columns import Column, find_column, flat_numbers, need_column
from hepflow.readers.expressions import Expression, Selection
from hepflow.readers.normalisation import exact_sum
from hepflow.readers.own import Own, evaluated
from hepflow.readers.source import Chunk, Field
from hepflow.readers.table import Columns, Table
from hepflow.sample import Cutflow
from hepflow.storage import About

READ = "events read"


class Jets(Protocol):
    """How to make jets of the columns of one kind of file."""

    @property
    def fields(self) -> tuple[str, ...]:
        """What each jet will have."""

    def needed(self, fields: Iterable[str]) -> list[str]:
        """Return the columns to read for these fields."""

    def build(self, arrays: Mapping[str, ak.Array], fields: Iterable[str]) -> ak.Array:
        """Return one list of jets per event."""


@dataclass(frozen=True, eq=False)
class _Computed:
    """An own column in one file: what it is there, and the column that each name of its expression stands for."""

    own: Own
    found: Column | Expression
    names: Mapping[str, str | None]


@dataclass(frozen=True, eq=False)
class EventFile:
    """One file, and what is read from it.

    Parameters
    ----------
    jets
        How to make its jets; None where it holds features.
    features
        Feature name to column, where it holds features.
    weight, generated, label
        Columns of the event weight, of the weight to normalise by, and of the truth.
    keep_label
        The truth value to keep; None keeps all.
    selection, names
        A condition, and the column that each of its names stands for (None for ``jets.pt`` and so on).
    about
        What a file that hepflow wrote says of itself.
    """

    table: Table
    jets: Jets | None
    features: Mapping[str, str]
    weight: Column | None
    generated: Column | None
    label: Column | None
    keep_label: int | None
    selection: Selection | None
    names: Mapping[str, str | None]
    about: About | None = None

    def chunks(
        self, only: Collection[Field] | None, start: int, stop: int, *, size: int | str
    ) -> Iterator[Chunk]:
        """Read the events ``start`` to ``stop`` chunk by chunk, no more than these fields or own columns need."""
        wanted, fields, columns = self._needed(only)
        own = self._own(only)
        self.table.refuse(columns)
        before = self.table.cutflow if start == 0 else ()
        for arrays in self.table.stream(columns, size, start, stop):
            try:
                chunk = self._chunk(arrays, wanted, fields, own)
            except InputError as error:
                raise InputError(f"{self.table.file}: {error}") from error
            yield replace(chunk, cutflow=_after(before, chunk.cutflow))
            before = ()

    def columns(self, only: Collection[Field] | None) -> list[str]:
        """Return what is read from the file for these jet fields, features or own columns.

        Raises
        ------
        UnsupportedError
            If one of these cannot be read.
        """
        columns = self._needed(only)[2]
        self.table.refuse(columns)
        return columns

    def _own(self, only: Collection[Field] | None) -> list[_Computed]:
        """Return the own columns among what is asked for, each with what it is in this file."""
        asked = [one for one in only or () if isinstance(one, Own)]
        computed = []
        for one in asked:
            found = one.found(self.table)
            expression = found if isinstance(found, Expression) else None
            names = expression_columns(expression, self.jets, self.table, f"of {one.text!r}")
            computed.append(_Computed(one, found, names))
        return computed

    def _needed(self, only: Collection[Field] | None) -> tuple[list[str], list[str], list[str]]:
        """Return the fields asked for, those with what the selection needs besides, and the columns behind all."""
        known = self.jets.fields if self.jets else tuple(self.features)
        wanted = [name for name in known if not only or name in only]
        fields, computed = list(wanted), self._own(only)
        if self.jets:
            own = [name.removeprefix("jets.") for name, column in self.names.items() if column is None]
            for one in computed:
                own += [name.removeprefix("jets.") for name, column in one.names.items() if column is None]
            fields += [field for field in dict.fromkeys(own) if field not in wanted]
            columns = self.jets.needed(fields)
        else:
            columns = [self.features[name] for name in wanted]
        columns += [column.name for column in (self.weight, self.generated, self.label) if column]
        columns += [column for column in self.names.values() if column is not None]
        for one in computed:
            columns += [one.found.name] if isinstance(one.found, Column) else []
            columns += [column for column in one.names.values() if column is not None]
        return wanted, fields, list(dict.fromkeys(columns))

    def _chunk(
        self, arrays: Columns, wanted: list[str], fields: list[str], computed: list[_Computed]
    ) -> Chunk:
        events = len(next(iter(arrays.values())))
        contents: dict[str, Any] = {}
        jets = self.jets.build(arrays, fields) if self.jets and fields else None
        if jets is not None and wanted:
            contents["jets"] = jets if fields == wanted else jets[wanted]
        elif not self.jets:
            contents.update({name: flat_numbers(arrays[self.features[name]], name) for name in wanted})
        if self.weight:
            contents["weight"] = flat_numbers(self.weight.pick(arrays), self.weight.name)
        jet_columns = {} if jets is None else {f"jets.{field}": jets[field] for field in fields}
        for one in computed:
            columns = {
                n: jet_columns[n] if column is None else arrays[column] for n, column in one.names.items()
            }
            contents[one.own.key] = evaluated(one.found, one.own, arrays, columns, events)
        keep = np.ones(events, dtype=bool)
        cutflow = [(READ, events)]
        if self.label:
            label = _truth(flat_numbers(self.label.pick(arrays), self.label.name), self.label.name)
            contents["label"] = label
            if self.keep_label is not None:
                cutflow.append(_drop(keep, label == self.keep_label, f"truth label is not {self.keep_label}"))
        sum_of_weights = Fraction(int(np.count_nonzero(keep)))
        if self.generated:
            generated = flat_numbers(self.generated.pick(arrays), self.generated.name)
            sum_of_weights = exact_sum(generated[keep & np.isfinite(generated)])
        if self.selection:
            columns = {
                name: jet_columns[name] if column is None else arrays[column]
                for name, column in self.names.items()
            }
            passes = self.selection.passes(columns, events)
            cutflow.append(_drop(keep, passes, f"selection: {self.selection.text}"))
        layouts = [ak.to_layout(content) for content in contents.values()]
        record = ak.Array(ak.contents.RecordArray(layouts, list(contents), length=events))
        return Chunk(record if keep.all() else record[keep], tuple(cutflow), sum_of_weights)


def _drop(keep: NDArray[np.bool_], passes: NDArray[np.bool_], cause: str) -> tuple[str, int]:
    """Take what does not pass out of `keep`, in place, and return how many that were."""
    before = int(np.count_nonzero(keep))
    keep &= passes
    return f"dropped: {cause}", before - int(np.count_nonzero(keep))


def _truth(values: NDArray[Any], name: str) -> NDArray[np.int8]:
    with np.errstate(invalid="ignore"):
        label = values.astype(np.int8)
    wrong = values[label != values]
    if len(wrong):
        raise InputError(
            f"truth column {name!r} holds {wrong[0]}; expected small whole numbers, such as 0 and 1"
        )
    return label


def _after(before: Cutflow, now: Cutflow) -> Cutflow:
    """Put what happened to events before they came into this file in front of a chunk's cutflow."""
    if not before:
        return now
    lost = sum(events for cause, events in before if cause.startswith("dropped"))
    read = [cause for cause, _ in before].index(READ)
    return (*before[:read], (READ, lost + now[0][1]), *before[read + 1 : -1], *now[1:])


def expression_columns(
    selection: Expression | None, jets: Jets | None, table: Table, whose: str = "for the selection"
) -> dict[str, str | None]:
    """Return the column that each name of an expression stands for; None for ``jets.pt`` and so on.

    Raises
    ------
    InputError
        If there is none; it names the nearest.
    """
    own = {f"jets.{field}": None for field in jets.fields} if jets else {}
    bare = {re.sub(r"(\[\d*\])+$", "", name): name for name in table.names}  # Tau for the branch Tau[5]
    known: dict[str, str | None] = {**table.aliases, **bare, **{name: name for name in table.names}, **own}
    names = list(selection.names) if selection else []
    for name in names:
        if name not in known:
            raise InputError(f"{table.file}: no branch {name!r} {whose}; {did_you_mean(name, known)}")
    return {name: known[name] for name in names}


def optional_column(name: str | None, default: str | None, table: Table, why: str) -> Column | None:
    """Return the column called `name`, which must exist, or else `default` where the file has it."""
    if name is not None:
        return need_column(name, table, why)
    return find_column(default, table) if default is not None else None


def stored_features(text: str | None, table: Table) -> tuple[dict[str, str], Cutflow, About]:
    """Return the feature columns, the resonant one first, and what a file of format ``hepflow`` says of itself.

    Raises
    ------
    InputError
        If it says nothing, or something else than it has.
    """
    try:
        about = About.of(text)
    except (ValueError, KeyError, TypeError, ConfigError) as error:
        raise InputError(
            f"{table.file}: not written by hepflow; expected a file of `hepflow features`. Choose the format "
            "that names its origin, such as 'nanoaod' or 'lhco'"
        ) from error
    if about.resonance is None:
        raise InputError(f"{table.file}: its events have no resonant variable; read it as format 'table'")
    features = {name: name for name in (about.resonance.name, *about.names)}
    for column in features.values():
        need_column(column, table, "a feature")
    cutflow = about.cutflow
    kept = dict(cutflow).get(READ, 0) - sum(n for cause, n in cutflow if cause.startswith("dropped"))
    whole = bool(cutflow) and cutflow[-1] == ("events kept", table.num_events) and kept == table.num_events
    # A cutflow that does not end in these events (a window was cut, signal injected) would not add up.
    return features, cutflow if whole else (), about
