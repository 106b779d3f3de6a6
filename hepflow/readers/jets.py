"""Columns of a file to the jets of each event, in GeV."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import awkward as ak
import numpy as np

from hepflow.errors import InputError
from hepflow.readers.columns import Array, Column, find_column, flat_lists, flat_numbers, jagged, nearest
from hepflow.readers.schemas import JET_FIELDS, MOMENTUM, Layout, missing_momentum
from hepflow.readers.table import Table


@dataclass(frozen=True)
class JetColumns:
    """Where one kind of file keeps its jets, and how to make them.

    Parameters
    ----------
    columns
        For each quantity one jagged column, or one flat column per jet.
    flat
        Which of the two.
    scale
        GeV per unit of the file.
    """

    columns: Mapping[str, tuple[Column, ...]]
    flat: bool
    scale: float

    @property
    def fields(self) -> tuple[str, ...]:
        """What each jet will have."""
        return tuple(field for field in JET_FIELDS if field in self.columns or field not in JET_FIELDS[4:])

    def needed(self, fields: Iterable[str]) -> list[str]:
        """Return the columns to read for these jet fields."""
        quantities = dict.fromkeys(quantity for field in fields for quantity in self._inputs(field))
        return list(
            dict.fromkeys(column.name for quantity in quantities for column in self.columns[quantity])
        )

    def _inputs(self, field: str) -> tuple[str, ...]:
        if field in self.columns:
            return (field,)
        if field in ("pt", "phi"):
            return ("px", "py")
        if field == "eta":
            return (*self._inputs("pt"), "pz")
        return ("energy", *self._inputs("pt"), *self._inputs("eta"))

    def build(self, arrays: Mapping[str, ak.Array], fields: Iterable[str]) -> ak.Array:
        """Return the jets: one list per event of records with these fields, in the order of the file.

        Raises
        ------
        InputError
            If a column is no list of numbers per event, or two disagree on the number of jets.
        """
        fields = list(fields)
        quantities = dict.fromkeys(quantity for field in fields for quantity in self._inputs(field))
        if self.flat:
            offsets, values = self._stack(arrays, quantities)
        else:
            offsets, values = self._flatten(arrays, quantities)
        if self.scale != 1.0:
            for quantity in quantities:
                if quantity in ("pt", "mass", "px", "py", "pz", "energy"):
                    values[quantity] = values[quantity] * self.scale
        with np.errstate(all="ignore"):  # what comes out as NaN or infinite is counted in the cutflow
            jets = {field: _quantity(field, values) for field in fields}
        return jagged(offsets, jets)

    def _stack(
        self, arrays: Mapping[str, ak.Array], quantities: Iterable[str]
    ) -> tuple[Array, dict[str, Array]]:
        values: dict[str, Array] = {}
        events = jets = 0
        for quantity in quantities:
            parts = [flat_numbers(column.pick(arrays), column.name) for column in self.columns[quantity]]
            events, jets = len(parts[0]), len(parts)
            values[quantity] = np.stack(parts, axis=1).ravel()
        return np.arange(events + 1, dtype=np.int64) * jets, values

    def _flatten(
        self, arrays: Mapping[str, ak.Array], quantities: Iterable[str]
    ) -> tuple[Array, dict[str, Array]]:
        values: dict[str, Array] = {}
        offsets, first = np.zeros(1, dtype=np.int64), ""
        for quantity in quantities:
            column = self.columns[quantity][0]
            own, values[quantity] = flat_lists(column.pick(arrays), column.name)
            if not first:
                offsets, first = own, column.name
            elif not np.array_equal(own, offsets):
                raise InputError(
                    f"{first!r} and {column.name!r} do not hold the same number of jets in every event; "
                    "expected columns of one jet collection"
                )
        return offsets, values


def find_jets(layouts: Sequence[Layout], table: Table, unit: str) -> JetColumns:
    """Return where a file keeps its jets, by the first of the layouts that fits.

    N-subjettiness may be absent.

    Raises
    ------
    InputError
        If no layout fits; it says what is missing, what is near, and which other jet collections there are.
    """
    scale = {"GeV": 1.0, "MeV": 1e-3}[unit]
    for layout in layouts:
        columns: dict[str, tuple[Column, ...]] = {}
        for quantity, branch in layout.items():
            wanted = (branch,) if isinstance(branch, str) else branch
            found = [find_column(name, table) for name in wanted]
            if all(column is not None for column in found):
                columns[quantity] = tuple(column for column in found if column is not None)
        if not missing_momentum(columns):
            return JetColumns(columns, not isinstance(next(iter(layout.values())), str), scale)
    absent = [
        branch
        for quantity, branches in layouts[0].items()
        for branch in ([branches] if isinstance(branches, str) else branches)
        if quantity in MOMENTUM and find_column(branch, table) is None
    ]
    hint = _other_collections(layouts[0], table.names) or nearest(absent[0], table)
    raise InputError(f"{table.file}: no branch or column {', '.join(map(repr, absent))}; {hint}")


def _other_collections(layout: Layout, names: Collection[str]) -> str:
    """Name other collections that have the same columns, such as Jet.* where FatJet.* is absent."""
    quantities = ("pt", "eta", "phi", "mass")
    branches = [layout.get(quantity) for quantity in quantities]
    prefix = re.match(r"[^._]*", str(branches[0]))
    own = prefix[0] if prefix else ""
    tails = [branch.removeprefix(own) for branch in branches if isinstance(branch, str)]
    if not own or len(tails) < 4 or not all(tails):
        return ""
    found = [name[: -len(tails[0])] for name in names if name.endswith(tails[0])]
    found = [other for other in found if other != own and all(other + tail in names for tail in tails)]
    found = [other for other in found if other.removeprefix("n") not in found or other[0] != "n"]  # counters
    if not found:
        return ""
    found.sort(key=lambda other: SequenceMatcher(None, own, other).ratio(), reverse=True)
    example = ", ".join(
        f"{quantity}: {found[0]}{tail}" for quantity, tail in zip(quantities, tails, strict=True)
    )
    return (
        f"it has no collection {own!r}, but {', '.join(repr(other) for other in found[:8])}; to read "
        f"another one "
        f"use format 'custom' with branches: {{{example}}}"
    )


def _quantity(field: str, values: Mapping[str, Array]) -> Array:
    """Return a jet quantity as read, or computed in float64."""
    if field in values:
        return values[field]
    wide = {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}
    if field == "pt":
        return np.asarray(np.hypot(wide["px"], wide["py"]))
    if field == "phi":
        return np.asarray(np.arctan2(wide["py"], wide["px"]))
    pt = wide["pt"] if "pt" in wide else np.hypot(wide["px"], wide["py"])
    eta = wide["eta"] if "eta" in wide else np.arcsinh(wide["pz"] / pt)
    if field == "eta":
        return np.asarray(eta)
    momentum = pt * np.cosh(eta)
    squared = (wide["energy"] - momentum) * (wide["energy"] + momentum)
    return np.asarray(np.sign(squared) * np.sqrt(np.abs(squared)))  # below zero where space-like, as in ROOT
