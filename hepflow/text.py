"""Numbers as plain text, and tables of them: the same in every room."""

from __future__ import annotations

import math
from collections.abc import Sequence

SMALL = 1e-3  # numbers below are written with a power of ten

FEMTOBARN = "1 fb of cross-section times branching ratio times acceptance"  # what strength one may stand for


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows with their columns aligned: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def number(value: float | None, style: str = ".3g") -> str:
    """Return a number as text, "-" where there is none."""
    return "-" if value is None or not math.isfinite(value) else format(value, style)


def decimals(error: float) -> int:
    """Return the digits behind the point with which an error has two that count."""
    return min(max(1 - int(f"{error:.1e}".partition("e")[2]), 0), 12)


def with_error(value: float, error: float | None) -> str:
    """Return a number with its error to two digits, where it has one: 14,562 +- 137, or (7.4 +- 1.0)e-15.

    The one way to write these: reports and figures put their own signs in its place.
    """
    if error is None or not math.isfinite(value) or not 0 < error < math.inf:
        return number(value, ",.0f" if 1000 <= abs(value) < math.inf else ".3g")
    largest = max(abs(value), error)
    if largest < SMALL:
        power = math.floor(math.log10(largest))
        return f"({_rounded(value / 10**power, error / 10**power)})e{power}"
    return _rounded(value, error)


def _rounded(value: float, error: float) -> str:
    digits = decimals(error)
    return f"{value:,.{digits}f} +- {error:,.{digits}f}"


def band(expected: Sequence[float | None]) -> str:
    """Return the median and the 68 % band of values at -2, -1, 0, 1, 2 sigma."""
    return f"{number(expected[2])} ({number(expected[1])}-{number(expected[3])})"


def duration(seconds: float) -> str:
    """Return a time to two digits, in the unit that suits it."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{float(f'{seconds / size:.2g}'):g} {unit}"
    return f"{float(f'{max(seconds, 0.1):.2g}'):g} s"
