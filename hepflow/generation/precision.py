"""How many digits a column was written with: rows that were rounded are told from others by that alone."""

from __future__ import annotations

import numpy as np

from hepflow.events import FloatArray

MOST = 6  # decimals or digits; a column with more is taken as not rounded
LOOKED_AT = 20_000  # rows
ALL_BUT = 1e-3  # share of rows that need not agree


def decimals(column: FloatArray) -> int | None:
    """Return the decimals that a column (N,) was rounded to, None where it was not to six or fewer."""
    rows = column[:LOOKED_AT]
    return next((n for n in range(MOST + 1) if _agree(np.round(rows, n), rows)), None)


def digits(column: FloatArray) -> int | None:
    """Return the significant digits that a column (N,) was rounded to, None where it was not to six or fewer."""
    rows = column[:LOOKED_AT]
    scale = 10.0 ** np.floor(np.log10(np.where(rows == 0, 1.0, np.abs(rows))))
    return next((n for n in range(1, MOST + 1) if _agree(np.round(rows / scale, n - 1) * scale, rows)), None)


def rounded(column: FloatArray) -> str:
    """Return in words what a column was rounded to; empty where it was not."""
    places, figures = decimals(column), digits(column)
    if places is not None:
        return f"{places} decimal{'s' * (places > 1)}" if places else "whole numbers"
    return "" if figures is None else f"{figures} digits"


def differently_rounded(a: FloatArray, b: FloatArray) -> tuple[str, str] | None:
    """Return what two columns were rounded to, where that differs and one of them is far finer; else None."""
    one, other = rounded(a), rounded(b)
    if one == other or (one and other and (decimals(a) is None) != (decimals(b) is None)):
        return None  # small numbers by their digits, large ones by their decimals: nothing certain
    return one or "not rounded", other or "not rounded"


def _agree(values: FloatArray, rows: FloatArray) -> bool:
    return bool(np.mean(~np.isclose(values, rows, rtol=1e-9, atol=0)) <= ALL_BUT) if len(rows) else True
