"""Numbers as plain text, and tables of them: the same in every room; and text of others that is shown as it is."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

# What moves the cursor, colours or hides text, turns it around, or is no character at all.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
LONGEST = 4000  # characters of a line
SMALL = 1e-3  # numbers below are written with a power of ten

FEMTOBARN = "1 fb of cross-section times branching ratio times acceptance"  # what strength one may stand for


def printable(text: str, longest: int | None = None) -> str:
    r"""Return text with its control characters written out, so that it can do nothing to a terminal or a page.

    Parameters
    ----------
    text
        What may come from a file of others; ends of lines and tabs stay.
    longest
        Characters from which on a line is cut in its middle; None for no end.

    Examples
    --------
    >>> printable("mjj\x1b[2J")
    'mjj\\x1b[2J'
    """
    shown = _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    if longest is None or len(shown) <= longest:
        return shown
    return "\n".join(_cut(line, longest) for line in shown.split("\n"))


def _cut(line: str, longest: int) -> str:
    left = len(line) - longest
    half = longest // 2
    return line if left <= 0 else f"{line[:half]} ... ({left:,} characters left out) ... {line[-half:]}"


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


def band(expected: Sequence[float]) -> str:
    """Return the median and the 68 % band of values at -2, -1, 0, 1, 2 sigma."""
    return f"{number(expected[2])} ({number(expected[1])}-{number(expected[3])})"


def duration(seconds: float) -> str:
    """Return a time to two digits, in the unit that suits it."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{float(f'{seconds / size:.2g}'):g} {unit}"
    return f"{float(f'{max(seconds, 0.1):.2g}'):g} s"
