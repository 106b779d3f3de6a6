"""ROOT files, TTree and RNTuple, as tables of columns."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import awkward as ak
import uproot

from hepflow.errors import InputError
from hepflow.readers.damage import DamagedFileError, reading
from hepflow.readers.files import is_url
from hepflow.readers.remote import PatientSource
from hepflow.readers.table import Columns, Table, events_per_chunk

TREES = ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")


def open_root(file: str, tree: str | None, default: str | None = None) -> Table:
    """Open a TTree or RNTuple as a table of its branches.

    Parameters
    ----------
    file
        Path or URL.
    tree
        Which one; None takes `default` where it is there, else the only one.

    Raises
    ------
    InputError
        If the file is truncated or no ROOT file, or has no such tree; it lists those there.
    """
    if not is_url(file):
        _check_length(file)
    with reading(file, "ROOT"), _opened(file) as folder:
        name = _find_tree(file, folder.classnames(cycle=False), tree, default)
        found = folder[name]
        names = _names(found)
        return Table(
            file,
            int(found.num_entries),
            tuple(names),
            partial(_stream, file, name),
            blocks=() if isinstance(found, uproot.TTree) else _clusters(found),
        )


def root_text(file: str, name: str) -> str | None:
    """Return a TObjString of the file; None if it has none of that name."""
    with reading(file, "ROOT"), _opened(file) as folder:
        return str(folder[name]) if name in folder else None


def _opened(file: str) -> Any:
    patient = is_url(file) and "::" not in file  # a chain of URLs brings a cache of its own
    return uproot.open({file: None}, handler=PatientSource if patient else None)


def _check_length(file: str) -> None:
    """Compare the file's length with the one in its header, which is what a broken copy gets wrong."""
    with Path(file).open("rb") as stream:
        header = stream.read(20)
    if len(header) == 20:
        large = struct.unpack(">i", header[4:8])[0] >= 1_000_000  # files over 2 GB have 64-bit addresses
        end = struct.unpack(">q", header[12:20])[0] if large else struct.unpack(">i", header[12:16])[0]
        size = Path(file).stat().st_size
        if size >= end:
            return
        raise DamagedFileError(
            f"{file}: truncated: its header says {end:,} bytes, it has {size:,}; copy it anew"
        )
    raise DamagedFileError(f"{file}: truncated: not even a whole ROOT header is there; copy it anew")


def _find_tree(file: str, classes: dict[str, str], tree: str | None, default: str | None) -> str:
    trees = [name for name, kind in classes.items() if kind in TREES]
    if not trees:
        kinds = ", ".join(f"{name} ({kind})" for name, kind in list(classes.items())[:10])
        raise DamagedFileError(f"{file}: holds no TTree or RNTuple; it holds {kinds or 'nothing'}")
    wanted = tree or default
    if wanted in trees:
        return str(wanted)
    if tree is None and len(trees) == 1:
        return trees[0]
    there = ", ".join(repr(name) for name in trees)
    if wanted is None:
        raise InputError(f"{file}: holds several trees ({there}); say which, with tree=")
    raise InputError(f"{file}: no tree {wanted!r} in it; there is {there}. Name one of these with tree=")


def _names(tree: Any) -> dict[str, str]:
    """Return each column's name and its path in the tree, which is the name too where that is ambiguous."""
    paths = list(tree.keys())
    times = Counter(path.rsplit("/", 1)[-1] for path in paths)
    return {path if times[short] > 1 else short: path for path in paths if (short := path.rsplit("/", 1)[-1])}


def _clusters(tree: Any) -> tuple[int, ...]:
    """Return the first event of each cluster of an RNTuple."""
    return tuple(int(cluster.num_first_entry) for cluster in tree.cluster_summaries)


def _stream(
    file: str, name: str, columns: Sequence[str], chunk: int | str, start: int, stop: int
) -> Iterator[Columns]:
    with reading(file, "ROOT"), _opened(file) as folder:
        tree = folder[name]
        if isinstance(tree, uproot.TTree):
            yield from _stream_ttree(tree, columns, chunk, start, stop)
        else:
            yield from _stream_rntuple(tree, columns, chunk, start, stop)


def _stream_ttree(
    tree: Any, columns: Sequence[str], chunk: int | str, start: int, stop: int
) -> Iterator[Columns]:
    names = _names(tree)
    branches = {column: tree[names[column]] for column in columns}
    keys = {column: branch.name for column, branch in branches.items()}
    if len(set(keys.values())) < len(keys):
        raise InputError(
            f"{tree.file.file_path}: branches of one name in several groups cannot be read at once: {keys}"
        )
    wanted = {id(branch) for branch in branches.values()}
    per_event = sum(branch.uncompressed_bytes for branch in branches.values()) / max(1, tree.num_entries)
    step = events_per_chunk(chunk, per_event)
    arrays = tree.iterate(
        filter_branch=lambda b: id(b) in wanted,
        entry_start=start,
        entry_stop=stop,
        step_size=step,
        how=dict,
        library="ak",
    )
    for read in arrays:
        columns_read = {column: read.pop(key) for column, key in keys.items()}
        yield columns_read
        columns_read.clear()  # so that these events and the next are not in memory at once


def _stream_rntuple(
    tree: Any, columns: Sequence[str], chunk: int | str, start: int, stop: int
) -> Iterator[Columns]:
    # uproot reads whole clusters, however few of their events are asked for: chunks end where clusters end.
    step = events_per_chunk(chunk, 1e6 / max(1, int(tree.num_entries_for("1 MB", filter_name=list(columns)))))
    begin = start
    for first, after in pairwise((*_clusters(tree), int(tree.num_entries))):
        if min(after, stop) - begin > step and begin < first < stop:
            yield _read_rntuple(tree, columns, begin, first)
            begin = first
    yield _read_rntuple(tree, columns, begin, stop)


def _read_rntuple(tree: Any, columns: Sequence[str], start: int, stop: int) -> Columns:
    arrays = tree.arrays(filter_name=list(columns), entry_start=start, entry_stop=stop)
    found: dict[str, ak.Array] = {}
    for column in columns:
        array = arrays
        for part in column.split("."):
            array = array[part]
        found[column] = array
    return found
