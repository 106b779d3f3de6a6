"""Fonts in PDF files, without what says how letters are set: in a PDF each letter has its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

LAYOUT = ("GDEF", "GPOS", "GSUB")  # tables of a font: most of the time of making it smaller goes into them
_alone = Lock()


@contextmanager
def without_layout() -> Iterator[None]:
    """Have fontTools leave out the layout tables of the fonts that matplotlib embeds, for which it has no option."""
    from fontTools import subset

    dropped = getattr(subset.Options, "_drop_tables_default", None)
    if not isinstance(dropped, list):  # another fontTools: the file is the same to the eye, and takes longer
        yield
        return
    with _alone:
        subset.Options._drop_tables_default = [*dropped, *LAYOUT]
        try:
            yield
        finally:
            subset.Options._drop_tables_default = dropped
