"""CSV, TSV and other text of one line an event as tables: names from the header, or by position (col0, col1, ...)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from hepflow.errors import InputError
from hepflow.readers.damage import reading
from hepflow.readers.files import opened
from hepflow.readers.table import Columns, Table, events_per_chunk

ABOUT = "# hepflow "  # begins the first line of files that hepflow wrote
DELIMITERS = (",", ";", "\t", " ")
NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"
WORDS = r"(?i)^\s*[+-]?(nan|inf|infinity|na|n/a|null|true|false)?\s*$"
LONGEST = 1 << 20  # bytes of a header, of what is looked at to know the layout


@dataclass(frozen=True)
class Layout:
    """How a text is laid out: its delimiter, the names of its columns, and the lines before the first event."""

    delimiter: str
    names: tuple[str, ...]
    before: int


def open_csv(file: str) -> Table:
    """Open a text of one line an event as a table.

    The delimiter is the first of comma, semicolon, tab and space that stands in the first line. Lines before the
    columns that begin with # are passed over; the last may be the header. Without a header the columns are col0,
    col1, ... The text is parsed whole: a column is of numbers only if all of it is.

    Raises
    ------
    InputError
        If it is no such text, or two columns have one name.
    """
    with reading(file, "CSV"), opened(file) as stream:
        layout = _layout(file, _beginning(stream))
        whole = _read(file, layout)
        refused = {
            name: reason
            for name in whole.column_names
            if (reason := _refused(file, layout, name, whole[name])) is not None
        }
    stream_csv = partial(_stream, file, layout)
    return Table(file, whole.num_rows, layout.names, stream_csv, refused=refused)


def csv_text(file: str, name: str) -> str | None:
    """Return what the comment in the first line of a file of hepflow says; None if there is none."""
    with reading(file, "CSV"), opened(file) as stream:
        first = _beginning(stream)[0]
    return first.removeprefix(ABOUT) if name == "hepflow" and first.startswith(ABOUT) else None


def _beginning(stream: Any) -> list[str]:
    """Return the first lines of a path or an open file: comments, and two more."""
    found: list[str] = []
    handle = Path(stream).open("rb") if isinstance(stream, str) else stream  # noqa: SIM115 (closed below)
    try:
        for raw in iter(partial(handle.readline, LONGEST), b""):
            found.append(raw.decode("utf-8-sig" if not found else "utf-8").rstrip("\r\n"))
            if len([line for line in found if line.strip() and not line.startswith("#")]) == 2:
                break
    finally:
        if isinstance(stream, str):
            handle.close()
    return found or [""]


def _layout(file: str, lines: Sequence[str]) -> Layout:
    comments = 0
    while comments < len(lines) and lines[comments].startswith("#"):
        comments += 1
    rows = [line for line in lines[comments:] if line.strip()]
    if not rows:
        raise InputError(f"{file}: holds no line of columns; expected names and numbers, one line an event")
    delimiter = next((one for one in DELIMITERS if one in rows[0].strip()), ",")
    fields = _fields(rows[0], delimiter)
    before = comments
    if all(_is_number(field) for field in fields):  # no header, or one that is a comment
        commented = _fields(lines[comments - 1].lstrip("# "), delimiter) if comments else []
        ours = bool(comments) and lines[comments - 1].startswith(ABOUT)
        named = len(commented) == len(fields) and not ours
        names = commented if named else [f"col{index}" for index in range(len(fields))]
    else:
        names, before = fields, lines.index(rows[0]) + 1
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{file}: the name {twice!r} stands above two columns; give each its own")
    if "" in names:
        raise InputError(f"{file}: column {names.index('') + 1} of {len(names)} has no name; give it one")
    return Layout(delimiter, tuple(names), before)


def _fields(line: str, delimiter: str) -> list[str]:
    return [field.strip().strip('"').strip() for field in line.strip().split(delimiter)]


def _is_number(field: str) -> bool:
    return bool(re.match(NUMBER, field) or (field and re.match(WORDS, field)))


def _read(file: str, layout: Layout, columns: Sequence[str] | None = None, kind: Any = None) -> Any:
    """Parse the text; of these columns alone, as texts or numbers of one kind, where that is asked for."""
    with opened(file) as stream:
        source = stream if isinstance(stream, str) else io.BytesIO(stream.read())
        return csv.read_csv(
            source,
            csv.ReadOptions(skip_rows=layout.before, column_names=list(layout.names), use_threads=False),
            csv.ParseOptions(delimiter=layout.delimiter),
            csv.ConvertOptions(
                include_columns=None if columns is None else list(columns),
                column_types={} if kind is None else dict.fromkeys(columns or (), kind),
                timestamp_parsers=[],
            ),
        )


def _refused(file: str, layout: Layout, name: str, column: Any) -> str | None:
    """Return why a column cannot be used as numbers, and where that shows; None if it can."""
    kind = column.type
    if pa.types.is_floating(kind):
        values = column.to_numpy()
        if not np.isinf(values).any():
            return None
        (beyond,) = np.nonzero(np.isinf(values))
        texts = _read(file, layout, [name], pa.string())[name]
        for row in map(int, beyond):
            text = str(texts[row])
            if re.match(NUMBER, text):
                return f"holds {text.strip()} in row {row + 1:,}, beyond the largest double (1.8e308)"
        return None
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return None
    texts = _read(file, layout, [name], pa.string())[name]
    plain = pc.or_kleene(pc.match_substring_regex(texts, NUMBER), pc.match_substring_regex(texts, WORDS))
    wrong = np.flatnonzero(~pc.fill_null(plain, True).to_numpy(zero_copy_only=False))
    if not len(wrong):
        return "mixes numbers and words such as true; expected numbers"
    row = int(wrong[0])
    shown = str(texts[row])
    shown = shown if len(shown) <= 40 else f"{shown[:37]}..."
    return f"holds {shown!r} in row {row + 1:,} ({len(wrong):,} of {len(texts):,} are no numbers); expected numbers"


def _stream(
    file: str, layout: Layout, columns: Sequence[str], chunk: int | str, start: int, stop: int
) -> Iterator[Columns]:
    with reading(file, "CSV"):
        names = list(dict.fromkeys(columns))
        whole = _read(file, layout, names)
        arrays = {name: _numbers(whole[name]) for name in names}
    step = events_per_chunk(chunk, 8.0 * len(names))
    for first in range(start, stop, step):
        yield {
            name: ak.from_numpy(values[first : min(first + step, stop)]) for name, values in arrays.items()
        }


def _numbers(column: Any) -> np.ndarray[Any, Any]:
    """Return a column as numbers; an empty field is NaN."""
    if column.null_count or pa.types.is_null(column.type):
        column = column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
        return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    return np.asarray(column.to_numpy())
