"""ROOT files, TTree and RNTuple, as tables of columns."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import awkward as ak
import uproot
from uproot.interpretation.identify import UnknownInterpretation
from uproot.source.fsspec import FSSpecSource

from hepflow.errors import InputError
from hepflow.readers.branches import FriendFile, Place, tree_branches
from hepflow.readers.damage import DamagedFileError, reading, unsupported
from hepflow.readers.files import at_hand, is_url
from hepflow.readers.packed import packed
from hepflow.readers.remote import PatientSystem, chained, patience
from hepflow.readers.table import Columns, Table, events_per_chunk

FRIEND = b"TFriendElement"
TREES = ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")


class _PatientSource(FSSpecSource):  # type: ignore[misc]
    """A remote file whose ranges are asked for again where they failed."""

    def _open(self) -> None:
        super()._open()
        self._fs: Any = PatientSystem(self._fs, self._file_path_orig)


def open_root(file: str, tree: str | None, default: tuple[str, ...] = ()) -> Table:
    """Open a TTree or RNTuple as a table of its branches.

    Leaves of leaf lists are columns ``branch.leaf``, and those of friend trees are there, too.

    Parameters
    ----------
    file
        Path or URL.
    tree
        Which one; None takes the first of `default` that is there, else the only one.

    Raises
    ------
    InputError
        If the file is truncated or no ROOT file, or has no such tree; it lists those there.
    """
    if not is_url(file):
        _check_length(file)
    with reading(file, "ROOT"), _opened(file) as folder:
        name = _find_tree(file, folder, tree, default)
        found = folder[name]
        events = int(found.num_entries)
        if not isinstance(found, uproot.TTree):
            paths = _fields(found)
            spelled = {path: column for column, path in paths.items() if path != column}
            stream = partial(_stream_rntuple, file, name)
            return Table(file, events, tuple(paths), stream, blocks=_clusters(found), aliases=spelled)
        own = tree_branches(file, found, partial(_friends, folder, file, name), partial(_tree, whole=True))
    stream = partial(_stream_ttree, file, name, own.places)
    return Table(
        file, events, tuple(own.places), stream, aliases=own.aliases, refused=own.refused, note=own.note
    )


def root_trees(file: str) -> list[str]:
    """Return the names of the TTrees and RNTuples of a file."""
    with reading(file, "ROOT"), _opened(file) as folder:
        return [str(name) for name, kind in folder.classnames(cycle=False).items() if kind in TREES]


def root_text(file: str, name: str) -> str | None:
    """Return a TObjString of the file; None if it has none of that name."""
    with reading(file, "ROOT"), _opened(file) as folder:
        return str(folder[name]) if name in folder else None


def friends_named(file: str) -> list[str]:
    """Return the files of friend trees as the trees of a local file name them; `branches.friend_file` finds them.

    A file that cannot be read names none: who reads it says what is wrong with it.
    """
    try:
        with _opened(file) as folder:
            trees = [name for name, kind in folder.classnames(cycle=False).items() if kind in TREES[:-1]]
            return [str(one.member("fTitle")) for name in trees for one in _friends(folder, file, name)]
    except Exception:  # whatever a damaged file makes uproot raise
        return []


def _opened(file: str, **options: Any) -> Any:
    found = at_hand(file)
    if not is_url(found):
        return uproot.open({found: None}, **options)
    if "::" in file:  # a chain of URLs brings a cache of its own
        return chained(file, lambda: uproot.open({file: None}, **options, **patience(file)))
    return uproot.open({found: None}, handler=_PatientSource, **options, **patience(found))


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


def _find_tree(file: str, folder: Any, tree: str | None, default: tuple[str, ...]) -> str:
    classes = folder.classnames(cycle=False)
    trees = [name for name, kind in classes.items() if kind in TREES]
    if not trees:
        kinds = ", ".join(f"{name} ({kind})" for name, kind in list(classes.items())[:10])
        raise DamagedFileError(f"{file}: holds no TTree or RNTuple; it holds {kinds or 'nothing'}")
    wanted = [tree.strip("/")] if tree else list(default)
    there = [
        name for name in wanted if re.sub(r";\d+", "", name) in trees and name in folder
    ]  # Events;1 is a cycle
    if there:
        return str(there[0])
    if tree is None and len(trees) == 1:
        return str(trees[0])
    listed = ", ".join(repr(name) for name in trees)
    if not wanted:
        raise InputError(f"{file}: holds several trees ({listed}); say which, with tree=")
    raise InputError(f"{file}: no tree {wanted[0]!r} in it; there is {listed}. Name one of these with tree=")


@contextmanager
def _tree(where: FriendFile, whole: bool = False) -> Iterator[Any]:
    """Open a tree; the `whole` of it has its friends and its index, too."""
    with _opened(where[0], minimal_ttree_metadata=not whole) as folder:
        yield folder[where[1]]


def _friends(folder: Any, file: str, name: str) -> list[Any]:
    """Return the elements of the list of friends; the whole tree is only read where there is one."""
    raw = folder.key(name).get_uncompressed_chunk_cursor()[0].raw_data
    if FRIEND not in bytes(raw):
        return []
    with _tree((file, name), whole=True) as tree:
        return list(tree.member("fFriends", none_if_missing=True) or ())


def _stream_ttree(
    file: str,
    name: str,
    places: Mapping[str, Place],
    columns: Sequence[str],
    chunk: int | str,
    start: int,
    stop: int,
) -> Iterator[Columns]:
    own: dict[FriendFile | None, dict[str, Place]] = {}
    for column in columns:
        own.setdefault(places[column].friend, {})[column] = places[column]
    with reading(file, "ROOT"), ExitStack() as stack:
        trees = {friend: stack.enter_context(_tree(friend or (file, name))) for friend in own}
        sizes = (_bytes_per_event(trees[friend], part.values()) for friend, part in own.items())
        step = events_per_chunk(chunk, sum(sizes))
        streams = [_read_ttree(file, trees[friend], part, start, stop, step) for friend, part in own.items()]
        for parts in zip(*streams, strict=True):
            read = {column: array for part in parts for column, array in part.items()}
            yield read
            for part in (read, *parts):
                part.clear()  # so that these events and the next are not in memory at once


def _bytes_per_event(tree: Any, places: Iterable[Place]) -> float:
    paths = {place.branch for place in places}
    return float(sum(tree[path].uncompressed_bytes for path in paths) / max(1, tree.num_entries))


def _read_ttree(
    file: str, tree: Any, places: Mapping[str, Place], start: int, stop: int, step: int
) -> Iterator[Columns]:
    branches = {place.branch: tree[place.branch] for place in places.values()}
    keys = {path: branch.name for path, branch in branches.items()}
    if len(set(keys.values())) < len(keys):
        raise unsupported(
            file, f"branches of one name in several groups, {', '.join(keys)}", "read them one by one"
        )
    for path, branch in branches.items():
        _interpret(file, path, branch)
    wanted = {id(branch) for branch in branches.values()}
    arrays = tree.iterate(
        filter_branch=lambda branch: id(branch) in wanted,
        entry_start=start,
        entry_stop=stop,
        step_size=step,
        how=dict,
        library="ak",
    )
    for read in arrays:
        found = {column: read[keys[place.branch]] for column, place in places.items()}
        read.clear()
        yield {name: _leaf(file, name, array, places[name].leaf) for name, array in found.items()}


def _interpret(file: str, path: str, branch: Any) -> None:
    """See to it that uproot reads a branch right, or refuse it."""
    try:
        how = packed(branch) or branch.interpretation
    except NotImplementedError as error:
        raise unsupported(file, f"branch {path!r} {error}", "write it as plain floats") from error
    if isinstance(how, UnknownInterpretation):
        types = ", ".join(f"{leaf.member('fTitle')} ({leaf.classname})" for leaf in branch.member("fLeaves"))
        what = f"branch {path!r}, {types or branch.classname}"
        raise unsupported(file, what, "write it as plain numbers or lists of numbers")
    branch._interpretation = how  # `iterate` uses none that its filter returns, whatever uproot says


def _leaf(file: str, name: str, array: ak.Array, leaf: str | None) -> ak.Array:
    if leaf is None:
        return array
    if leaf not in array.fields:
        raise unsupported(file, f"the leaf list of {name!r}", "write a branch for each leaf")
    return array[leaf]


def _fields(tree: Any) -> dict[str, str]:
    """Return each column's path in an RNTuple; that of ``AnalysisJetsAuxDyn.pt`` may have a colon for the dot."""
    paths = [str(path) for path in tree.keys()]  # noqa: SIM118 (an RNTuple is no mapping)
    dotted = [path.replace(":", ".") for path in paths]
    times = Counter(dotted)
    return {dots if times[dots] == 1 else path: path for path, dots in zip(paths, dotted, strict=True)}


def _clusters(tree: Any) -> tuple[int, ...]:
    """Return the first event of each cluster of an RNTuple."""
    return tuple(int(cluster.num_first_entry) for cluster in tree.cluster_summaries)


def _stream_rntuple(
    file: str, name: str, columns: Sequence[str], chunk: int | str, start: int, stop: int
) -> Iterator[Columns]:
    # uproot reads whole clusters, however few of their events are asked for: chunks end where clusters end.
    with reading(file, "ROOT"), _opened(file) as folder:
        tree = folder[name]
        own = _fields(tree)
        paths = {column: own[column] for column in columns}
        size = int(tree.num_entries_for("1 MB", filter_name=list(paths.values())))
        step = events_per_chunk(chunk, 1e6 / max(1, size))
        begin = start
        for first, after in pairwise((*_clusters(tree), int(tree.num_entries))):
            if min(after, stop) - begin > step and begin < first < stop:
                yield _read_rntuple(tree, paths, begin, first)
                begin = first
        yield _read_rntuple(tree, paths, begin, stop)


def _read_rntuple(tree: Any, paths: Mapping[str, str], start: int, stop: int) -> Columns:
    arrays = tree.arrays(filter_name=list(paths.values()), entry_start=start, entry_stop=stop)
    found: dict[str, ak.Array] = {}
    for column, path in paths.items():
        array = arrays
        for part in [path] if path in arrays.fields else path.split("."):
            array = array[part]
        found[column] = array
    return found
