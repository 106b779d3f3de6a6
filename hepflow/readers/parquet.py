"""Parquet files as tables of columns; lists and records of lists included."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

import awkward as ak
import pyarrow as pa
import pyarrow.parquet as pq

from hepflow.readers.damage import reading
from hepflow.readers.files import opened
from hepflow.readers.table import Columns, Table, events_per_chunk


def open_parquet(file: str) -> Table:
    """Open a Parquet file as a table; the field ``pt`` of a record ``FatJet`` is the column ``FatJet.pt``.

    Raises
    ------
    InputError
        If the file is truncated or no Parquet file.
    """
    with _opened(file) as parquet:
        names = tuple(_leaves(parquet))
        events = parquet.metadata.num_rows
        times = Counter(parquet.schema_arrow.names)
        twice = (
            "stands in the file more than once; which is meant cannot be told. Write it anew with one of them"
        )
        refused = {name: twice for name in names if times[name] > 1}
        blocks = tuple(_groups(parquet)[:-1])
        return Table(file, events, names, partial(_stream, file), blocks=blocks, refused=refused)


def parquet_text(file: str, name: str) -> str | None:
    """Return a text of the file's key-value metadata; None if it has none of that name."""
    with _opened(file) as parquet:
        value = (parquet.metadata.metadata or {}).get(name.encode())
        return None if value is None else value.decode("utf-8")


@contextmanager
def _opened(file: str) -> Iterator[Any]:
    with reading(file, "Parquet"), opened(file) as stream, pq.ParquetFile(stream) as parquet:
        yield parquet


def _leaves(parquet: Any) -> dict[str, str]:
    """Return the path in the file of each column, which differs from its name by the words that lists add."""
    paths = [parquet.schema.column(index).path for index in range(len(parquet.schema))]
    return {re.sub(r"\.(list\.(element|item)|bag\.array_element)(?=\.|$)", "", path): path for path in paths}


def _groups(parquet: Any) -> list[int]:
    """Return the first row of each row group, and the number of all rows."""
    metadata = parquet.metadata
    rows = (metadata.row_group(index).num_rows for index in range(metadata.num_row_groups))
    return list(accumulate(rows, initial=0))


def _stream(file: str, columns: Sequence[str], chunk: int | str, start: int, stop: int) -> Iterator[Columns]:
    with _opened(file) as parquet:
        leaves = _leaves(parquet)
        step = events_per_chunk(chunk, _bytes_per_event(parquet, {leaves[name] for name in columns}))
        spans = list(pairwise(_groups(parquet)))
        groups = [index for index, (first, after) in enumerate(spans) if first < stop and after > start]
        batches = parquet.iter_batches(
            batch_size=step,
            row_groups=groups,
            columns=[leaves[name] for name in columns],
            use_threads=False,
        )
        row = spans[groups[0]][0]
        for batch in batches:
            own = batch[max(start - row, 0) : max(stop - row, 0)]
            row += len(batch)
            if len(own):
                arrays = ak.from_arrow(_with_floats(pa.Table.from_batches([own])))
                yield {name: _walk(arrays, name) for name in columns}


def _with_floats(table: Any) -> Any:
    """Return the columns with doubles in the place of decimals, of which awkward knows nothing."""
    own = table.schema
    schema = pa.schema([field.with_type(_float(field.type)) for field in own])
    return table if schema == own else table.cast(schema)


def _float(kind: Any) -> Any:
    """Return an Arrow type with doubles in the place of decimals, in lists and records, too."""
    if pa.types.is_decimal(kind):
        return pa.float64()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_float(field.type)) for field in kind])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_float(kind.value_type), kind.list_size)
    if pa.types.is_large_list(kind):
        return pa.large_list(_float(kind.value_type))
    return pa.list_(_float(kind.value_type)) if pa.types.is_list(kind) else kind


def _bytes_per_event(parquet: Any, paths: set[str]) -> float:
    groups = [parquet.metadata.row_group(index) for index in range(parquet.metadata.num_row_groups)]
    leaves = [group.column(index) for group in groups for index in range(group.num_columns)]
    # Eight bytes a value: the sizes in the file are of encoded values, which may be far smaller.
    values = sum(leaf.num_values for leaf in leaves if leaf.path_in_schema in paths)
    return float(8 * values / max(1, parquet.metadata.num_rows))


def _walk(arrays: ak.Array, name: str) -> ak.Array:
    if name in arrays.fields:
        return arrays[name]
    for part in name.split("."):
        arrays = arrays[part]
    return arrays
