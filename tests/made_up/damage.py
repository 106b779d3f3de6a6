"""Mishaps of files: bytes that flip, vanish or come twice, and values of JSON that are others."""

import json
from copy import deepcopy

from hypothesis import strategies as st

place = st.floats(0, 1, exclude_max=True)
MISHAP = st.one_of(
    st.tuples(st.just("flip"), place, st.integers(0, 7)),
    st.tuples(st.just("overwrite"), place, st.binary(min_size=1, max_size=64)),
    st.tuples(st.just("zero"), place, st.integers(1, 400)),
    st.tuples(st.just("remove"), place, st.integers(1, 16)),
    st.tuples(st.just("double"), place, st.integers(1, 64)),
    st.tuples(st.just("end"), place, st.none()),
)
DAMAGE = st.lists(MISHAP, min_size=1, max_size=3)


def damaged(contents, damage):
    """Return the bytes of a file after these mishaps."""
    contents = bytearray(contents)
    for kind, where, how in damage:
        start = int(where * len(contents))
        if kind == "flip":
            contents[start : start + 1] = bytes([contents[start] ^ (1 << how)]) if contents else b""
        elif kind == "overwrite":
            contents[start : start + len(how)] = how
        elif kind == "zero":
            contents[start : start + how] = bytes(len(contents[start : start + how]))
        elif kind == "remove":
            del contents[start : start + how]
        elif kind == "double":
            contents[start:start] = contents[start : start + how]
        else:
            del contents[start:]
    return bytes(contents)


# What a number, a name or a list may be in the place of.
ODD = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        0.5,
        -0.0,
        5e-324,
        1e-300,
        1e15,
        1e16,
        1e19,
        1e100,
        1e300,
        -1e300,
        1.7e308,
    ),
    *(
        float("nan"),
        float("inf"),
        -float("inf"),
        10**19,
        -(10**400),
        "",
        "nan",
        "300",
        "\x1b[2J\0",
        "\udc00",
        "x" * 200_000,
    ),
    *([], {}, [[]], [0.0], [1.0, 2.0], [None] * 3, [1] * 1000, {"data": 1}, [["a", "b"], ["c", "d"]]),
]


def places(value, at=()):
    """Return the keys to each value inside of one that JSON gave."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, one in inner for place in places(one, (*at, key)))]


def _times(value, factor):
    """Return a number, or a list of them, times a factor; anything else as it is."""
    if isinstance(value, list):
        return [_times(one, factor) for one in value]
    return float(value) * factor if isinstance(value, int | float) and abs(value) < LARGE else value


def changed(value, changes):
    """Return a copy of a value that JSON gave, in which others stand in some places, or nothing does, or it twice.

    `changes` are pairs of a place (0 to 1) and what stands there: of `ODD`, "drop", "double", "deep" or a
    factor in a tuple.
    """
    holder = {"all": json.loads(json.dumps(value))}
    for where, what in changes:
        found = places(holder)[1:]
        if not found:
            break
        *path, last = found[int(where * len(found))]
        inner = holder
        for key in path:
            inner = inner[key]
        if what == "drop":
            del inner[last]
        elif what == "double":
            if isinstance(inner, list):
                inner.insert(last, inner[last])
        elif isinstance(what, tuple):
            inner[last] = _times(inner[last], *what)
        elif what == "deep":
            for _ in range(400):
                inner[last] = [inner[last]]
        else:
            inner[last] = deepcopy(what)
        if "all" not in holder:
            return None
    return holder["all"]


LARGE = 10**300
FACTORS = [1e-300, 1e-100, 1e-12, 1e-3, 0.5, 0.999, 1.001, 2, 1e3, 1e12, 1e100, 1e300, -1, -0.5]
CHANGES = st.lists(
    st.tuples(
        place,
        st.one_of(
            st.sampled_from(FACTORS).map(lambda factor: (factor,)),
            st.sampled_from(["drop", "double", "deep"]),
            st.sampled_from(ODD),
        ),
    ),
    min_size=1,
    max_size=3,
)
