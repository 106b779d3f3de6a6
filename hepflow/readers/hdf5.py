"""HDF5 files as tables: pandas' "fixed" layout, a dataset with named columns, or a dataset per column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import awkward as ak
import h5py
import numpy as np

from hepflow.errors import InputError, did_you_mean
from hepflow.readers.damage import reading
from hepflow.readers.files import opened
from hepflow.readers.table import Columns, Table, events_per_chunk

PARTICLES = "particles"


@dataclass(frozen=True)
class _Place:
    """Where a column stands: a dataset, and its column or columns there (None: the dataset is the column)."""

    dataset: str
    column: int | slice | None = None


def open_hdf5(file: str, key: str | None = None) -> Table:
    """Open an HDF5 file as a table.

    Raw LHC Olympics events (3 x 700 unnamed columns, perhaps a truth label after them) become the two columns
    ``particles`` (N, 2100) and ``label``.

    Parameters
    ----------
    file
        Path or URL.
    key
        The group of a pandas frame, or the dataset or group of the columns; None takes the only one.

    Raises
    ------
    InputError
        If the file is truncated or no HDF5 file, or holds no table that is understood.
    """
    with _opened(file) as handle:
        places, events = _columns(file, handle, key)
        for name in {place.dataset for place in places.values()}:
            _rows(handle[name], 0, 1)  # fails here and now where the compression is unknown
    return Table(file, events, tuple(places), partial(_stream, file, places))


def hdf5_text(file: str, name: str) -> str | None:
    """Return a text attribute of the file; None if it has none of that name."""
    with _opened(file) as handle:
        return str(handle.attrs[name]) if name in handle.attrs else None


@contextmanager
def _opened(file: str) -> Iterator[Any]:
    with reading(file, "HDF5"), opened(file) as stream, h5py.File(stream, "r") as handle:
        yield handle


def _columns(file: str, handle: Any, key: str | None) -> tuple[dict[str, _Place], int]:
    frames = [
        name for name, group in handle.items() if _text(group.attrs.get("pandas_type")).startswith("frame")
    ]
    tables = [
        name for name, data in handle.items() if isinstance(data, h5py.Dataset) and "columns" in data.attrs
    ]
    if key is not None and key.strip("/") not in handle:
        raise InputError(f"{file}: no key {key!r} in it; {did_you_mean(key, handle)}")
    chosen = [key.strip("/")] if key is not None else frames or tables
    if len(chosen) > 1:
        raise InputError(
            f"{file}: holds several tables ({', '.join(map(repr, chosen))}); say which, with tree="
        )
    if chosen and chosen[0] in frames:
        return _pandas(file, handle[chosen[0]])
    if chosen and isinstance(handle[chosen[0]], h5py.Dataset):
        return _named(file, handle[chosen[0]])
    group = handle[chosen[0]] if chosen else handle
    names = [name for name, data in group.items() if isinstance(data, h5py.Dataset) and data.ndim == 1]
    lengths = {len(group[name]) for name in names}
    if not names or len(lengths) > 1:
        there = ", ".join(
            f"{name} {getattr(data, 'shape', '(group)')}" for name, data in list(handle.items())[:10]
        )
        raise InputError(
            f"{file}: holds no table of events; expected a pandas frame (format 'fixed'), a dataset "
            f"with an attribute "
            f"'columns', or one-dimensional datasets of equal length; it holds {there or 'nothing'}"
        )
    return {
        name: _Place(group[name].name) for name in names if group[name].dtype.kind in "biuf"
    }, lengths.pop()


def _pandas(file: str, frame: Any) -> tuple[dict[str, _Place], int]:
    """Return the columns of a frame that pandas wrote with format ``fixed``, in one block or several."""
    if "axis0" not in frame:
        raise InputError(
            f"{file}: key {frame.name!r} is a pandas 'table'; write it anew with to_hdf(format='fixed')"
        )
    events = len(frame["axis1"])
    unnamed = frame["axis0"].dtype.kind in "iu"
    places: dict[str, _Place] = {}
    for block in range(int(frame.attrs.get("nblocks", 0))):
        items, values = frame[f"block{block}_items"], frame[f"block{block}_values"]
        if values.dtype.kind not in "biuf":
            continue  # a block of Python objects: pickled, and pickles are not opened
        if values.shape != (events, len(items)):
            raise InputError(
                f"{file}: block {block} of {frame.name!r} has shape {values.shape}; expected "
                f"{(events, len(items))}"
            )
        for index, item in enumerate(_rows(items)):
            places[_text(item)] = _Place(values.name, index)
    if unnamed and len(places) in (2100, 2101):
        return _raw(places), events
    return places, events


def _raw(places: dict[str, _Place]) -> dict[str, _Place]:
    raw = {PARTICLES: _Place(places["0"].dataset, slice(0, 2100))}
    return raw if len(places) == 2100 else {**raw, "label": places["2100"]}


def _named(file: str, dataset: Any) -> tuple[dict[str, _Place], int]:
    names = [_text(name) for name in dataset.attrs.get("columns", [])]
    if dataset.ndim != 2 or dataset.shape[1] != len(names):
        raise InputError(
            f"{file}: dataset {dataset.name!r} has shape {dataset.shape} and {len(names)} names in its "
            f"attribute "
            "'columns'; expected (events, columns) and a name for each column"
        )
    return {name: _Place(dataset.name, index) for index, name in enumerate(names)}, dataset.shape[0]


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _rows(dataset: Any, start: int = 0, stop: int | None = None) -> Any:
    """Return ``dataset[start:stop]``, also where the compression is none of those that HDF5 brings itself."""
    properties = dataset.id.get_create_plist()
    filters = {
        code: _text(name) for code, _, _, name in map(properties.get_filter, range(properties.get_nfilters()))
    }
    if not all(map(h5py.h5z.filter_avail, filters)):
        import hdf5plugin  # noqa: F401  (makes Blosc known, which pandas writes, and others)
    missing = [name for code, name in filters.items() if not h5py.h5z.filter_avail(code)]
    if missing:
        raise InputError(
            f"{dataset.file.filename}: dataset {dataset.name!r} is compressed with {', '.join(missing)}, which "
            "neither HDF5 nor hdf5plugin can undo; write it anew with gzip or Blosc"
        )
    return dataset[start:stop]


def _stream(
    file: str, places: dict[str, _Place], columns: Sequence[str], chunk: int | str, start: int, stop: int
) -> Iterator[Columns]:
    with _opened(file) as handle:
        data = {places[name].dataset: handle[places[name].dataset] for name in columns}
        # Rows lie side by side in the file, so that whole rows are read and the columns then picked.
        per_event = sum(dataset.dtype.itemsize * np.prod(dataset.shape[1:]) for dataset in data.values())
        step = events_per_chunk(chunk, float(per_event))
        for first in range(start, stop, step):
            rows = {name: _rows(dataset, first, min(first + step, stop)) for name, dataset in data.items()}
            yield {name: ak.from_numpy(_pick(rows, places[name])) for name in columns}


def _pick(rows: dict[str, Any], place: _Place) -> Any:
    table = rows[place.dataset]
    return table if place.column is None else np.ascontiguousarray(table[:, place.column])
