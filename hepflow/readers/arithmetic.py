"""Arithmetic and comparisons of columns in a selection, where whole numbers do not wrap around.

Columns are as narrow as their writer chose, and numpy computes in their type: ``3 - 4`` of unsigned bytes is 255, and
the sum of two truth values is one. So whole numbers and truth values become int64 first, half floats double ones.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

_LIMIT = 2.0**63


def _power(base: Any, exponent: Any) -> Any:
    # Powers of whole numbers grow without bound where these are plain, and wrap around in columns; floats overflow.
    return as_float(base) ** as_float(exponent)


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "%": operator.mod,
    "**": _power,
    "&": operator.and_,
    "|": operator.or_,
}


def compute(symbol: str, left: Any, right: Any) -> Any:
    """Return ``left symbol right`` for columns or plain numbers, in whole numbers of 64 bits or in floats.

    Raises
    ------
    OverflowError
        If a whole number, or the result in whole numbers, has no place in 64 bits.
    """
    function = _BINARY[symbol]
    if symbol in ("&", "|") and np.uint64 in (_dtype(left), _dtype(right)):
        return function(left, right)  # bits have no size
    prepare = as_float if any(is_float(side) for side in (left, right)) else widened
    result = function(prepare(left), prepare(right))
    if symbol in ("+", "-", "*") and _is_whole(result):
        _check(function(as_float(left), as_float(right)), f"the result of {symbol!r}")
    return result


def compare(function: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """Return what a comparison gives, also where a plain number does not fit the column's type."""
    sides = [left, right]
    for one, other in ((0, 1), (1, 0)):
        kind, number = _dtype(sides[one]), sides[other]
        if kind is None or kind.kind not in "iu" or not isinstance(number, int):
            continue
        if kind != np.uint64:
            sides[one], kind = widened(sides[one]), np.dtype(np.int64)
        if not np.iinfo(kind).min <= number <= np.iinfo(kind).max:
            sides[one], sides[other] = as_float(sides[one]), float(number)
    return function(*sides)


def negative(value: Any) -> Any:
    """Return ``-value``, as `compute` does."""
    return -widened(value)


def absolute(value: Any) -> Any:
    """Return the value without its sign, as `compute` does."""
    return np.abs(widened(value))


def widened(value: Any) -> Any:
    """Return whole numbers and truth values as int64, half floats as double ones, and others as they are.

    Raises
    ------
    OverflowError
        If an unsigned number is too large for int64.
    """
    if not isinstance(value, ak.Array):
        return int(value) if isinstance(value, bool) else value
    kind = _dtype(value)
    if kind is None or kind == np.int64:
        return value
    if kind == np.uint64:
        largest = ak.max(value, axis=None)
        if largest is not None and largest >= 2**63:
            raise OverflowError(
                f"{largest} is too large to compute with as a whole number of 64 bits with sign"
            )
    if kind.kind in "biu":
        return ak.values_astype(value, np.int64)
    return ak.values_astype(value, np.float64) if kind == np.float16 else value


def as_float(value: Any) -> Any:
    """Return whole numbers, truth values and half floats as double ones, and others as they are."""
    if not isinstance(value, ak.Array):
        return float(value)
    kind = _dtype(value)
    return ak.values_astype(value, np.float64) if kind is not None and kind.kind in "biu" else widened(value)


def is_float(value: Any) -> bool:
    """Return whether a column, or a plain number, is of floats."""
    kind = _dtype(value)
    return isinstance(value, float) or (kind is not None and kind.kind == "f")


def _is_whole(value: Any) -> bool:
    kind = _dtype(value)
    return kind is not None and kind.kind in "iu"


def _check(size: Any, what: str) -> None:
    largest = ak.max(np.abs(size), axis=None) if isinstance(size, ak.Array) else abs(size)
    if largest is not None and largest >= _LIMIT:
        raise OverflowError(f"{what} is too large for a whole number of 64 bits: {largest:.3g}")


def _dtype(value: Any) -> np.dtype[Any] | None:
    """Return the type of the numbers in an array, however they are nested; None where there is not one."""
    if not isinstance(value, ak.Array):
        return None
    layout = ak.to_layout(value)
    while hasattr(layout, "content"):
        layout = layout.content
    return layout.dtype if isinstance(layout, ak.contents.NumpyArray) else None
