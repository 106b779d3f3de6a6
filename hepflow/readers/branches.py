"""The columns of a TTree: its branches, the leaves of leaf lists, and the branches of friend trees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hepflow.readers.files import is_url

FriendFile = tuple[str, str]  # file and tree


@dataclass(frozen=True)
class Place:
    """Where a column stands.

    Parameters
    ----------
    branch
        Path of the branch in its tree.
    leaf
        Which of several leaves of the branch.
    friend
        File and name of the friend tree whose branch it is; None for the tree itself.
    """

    branch: str
    leaf: str | None = None
    friend: FriendFile | None = None


@dataclass
class Branches:
    """The columns of a tree: places by name, other spellings, what is refused and why, and a note on friends."""

    places: dict[str, Place] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    note: str = ""


def tree_branches(
    file: str, tree: Any, friends: Callable[[], Iterable[Any]], open_tree: Callable[[FriendFile], Any]
) -> Branches:
    """Return the columns of a TTree and of its friends.

    Parameters
    ----------
    file, tree
        Path or URL, and the tree.
    friends
        Returns the elements of the list of friends.
    open_tree
        Opens a friend with all that it says of itself, as a context manager.
    """
    columns = _own(tree, None)
    notes = []
    try:
        listed = [_friend(file, element) for element in friends()]
    except Exception as error:  # whatever it is, the tree itself can be read
        listed, notes = [], [f"it has friend trees, whose list is not understood: {_first_line(error)}"]
    for alias, friend in listed:
        try:
            with open_tree(friend) as other:
                theirs = _own(other, friend)
                unlike = _unlike(tree, other, friend)
        except Exception as error:
            notes.append(
                f"its friend tree {friend[1]!r} in {friend[0]} cannot be opened: {_first_line(error)}"
            )
            continue
        for name, place in theirs.places.items():
            own = name if name not in columns.places else f"{alias}.{name}"
            columns.places[own] = place
            columns.aliases[f"{alias}.{name}"] = own
            reason = unlike or theirs.refused.get(name)
            if reason:
                columns.refused[own] = reason
    columns.note = "; ".join(notes)
    return columns


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"


def _own(tree: Any, friend: FriendFile | None) -> Branches:
    """Return the columns of one tree; a name that stands in several groups is a path, too."""
    branches = dict(tree.iteritems())
    times = Counter(path.rsplit("/", 1)[-1] for path in branches)
    columns = Branches()
    for path, branch in branches.items():
        short = path.rsplit("/", 1)[-1]
        name = path if times[short] > 1 else short
        leaves = [leaf.member("fName", none_if_missing=True) for leaf in branch.member("fLeaves")]
        several = len(leaves) > 1 and None not in leaves
        for leaf in leaves if several else [None]:
            own = name if leaf is None else f"{name.rstrip('.')}.{leaf}"
            columns.places[own] = Place(path, leaf, friend)
            if leaf is not None or path != name:
                columns.aliases[path if leaf is None else f"{path}/{leaf}"] = own
            if None in leaves:
                kinds = ", ".join(leaf.classname for leaf in branch.member("fLeaves"))
                columns.refused[own] = (
                    f"is of a kind that is not supported ({kinds}); write it as plain numbers"
                )
            if branch.num_entries != tree.num_entries:
                columns.refused[own] = (
                    f"holds {branch.num_entries:,} entries, and its tree {tree.num_entries:,}: which events they "
                    "belong to is not known. Fill the branch for every event, or leave it out"
                )
    return columns


def _friend(file: str, element: Any) -> tuple[str, FriendFile]:
    """Return alias, file and tree of a friend."""
    alias, where, name = (str(element.member(key)) for key in ("fName", "fTitle", "fTreeName"))
    return alias, (friend_file(file, where), name or alias)


def friend_file(file: str, where: str) -> str:
    """Return the file of a friend; it is looked for beside the file of the tree, then from where one stands."""
    if not where or Path(where).name == Path(file).name:
        return file
    if is_url(where) or Path(where).is_absolute():
        return where
    if is_url(file):
        return f"{file.rsplit('/', 1)[0]}/{where}"
    beside = Path(file).parent / where
    return str(beside if beside.exists() else Path(where))


def _unlike(tree: Any, friend: Any, where: FriendFile) -> str | None:
    """Return why the entries of a friend are not those of the tree; None where they are."""
    if friend.member("fTreeIndex", none_if_missing=True) is not None:
        return f"stands in the friend tree {where[1]!r}, whose index is not supported; join the trees by it first"
    if friend.num_entries != tree.num_entries:
        return (
            f"stands in the friend tree {where[1]!r} of {where[0]} with {friend.num_entries:,} entries, and the tree "
            f"has {tree.num_entries:,}: which events they belong to is not known"
        )
    return None
