"""The precision of columns: rows that were rounded in one sample and not in another are told apart by that alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import InputError
from hepflow.events import FloatArray

LEAST = 100  # rows of which anything can be said
DECIMALS = range(5)
DIGITS = range(2, 6)
BITS = (8, 11)  # of bfloat16 and float16
SINGLE = 1.2e-7  # relative step of single precision, in which rounded numbers may have been kept
CHANCE = 0.01  # share of unrounded numbers, at most, that may stand on a grid by chance
ATOM = 0.05  # share of rows on one value: padding, or discrete; it says nothing of a precision
SOME, MOST = 0.1, 0.999  # shares of rows on a grid, by which some and all of them were rounded
FULL = "all digits"


def check_precision(
    first: FloatArray, second: FloatArray, names: Sequence[str], called: tuple[str, str] = ("first", "second")
) -> None:
    """Refuse two samples with a column that was rounded in one of them: a classifier tells them apart by that alone.

    Parameters
    ----------
    first, second
        Rows (N, D) and (M, D).
    names
        Of the columns.
    called
        What the samples are called in the message.

    Raises
    ------
    InputError
        With each such column and both precisions; of a column, too, of which only some rows of a sample were rounded.
    """
    found = list(two_precisions(first, second, names, called))
    if found:
        raise InputError(
            f"{'; '.join(found)}: whatever compares them sees the rounding. Round both alike, or take "
            "unrounded ones"
        )


def two_precisions(
    first: FloatArray, second: FloatArray, names: Sequence[str], called: tuple[str, str] = ("first", "second")
) -> Iterator[str]:
    """Yield what is wrong with each column that has two precisions, between two samples or within one."""
    for name, *columns in zip(names, first.T, second.T, strict=True):
        told = [precision(column) for column in columns]
        mixed = [one for one in zip(called, told, strict=True) if " of its rows" in one[1]]
        if mixed:
            sample, how = mixed[0]
            yield f"feature {name!r} has {how} in the {sample} sample"
        elif _apart(*told):
            yield f"feature {name!r} has {told[0]} in the {called[0]} sample and {told[1]} in the {called[1]} one"


def _apart(first: str, second: str) -> bool:
    """Return whether precisions differ; 3 decimals may be 4 digits, and no answer is no evidence."""
    return (
        bool(first and second)
        and first != second
        and (FULL in (first, second) or _kind(first) == _kind(second))
    )


def _kind(told: str) -> str:
    return told.split()[1]


def precision(column: FloatArray) -> str:
    """Say to what the values of a column (N,) were rounded, or some of them; nothing where too few can tell.

    Returns
    -------
    str
        ``3 decimals``, ``4 digits``, ``11 bits``, ``all digits``; ``3 decimals in 40% of its rows``; or nothing.
    """
    _, place, counts = np.unique(column, return_inverse=True, return_counts=True)
    telling = column[(counts <= max(1, ATOM * len(column)))[place] & (column != 0)]
    if len(telling) < LEAST:
        return ""
    partly = ""
    for how, rounded in _grids(telling):
        share = float(np.mean(rounded))
        if share > MOST:
            return how
        if share > SOME and not partly:
            partly = f"{how} in {share:.0%} of its rows"
    return partly or FULL


def _grids(values: FloatArray) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield ways to round, the coarsest first, and which values (N,) are so."""
    for decimals in DECIMALS:
        if 2 * SINGLE * np.mean(np.abs(values)) * 10**decimals < CHANCE:
            yield f"{decimals} decimals", _near(values, np.round(values, decimals))
    exponents = np.floor(np.log10(np.abs(values)))
    for digits in DIGITS:
        scale = 10.0 ** (exponents - digits + 1)
        yield f"{digits} digits", _near(values, np.round(values / scale) * scale)
    mantissa = np.frexp(values)[0]
    for bits in BITS:
        yield f"{bits} bits", np.asarray(np.ldexp(mantissa, bits) % 1 == 0)


def _near(values: FloatArray, rounded: FloatArray) -> NDArray[np.bool_]:
    """Return which values are the rounded ones, as far as single precision holds these."""
    return np.asarray(np.abs(values - rounded) <= SINGLE * np.abs(rounded))
