"""The frames that pandas writes to HDF5, formats ``fixed`` and ``table``, without pandas and without its pickles."""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import Any

from hepflow.errors import InputError
from hepflow.readers.damage import unsupported
from hepflow.readers.filters import values

PARTICLES = "particles"
RAW = (2100, 2101)  # columns of raw LHC Olympics events, without and with truth
WORDS = ("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "STRING", "INT", "LONG", "BININT", "BININT1", "BININT2")
LIST = ("PROTO", "MARK", "LIST", "EMPTY_LIST", "PUT", "BINPUT", "MEMOIZE", "APPEND", "APPENDS", "STOP")


@dataclass(frozen=True)
class Place:
    """Where a column stands in an HDF5 file.

    Parameters
    ----------
    dataset
        Its path.
    column
        Which columns of a dataset of two dimensions; None where the dataset is the column.
    member
        Of a compound dataset.
    """

    dataset: str
    column: int | slice | None = None
    member: str | None = None


Places = dict[str, Place]


def is_frame(node: Any) -> bool:
    """Tell whether a group is a frame of pandas."""
    return text(node.attrs.get("pandas_type")).startswith("frame") if hasattr(node, "keys") else False


def text(value: Any) -> str:
    """Return an attribute or a name as text."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def frame_places(file: str, frame: Any) -> tuple[Places, int]:
    """Return the columns of a frame that are numbers, in one block or several, and the number of events.

    Of a column index of several levels the names are joined by dots.

    Raises
    ------
    InputError
        If a block does not have the shape that it should have.
    UnsupportedError
        If the names of the columns are pickled objects.
    """
    if "table" in frame:
        return _table_format(file, frame)
    rows = _index(frame, "axis1")
    if rows is None:
        raise InputError(
            f"{file}: key {frame.name!r} is no whole frame of pandas: it has no row index 'axis1'"
        )
    events = 0 if _is_empty(rows) else len(rows)
    places: Places = {}
    unnamed = True
    for block in range(int(frame.attrs.get("nblocks", 0))):
        table = frame[f"block{block}_values"]
        if table.dtype.kind not in "biuf":
            continue  # a block of Python objects: pickled, and pickles are not opened
        names, numbered = _names(file, frame, f"block{block}_items")
        unnamed &= numbered
        if not _is_empty(table) and table.shape != (events, len(names)):
            raise InputError(
                f"{file}: block {block} of {frame.name!r} has shape {table.shape}; expected "
                f"{(events, len(names))}"
            )
        places |= {name: Place(table.name, index) for index, name in enumerate(names)}
    return (_raw(places) if unnamed and len(places) in RAW else places), events


def _raw(places: Places) -> Places:
    raw = {PARTICLES: Place(places["0"].dataset, slice(0, 2100))}
    return raw if len(places) == 2100 else {**raw, "label": places["2100"]}


def _index(frame: Any, name: str) -> Any | None:
    """Return the rows of an index; of one of several levels those of the first. None where it is not there."""
    several = text(frame.attrs.get(f"{name}_variety")) == "multi"
    return frame.get(f"{name}_label0" if several else name)


def _is_empty(dataset: Any) -> bool:
    """Tell whether pandas wrote one value and a shape in the place of an array that has none."""
    return "value_type" in dataset.attrs and "shape" in dataset.attrs


def _names(file: str, frame: Any, items: str) -> tuple[list[str], bool]:
    """Return the names of some columns, and whether these are mere numbers."""
    if text(frame.attrs.get(f"{items}_variety")) != "multi":
        return [text(item) for item in _entries(file, frame[items])], frame[items].dtype.kind in "iu"
    levels = range(int(frame.attrs[f"{items}_nlevels"]))
    entries = [_entries(file, frame[f"{items}_level{level}"]) for level in levels]
    codes = [values(file, frame[f"{items}_label{level}"]) for level in levels]
    return [
        ".".join(text(entries[level][code]) for level, code in enumerate(column) if code >= 0)
        for column in zip(*codes, strict=True)
    ], False


def _entries(file: str, dataset: Any) -> Any:
    if dataset.dtype.kind not in "SUiufb":
        raise unsupported(
            file,
            f"the column names in {dataset.name!r} are pickled objects, and no pickle is opened",
            "write the frame anew with names that are all text",
        )
    return () if _is_empty(dataset) else values(file, dataset)


def _table_format(file: str, frame: Any) -> tuple[Places, int]:
    """Return the columns of a frame of format ``table``: a compound dataset, in which a member may hold several."""
    table = frame["table"]
    places: Places = {}
    for member in table.dtype.names or ():
        kind = table.dtype[member]
        if kind.base.kind not in "biuf":
            continue
        if not kind.shape:
            places[member] = Place(table.name, member=member)
            continue
        names = listed(table.attrs.get(f"{member}_kind"))
        if names is None or (len(names),) != kind.shape:
            raise unsupported(
                file,
                f"the names of the columns in {member!r} of {table.name!r}",
                "write the frame anew with to_hdf(format='fixed')",
            )
        places |= {name: Place(table.name, column, member) for column, name in enumerate(names)}
    return places, len(table)


def listed(pickled: Any) -> list[str] | None:
    """Return the texts of a pickled list by its opcodes, none of which is carried out; None of anything else."""
    if not isinstance(pickled, bytes):
        return None
    names = []
    try:
        for opcode, argument, _ in pickletools.genops(pickled):
            if opcode.name in WORDS:
                names.append(str(argument))
            elif opcode.name not in LIST:
                return None
    except ValueError:
        return None
    return names
