"""Text of others, made such that it can be shown: it does nothing to a terminal, a log or a page."""

from __future__ import annotations

import re

# What moves the cursor, colours or hides text, turns it around, or is no character at all.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
LONGEST = 4000  # characters of a line


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
