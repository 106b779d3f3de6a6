"""Floats that ROOT packs into fewer bytes (Double32_t, Float16_t): into how many, by the title of their leaf."""

from __future__ import annotations

import math
import re
from typing import Any

from uproot.interpretation.jagged import AsJagged
from uproot.interpretation.numerical import AsDouble32, AsDtype, AsFloat16

LEAVES = {"TLeafD32": AsDouble32, "TLeafF16": AsFloat16}
ELEMENTS = {9: AsDouble32, 19: AsFloat16}  # the types in a TLeafElement; 20 more for arrays of fixed length
HALF_BITS = 12  # of the mantissa of a Float16_t without range
MOST_BITS = 15  # from so many on ROOT takes a range that is none as no packing at all
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?")


def packed(branch: Any) -> Any | None:
    """Return how uproot is to interpret a branch of packed floats; None for every other branch.

    uproot takes the first bracket of a title for the range, which in ``FatJet_mass[nFatJet]/d[0,2000,24]`` is the
    length of the array, and then reads other numbers than were written. The rules here are those of ``GetRange`` in
    ROOT's ``TStreamerElement``.

    Raises
    ------
    NotImplementedError
        If it is an array behind a pointer, whose layout is not known.
    """
    leaves = branch.member("fLeaves")
    if len(leaves) != 1:
        return None
    leaf: Any = leaves[0]
    kind, title = LEAVES.get(leaf.classname), leaf.member("fTitle")
    if leaf.classname == "TLeafElement" and 0 < leaf.member("fType") < 60:
        kind, title = ELEMENTS.get(leaf.member("fType") % 20), getattr(branch.streamer, "title", "")
        if kind is not None and leaf.member("fType") > 40:
            raise NotImplementedError("is an array of packed floats behind a pointer")
    if kind is None:
        return None
    shape = tuple(int(length) for length in re.findall(r"\[(\d+)\]", leaf.member("fTitle")))
    counted = leaf.member("fLeafCount") is not None
    if not shape and not counted and leaf.member("fLen") > 1:
        shape = (leaf.member("fLen"),)
    content = _content(title, kind, shape)
    return AsJagged(content) if counted else content


def _content(title: str, kind: type, shape: tuple[int, ...]) -> Any:
    low, high, bits = _range(title)
    if low < high:
        return kind(low, high, bits, shape)
    if 0 < bits < MOST_BITS:  # without range: so many bits of the mantissa
        return kind(0, 0, bits, shape)
    return AsFloat16(0, 0, HALF_BITS, shape) if kind is AsFloat16 else AsDtype((">f4", shape), ("f8", shape))


def _range(title: str) -> tuple[float, float, int]:
    """Return the lowest and the highest value and the bits; the bits are zero where there is no range."""
    found = re.search(r"\[([^\[\],]*),([^\[\],]*)(?:,\s*(\d+)\s*)?\]", title)
    if found is None:
        return 0.0, 0.0, 0
    bits = int(found[3] or 32)
    return _bound(found[1]), _bound(found[2]), bits if 2 <= bits <= 32 else 32


def _bound(text: str) -> float:
    """Return a number, or a multiple of pi, as ROOT reads it: ``2pi``, ``twopi``, ``-pi/2``, ``pi/4``."""
    text = text.lower().replace(" ", "")
    if "pi" not in text:
        number = NUMBER.match(text)
        return float(number[0]) if number else 0.0
    double = any(form in text for form in ("2pi", "2*pi", "twopi"))
    value = 2 * math.pi if double else math.pi / (2 if "pi/2" in text else 4 if "pi/4" in text else 1)
    return -value if "-" in text else value
