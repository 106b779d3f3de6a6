"""Columns by name, and what they hold as flat numpy arrays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepflow.errors import InputError, did_you_mean
from hepflow.readers.table import Table

Array = NDArray[Any]


@dataclass(frozen=True)
class Column:
    """A column of a file, or one element of each of its innermost arrays."""

    name: str
    element: int | None = None

    def pick(self, arrays: Mapping[str, ak.Array]) -> ak.Array:
        """Return this column out of those that were read.

        Raises
        ------
        InputError
            If not every array has such an element.
        """
        array = arrays[self.name]
        if self.element is None:
            return array
        if array.ndim < 2 or ak.any(ak.num(array, axis=-1) <= self.element, axis=None):
            raise InputError(
                f"{self.name}[{self.element}]: {self.name!r} holds {array.type.content}, and not an element "
                f"{self.element} everywhere; expected a branch with arrays long enough"
            )
        return array[..., self.element]


def find_column(name: str, table: Table) -> Column | None:
    """Return the column called `name`, or the element that ``name[2]`` stands for; None if there is none."""
    whole = table.spelled(name)
    if whole is not None:
        return Column(whole)
    element = re.fullmatch(r"(.+)\[(\d+)\]", name)
    array = table.spelled(element[1]) if element else None
    return Column(array, int(element[2])) if element and array is not None else None


def need_column(name: str, table: Table, why: str) -> Column:
    """Return the column called `name`.

    Raises
    ------
    InputError
        If there is none; it names the nearest.
    """
    column = find_column(name, table)
    if column is None:
        raise InputError(f"{table.file}: no branch or column {name!r} ({why}); {nearest(name, table)}")
    return column


def nearest(name: str, table: Table) -> str:
    """Return a sentence that names the columns nearest to one that is not there, those of other paths first."""
    known = [*table.names, *table.aliases]
    ends = dict.fromkeys(
        entry for entry in known if re.split(r"[./:]", entry)[-1] == re.split(r"[./:]", name)[-1]
    )
    same = list(ends)[:3]
    hint = f"there is {' and '.join(map(repr, same))}" if same else did_you_mean(name, table.names)
    return f"{hint} ({table.note})" if table.note else hint


def jagged(offsets: Array, columns: Mapping[str, Array]) -> ak.Array:
    """Return lists of records without copying: `columns` are flat, `offsets` cuts them into events."""
    contents = [ak.contents.NumpyArray(column) for column in columns.values()]
    records = ak.contents.RecordArray(contents, list(columns))
    return ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), records))


def flat_numbers(array: ak.Array, name: str) -> Array:
    """Return a column of one number per event as numpy (a missing value as NaN).

    Raises
    ------
    InputError
        If it is anything else.
    """
    numbers = _numbers(_plain(ak.to_layout(array)))
    if numbers is None:
        such = f", such as {name}[0]" if array.ndim > 1 else ""
        raise InputError(f"{name!r} holds {array.type.content}; expected one number per event{such}")
    return numbers


def flat_lists(array: ak.Array, name: str) -> tuple[Array, Array]:
    """Return the offsets (from zero) and flat contents of a column of one list of numbers per event.

    A missing list is empty, a missing number NaN.

    Raises
    ------
    InputError
        If it is anything else.
    """
    layout = ak.to_layout(array)
    if not isinstance(layout, ak.contents.ListOffsetArray) or _numbers(layout.content) is None:
        layout = _plain(layout)
    numbers = _numbers(layout.content) if isinstance(layout, ak.contents.ListOffsetArray) else None
    if numbers is None:
        raise InputError(
            f"{name!r} holds {array.type.content}; expected per event a list of one number per jet"
        )
    offsets = np.asarray(layout.offsets, dtype=np.int64)
    numbers = numbers[offsets[0] : offsets[-1]]
    floats = numbers if numbers.dtype.kind == "f" else numbers.astype(np.float64)
    return offsets - offsets[0] if offsets[0] else offsets, floats


def _numbers(layout: Any) -> Array | None:
    """Return the data of a layout of plain numbers."""
    if not isinstance(layout, ak.contents.NumpyArray) or layout.data.ndim != 1:
        return None
    return np.asarray(layout.data) if layout.data.dtype.kind in "biuf" else None


def _plain(layout: Any) -> Any:
    """Return a layout of lists and numbers alone: no index, no option, no fixed sizes."""
    missing = None
    if layout.is_option:
        missing, layout = np.asarray(layout.mask_as_bool(valid_when=False)), layout.project()
    if layout.is_indexed:
        layout = layout.project()
    if layout.is_numpy and layout.data.ndim > 1:
        layout = layout.to_RegularArray()
    if layout.is_list:
        lists = layout.to_ListOffsetArray64(True)
        counts = np.diff(np.asarray(lists.offsets))
        if missing is not None:
            counts, present = np.zeros(len(missing), dtype=np.int64), counts
            counts[~missing] = present
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return ak.contents.ListOffsetArray(ak.index.Index64(offsets), _plain(lists.content[: offsets[-1]]))
    if missing is not None and layout.is_numpy:
        filled = np.full(len(missing), np.nan)
        filled[~missing] = layout.data
        return ak.contents.NumpyArray(filled)
    return layout
