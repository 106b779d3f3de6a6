"""ROOT files that uproot cannot write, byte by byte: leaf lists, friend trees, packed floats."""

import struct
from unittest.mock import patch

import awkward as ak
import numpy as np
import uproot
from uproot.writing._cascade import RawStreamerInfo
from uproot.writing._cascadetree import Tree

EXTREMES = {"TLeafF16": 6}  # bytes of the lowest and the highest value that follow a leaf
COUNT = 0x40000000  # marks the number of bytes of an object
NEW_CLASS = b"\xff\xff\xff\xff"
OBJECT = b"\x00\x01\x00\x00\x00\x00\x03\x00\x00\x00"  # a TObject: version, identity, bits
OWNED = b"\x00\x01\x00\x00\x00\x00\x03\x00\x40\x00"  # of a list that owns what stands in it


def rewrite(file, tree, change):
    """Write the description of a tree once more, its bytes changed."""
    build = Tree._build_out
    with patch.object(Tree, "_build_out", lambda self: [change(b"".join(build(self)))]):
        tree._cascading.write_anew(file.file.sink)


def write_leaf_list(path, columns, branch, leaves, values):
    """Write a tree of plain columns, and a branch of leaves of float32, ``values`` (N, leaves)."""
    values = np.asarray(values, np.float32)
    types = {name: np.asarray(column).dtype for name, column in columns.items()}
    with uproot.recreate(path) as file:
        tree = file.mktree("Events", {**types, branch: np.dtype((np.float32, values.shape[1:]))})
        tree.extend({**columns, branch: values})
        rewrite(file, tree, lambda raw: with_leaves(raw, [("TLeafF", leaf, leaf, 1) for leaf in leaves]))
    return path


def write_packed(path, columns, branch, stored, kind, title, length=1):
    """Write a tree of columns, and last a branch of packed floats.

    ``stored`` is what ROOT writes for them: unsigned numbers, or three bytes a number; ``kind`` is TLeafD32 or
    TLeafF16, ``length`` that of an array in each event.
    """
    with uproot.recreate(path) as file:
        arrays = {name: ak.Array(column) for name, column in {**columns, branch: stored}.items()}
        tree = file.mktree("Events", {name: array.type.content for name, array in arrays.items()})
        tree.extend(arrays)
        rewrite(file, tree, lambda raw: with_leaves(raw, [(kind, branch, title, length)]))
    return path


def with_leaves(raw, leaves):
    """Return the bytes of a tree whose last branch has other leaves: class, name, title and length of each."""
    tag = raw.rindex(NEW_CLASS + b"TLeaf")
    start, end = tag - 4, tag + count(raw, tag - 4)
    names = start + raw[start:end].index(OBJECT) + len(OBJECT)
    numbers = names + 1 + raw[names]
    numbers += 1 + raw[numbers] + 4  # behind name, title and length
    rest = raw[numbers : numbers + 14]  # bytes a value, offset, flags, and the leaf that counts
    made = b""
    for kind, name, title, length in leaves:
        leaf = counted(2, named(name, title) + struct.pack(">i", length) + rest)
        made += any_object(kind, counted(1, leaf + bytes(EXTREMES.get(kind, 8))))
    branch = raw.rindex(NEW_CLASS + b"TBranch\0", 0, start)
    branches = raw.index(b"\x00\x03" + OWNED + b"\0") - 4
    changed = bytearray(raw)
    changed[start - 8 : start - 4] = struct.pack(">i", len(leaves))
    for outer in (0, branches, branch - 4, branch + 12, start - 25):
        changed[outer : outer + 4] = struct.pack(
            ">I", (count(raw, outer) + len(made) - (end - start)) | COUNT
        )
    return bytes(changed[:start] + made + changed[end:])


def write_with_friends(path, columns, friends, index=b"\0\0\0\0"):
    """Write a tree that names friends: (alias, file, tree) of each."""

    def change(raw):
        assert raw.endswith(bytes(28))
        elements = b"".join(friend_element(*friend) + b"\0" for friend in friends)
        listed = counted(5, OBJECT + b"\0" + struct.pack(">i", len(friends)) + elements)
        whole = raw[:-28] + bytes(12) + index + any_object("TList", listed) + bytes(8)
        return struct.pack(">I", (len(whole) - 4) | COUNT) + whole[4:]

    with uproot.recreate(path) as file:
        rewrite(file, fill(file, "Events", columns), change)
        file.file.update_streamers([friend_streamer()])
    return path


def fill(file, tree, columns):
    """Write columns of numbers to a tree."""
    made = file.mktree(tree, {name: np.asarray(column).dtype for name, column in columns.items()})
    made.extend(columns)
    return made


def count(raw, at):
    return struct.unpack(">I", raw[at : at + 4])[0] & ~COUNT


def text(words):
    return bytes([len(words)]) + words.encode()


def counted(version, contents):
    return struct.pack(">IH", (len(contents) + 2) | COUNT, version) + contents


def any_object(name, contents):
    tagged = NEW_CLASS + name.encode() + b"\0" + contents
    return struct.pack(">I", len(tagged) | COUNT) + tagged


def named(name, title):
    return counted(1, OBJECT + text(name) + text(title))


def friend_element(alias, file, tree):
    return any_object("TFriendElement", counted(2, named(alias, file) + text(tree) + b"\1"))


def friend_streamer():
    """Return the description of TFriendElement that ROOT writes to a file that holds one."""

    def element(kind, version, name, code, size, type_name, more=b"", checksum=0):
        numbers = struct.pack(">4i", code, size, 0, 0) + struct.pack(">5I", 0, checksum, 0, 0, 0)
        inner = counted(4, named(name, "") + numbers + text(type_name))
        return any_object(kind, counted(version, inner + more))

    elements = [
        element("TStreamerBase", 3, "TNamed", 67, 0, "BASE", struct.pack(">i", 1), 0xDFB74A3C),
        element("TStreamerString", 2, "fTreeName", 65, 24, "TString"),
        element("TStreamerBasicType", 2, "fOwnFile", 18, 1, "bool"),
    ]
    array = counted(3, OBJECT + b"\0" + struct.pack(">ii", len(elements), 0) + b"".join(elements))
    info = named("TFriendElement", "") + struct.pack(">Ii", 0, 2) + any_object("TObjArray", array)
    return RawStreamerInfo(None, any_object("TStreamerInfo", counted(9, info)) + b"\0", "TFriendElement", 2)
