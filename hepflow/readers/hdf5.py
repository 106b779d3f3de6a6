"""HDF5 files as tables: pandas frames, datasets with named or with compound columns, or a dataset per column."""

from __future__ import annotations

import gc
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import awkward as ak
import h5py
import numpy as np

from hepflow.errors import InputError, did_you_mean
from hepflow.readers.damage import reading
from hepflow.readers.files import opened
from hepflow.readers.filters import check_filters
from hepflow.readers.frames import PARTICLES, Place, frame_places, is_frame, text
from hepflow.readers.table import Columns, Table, events_per_chunk

__all__ = ["PARTICLES", "hdf5_text", "open_hdf5"]

VALID = "valid"  # of padded lists, where tools of ATLAS say which entries are there
log = logging.getLogger("hepflow.readers")
Places = Mapping[str, Place]


def open_hdf5(file: str, key: str | None = None) -> Table:
    """Open an HDF5 file as a table.

    Raw LHC Olympics events (3 x 700 unnamed columns, perhaps a truth label after them) become the two columns
    ``particles`` (N, 2100) and ``label``.

    Parameters
    ----------
    file
        Path or URL.
    key
        The group of a pandas frame, or the dataset or group of the columns, such as ``data/events``; None takes the
        only one.

    Raises
    ------
    InputError
        If the file is truncated or no HDF5 file, holds no table that is understood, or several.
    UnsupportedError
        If it is compressed with what cannot be undone here, or keeps its columns as pickles.
    """
    with _opened(file) as handle:
        places, events = _columns(file, handle, key)
        datasets = {place.dataset: handle[place.dataset] for place in places.values()}
        for dataset in datasets.values():
            check_filters(file, dataset)
            _warn_of_unwritten(file, dataset)
        absent = {name: reason for name, dataset in datasets.items() if (reason := _absent(file, dataset))}
        refused = {name: absent[place.dataset] for name, place in places.items() if place.dataset in absent}
        return Table(file, events, tuple(places), partial(_stream, file, places), refused=refused)


def hdf5_text(file: str, name: str) -> str | None:
    """Return a text attribute of the file; None if it has none of that name."""
    with _opened(file) as handle:
        return str(handle.attrs[name]) if name in handle.attrs else None


@contextmanager
def _opened(file: str) -> Iterator[Any]:
    with reading(file, "HDF5"), opened(file) as found:
        stream = found if isinstance(found, str) else _Uncollected(found)
        with h5py.File(stream, "r") as handle:
            yield handle


class _Uncollected:
    """An open file of which h5py reads while Python collects no garbage.

    h5py holds its lock while it reads, and needs it to let go of any of its objects. fsspec fetches bytes in a thread
    of its own: were garbage collected there with such an object in it, each would wait for the other forever.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def readinto(self, buffer: Any) -> Any:
        collecting = gc.isenabled()
        gc.disable()
        try:
            return self._stream.readinto(buffer)
        finally:
            if collecting:
                gc.enable()


def _columns(file: str, handle: Any, key: str | None) -> tuple[Places, int]:
    """Return where the columns stand, and the number of events."""
    found = handle
    if key is not None and key.strip("/"):
        if key.strip("/") not in handle:
            raise InputError(f"{file}: no key {key!r} in it; {did_you_mean(key.strip('/'), _paths(handle))}")
        found = handle[key.strip("/")]
    if isinstance(found, h5py.Dataset):
        return _table(file, found)
    nodes = [found] if is_frame(found) else list(_walk(found))
    tables = [node for node in nodes if is_frame(node)] or [
        node for node in nodes if isinstance(node, h5py.Dataset) and "columns" in node.attrs
    ]
    compound = [node for node in nodes if isinstance(node, h5py.Dataset) and node.dtype.names and node.ndim]
    if len(tables) == 1:
        return _table(file, tables[0])
    groups = {node.parent.name for node in nodes if isinstance(node, h5py.Dataset) and 0 < node.ndim < 3}
    if not tables and len(groups) == 1:
        places, lengths = _datasets(handle[groups.pop()])
        if places and len(lengths) == 1:
            return places, lengths.pop()
    if not tables and len(compound) == 1:
        return _table(file, compound[0])
    several = tables or compound
    if several:
        listed = ", ".join(repr(str(node.name).strip("/")) for node in several)
        raise InputError(f"{file}: holds several tables ({listed}); say which, with tree=")
    there = ", ".join(f"{node.name.strip('/')} {getattr(node, 'shape', '(group)')}" for node in nodes[:10])
    raise InputError(
        f"{file}: holds no table of events; expected a pandas frame, a compound dataset, one with an attribute "
        f"'columns', or datasets of equal length, one a column; it holds {there or 'nothing'}"
    )


def _walk(group: Any) -> Iterator[Any]:
    """Yield what stands in a group and the groups in it, but for what stands in a frame, and links to nowhere."""
    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            continue
        node = group[name]
        yield node
        if isinstance(node, h5py.Group) and not is_frame(node):
            yield from _walk(node)


def _paths(group: Any) -> list[str]:
    return [str(node.name).strip("/") for node in _walk(group)]


def _table(file: str, node: Any) -> tuple[Places, int]:
    """Return the columns of a node that is a table itself."""
    if is_frame(node):
        return frame_places(file, node)
    if node.dtype.names and node.ndim:
        return {name: Place(node.name, member=name) for name in _members(node)}, len(node)
    if "columns" not in node.attrs:
        raise InputError(
            f"{file}: dataset {node.name!r} has shape {node.shape} and no attribute 'columns' with a name for each "
            "column; name the group of datasets that each are a column, or write it with names"
        )
    names = [text(name) for name in node.attrs["columns"]]
    if node.ndim != 2 or node.shape[1] != len(names):
        raise InputError(
            f"{file}: dataset {node.name!r} has shape {node.shape} and {len(names)} names in its attribute "
            "'columns'; expected (events, columns) and a name for each column"
        )
    return {name: Place(node.name, index) for index, name in enumerate(names)}, node.shape[0]


def _datasets(group: Any) -> tuple[Places, set[int]]:
    """Return the datasets of a group as columns, those of a compound one as ``dataset.member``, and their lengths."""
    places: dict[str, Place] = {}
    lengths: set[int] = set()
    datasets = {name: node for name, node in group.items() if isinstance(node, h5py.Dataset) and node.ndim}
    for name, node in datasets.items():
        lengths.add(len(node))
        if node.dtype.names:
            prefix = "" if len(datasets) == 1 else f"{name}."
            places |= {f"{prefix}{member}": Place(node.name, member=member) for member in _members(node)}
        elif node.dtype.kind in "biuf" and node.ndim < 3:
            places[name] = Place(node.name)
    return places, lengths


def _members(dataset: Any) -> list[str]:
    """Return the members of a compound dataset that are numbers."""
    return [name for name in dataset.dtype.names if dataset.dtype[name].base.kind in "biuf"]


def _warn_of_unwritten(file: str, dataset: Any) -> None:
    """Say that some events were never written: HDF5 gives its fill value for them."""
    if not dataset.chunks or dataset.is_virtual or not dataset.size:
        return
    pairs = zip(dataset.shape, dataset.chunks, strict=True)
    missing = math.prod(-(-size // chunk) for size, chunk in pairs) - dataset.id.get_num_chunks()
    if missing > 0:
        log.warning(
            "%s: %d chunks of %s were never written; what should stand there reads as %s",
            file,
            missing,
            dataset.name,
            dataset.fillvalue,
        )


def _absent(file: str, dataset: Any) -> str | None:
    """Return why the values of a dataset, which may stand in other files, are not there."""
    elsewhere = [name for name, _, _ in dataset.external or ()]
    elsewhere += [source.file_name for source in dataset.virtual_sources()] if dataset.is_virtual else []
    for name in dict.fromkeys(elsewhere):
        if name != "." and not any(path.exists() for path in (Path(name), Path(file).parent / name)):
            return f"stands in another file, {name!r}, which is not there; put it where it was"
    return None


def _stream(
    file: str, places: Places, columns: Sequence[str], chunk: int | str, start: int, stop: int
) -> Iterator[Columns]:
    with _opened(file) as handle:
        data = {places[name].dataset: handle[places[name].dataset] for name in columns}
        for dataset in data.values():
            check_filters(file, dataset)  # in a worker, anew
        members = {name: _read_members(dataset, places, columns) for name, dataset in data.items()}
        # Rows lie side by side in the file, so that whole rows are read and the columns then picked.
        per_event = sum(dataset.dtype.itemsize * np.prod(dataset.shape[1:]) for dataset in data.values())
        step = events_per_chunk(chunk, float(per_event))
        for first in range(start, stop, step):
            last = min(first + step, stop)
            rows = {
                name: dataset.fields(members[name])[first:last] if members[name] else dataset[first:last]
                for name, dataset in data.items()
            }
            yield {name: _pick(rows[places[name].dataset], places[name]) for name in columns}


def _read_members(dataset: Any, places: Places, columns: Sequence[str]) -> list[str]:
    """Return the members of a compound dataset that are read; none for any other dataset."""
    if not dataset.dtype.names:
        return []
    own = [place.member for place in (places[name] for name in columns) if place.dataset == dataset.name]
    valid = [VALID] if dataset.ndim > 1 and VALID in dataset.dtype.names else []
    return list(dict.fromkeys([name for name in own if name] + valid))


def _pick(rows: Any, place: Place) -> ak.Array:
    """Return one column of what was read, in the byte order and the numbers of this machine."""
    values = rows if place.member is None else rows[place.member]
    values = values if place.column is None else values[:, place.column]
    if values.dtype.kind == "f":  # float16 is widened, and what is longer than a double shortened
        values = values.astype(f"f{min(max(values.dtype.itemsize, 4), 8)}", copy=False)
    array = ak.from_numpy(np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=False)))
    padded = place.member is not None and values.ndim == 2 and rows.ndim == 2
    if padded and VALID in rows.dtype.names and rows.dtype[VALID].kind == "b":
        return ak.from_regular(array)[ak.from_regular(ak.from_numpy(rows[VALID]))]
    return array
