"""Spectra in CSV files: which column is what, and no cell that is missing passes for another."""

from __future__ import annotations

import csv
import re

import numpy as np

from hepflow.errors import ConfigError, InputError
from hepflow.quantity import Quantity
from hepflow.stats.bins import Bins, check_number

_WANTED = ("low", "high", "count")
_COUNTS = frozenset(
    [
        "count",
        "counts",
        "event",
        "events",
        "entries",
        "observed",
        "data",
        "n",
        "nobs",
        "yield",
        "value",
        "values",
        "content",
        "bkg",
        "background",
        "expected",
    ]
)
_ERRORS = frozenset(
    ["error", "errors", "err", "stat", "staterror", "counterror", "uncertainty", "unc", "sigma"]
)
_NUMBER = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE
)

_SAID = re.compile(r"^\s*#\s*(resonance|label|unit|title)\s*:\s*(\S.*?)\s*$", re.MULTILINE)

Row = tuple[int, list[str]]


def parse_csv(text: str, where: str, *, errors: bool = False) -> Bins:
    """Return the bins of a table with a bin a row, in columns low, high and count.

    Parameters
    ----------
    text
        The table: columns between commas, semicolons, tabs or spaces, comments after ``#``. One that says
        ``# resonance: m_mumu`` names the mass, and ``# label: ...``, ``# unit: ...``, ``# title: ...`` say more.
    where
        What messages call it.
    errors
        Read a column ``error`` as well, where there is one.

    Raises
    ------
    InputError
        With the line and the column that is missing or makes no sense.
    """
    rows = _rows(text, where)
    header = rows.pop(0)[1] if rows and not any(map(_is_number, rows[0][1])) else []
    columns = _columns(header, errors, where)
    width = len(header) or 3
    bins: list[list[float]] = []
    for number, row in rows:
        row = row[:width] if not any(row[width:]) else row
        if len(row) != width:
            raise InputError(
                f"{where}, line {number}: {len(row)} cells, {' '.join(row)!r}; expected {width}"
                + ("" if header else " (low edge, high edge, count; further columns need a header)")
            )
        bins.append([_value(row[column], name, number, where) for name, column in columns.items()])
        _check_bin(bins, number, where)
    table = np.array(bins, dtype=np.float64).reshape(-1, len(columns))
    edges = np.append(table[:, 0], table[-1:, 1])
    found = Bins(edges, table[:, 2], table[:, 3] ** 2 if len(columns) > 3 else None, where)
    resonance = _resonance(text)
    try:
        return found if resonance is None else found.called(resonance)
    except ConfigError as error:
        raise InputError(f"{where}: {error}") from None


def _resonance(text: str) -> Quantity | None:
    """Return what comments call the mass: ``# resonance: m_mumu``, and beside it label, unit and title."""
    said = dict(reversed(_SAID.findall(text)))  # the first counts
    name = said.pop("resonance", None)
    return None if name is None else Quantity(name, **{"unit": "GeV", **said})


def _rows(text: str, where: str) -> list[Row]:
    """Return the cells of each line that has some, with the line's number."""
    numbered = enumerate(re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff")), start=1)
    lines = [(number, re.sub(r"(^|\s)#.*", "", line).strip(" ")) for number, line in numbered]
    lines = [(number, line) for number, line in lines if line.strip()]
    check_number(len(lines) - 1, where)  # before the slow part
    delimiter = next((mark for mark in (";", "\t", ",") if lines and mark in lines[0][1]), None)
    rows = []
    for number, line in lines:
        try:
            cells = (
                next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
                if delimiter
                else line.split()
            )
        except csv.Error as error:
            raise InputError(f"{where}, line {number}: {error}") from error
        cells = [cell.strip() for cell in cells]
        if any(cells):
            rows.append((number, cells))
    return rows


def _columns(names: list[str], errors: bool, where: str) -> dict[str, int]:
    """Return where low, high and count stand, and with `errors` an error."""
    if not names:
        return dict(zip(_WANTED, range(3), strict=True))
    header = [_plain(name) for name in names]
    found = {name: [i for i, column in enumerate(header) if column == name] for name in _WANTED}
    if not found["count"]:
        found["count"] = [i for i, column in enumerate(header) if column in _COUNTS]
    in_order = len(header) == 3 and header[2] in _COUNTS and not {header[0], header[1]} & (_COUNTS | _ERRORS)
    if in_order:
        found = {name: [i] for i, name in enumerate(_WANTED)}
    for name, places in found.items():
        if len(places) != 1:
            what = "no column" if not places else f"{len(places)} columns that may be the"
            raise InputError(
                f"{where}: {what} {name} among {', '.join(one or '(no name)' for one in names)}; expected a "
                "header with low, high and count, each once"
            )
    columns = {name: places[0] for name, places in found.items()}
    places = [i for i, column in enumerate(header) if column in _ERRORS]
    if errors and len(places) > 1:
        raise InputError(
            f"{where}: {len(places)} columns of errors, {', '.join(names[i] for i in places)}; expected one, error"
        )
    return columns | ({"error": places[0]} if errors and places else {})


def _value(cell: str, name: str, number: int, where: str) -> float:
    if not cell:
        raise InputError(f"{where}, line {number}: no {name}; expected a number (write 0 where no event is)")
    if not _is_number(cell):
        raise InputError(f"{where}, line {number}: {name} is {cell!r}; expected a number")
    return float(cell)


def _check_bin(bins: list[list[float]], number: int, where: str) -> None:
    """Refuse the last bin if its numbers make no sense, or it does not touch the one before."""
    low, high, *contents = bins[-1]
    if not np.all(np.isfinite([low, high])):
        raise InputError(
            f"{where}, line {number}: bin {low:g} to {high:g}; expected finite edges (leave bins of under- and "
            "overflow out)"
        )
    for what, value in zip(("{} events", "error {}"), contents, strict=False):
        if not 0 <= value < np.inf:
            raise InputError(
                f"{where}, line {number}: {what.format(value)} in bin {low:g}-{high:g}; expected a number, zero or "
                "more"
            )
    if not low < high:
        raise InputError(
            f"{where}, line {number}: bin {low:g} to {high:g}; its high edge must lie above its low one"
        )
    if len(bins) > 1 and not np.isclose(low, bins[-2][1], rtol=1e-9):
        what = "leaves a gap to" if low > bins[-2][1] else "overlaps with"
        raise InputError(
            f"{where}, line {number}: bin {low:g}-{high:g} {what} the bin before, {bins[-2][0]:g}-{bins[-2][1]:g}; "
            "bins must touch and increase (write empty ones as rows with count 0)"
        )


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower(), flags=re.ASCII)


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None
