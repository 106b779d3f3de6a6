"""NumPy's .npy files as tables: the fields of a structured array, or columns by position (col0, col1, ...)."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import awkward as ak
import numpy as np

from hepflow.errors import InputError
from hepflow.readers.damage import reading, unsupported
from hepflow.readers.files import opened
from hepflow.readers.table import Columns, Table, events_per_chunk


def open_npy(file: str) -> Table:
    """Open an array (N, D), a structured one (N,) or a single column (N,) as a table.

    Raises
    ------
    InputError
        If it is another array, truncated, or pickled: no pickle is opened.
    """
    with _opened(file) as array:
        names = _names(file, array)
        refused = {}
        for name in array.dtype.names or ():
            if array.dtype[name].base.kind not in "biuf":
                refused[name] = f"holds {array.dtype[name]}; expected numbers"
        return Table(file, len(array), names, partial(_stream, file), refused=refused)


@contextmanager
def _opened(file: str) -> Iterator[Any]:
    with reading(file, "NumPy"), opened(file) as stream:
        local = isinstance(stream, str)
        try:
            # A local array stays on disk; only the rows that are read take memory.
            yield np.load(
                stream if local else io.BytesIO(stream.read()),
                mmap_mode="r" if local else None,
                allow_pickle=False,
            )
        except ValueError as error:
            if "pickle" in str(error) or "Python objects" in str(error):
                raise unsupported(
                    file,
                    "an array of Python objects, a pickle, and no pickle is opened",
                    "write it as numbers",
                ) from error
            raise


def _names(file: str, array: Any) -> tuple[str, ...]:
    if array.dtype.names and array.ndim == 1:
        return tuple(array.dtype.names)
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2):
        raise InputError(
            f"{file}: an array {array.shape} of {array.dtype}; expected numbers (N, D), or a structured array (N,) "
            "with a field a column"
        )
    return tuple(f"col{index}" for index in range(1 if array.ndim == 1 else array.shape[1]))


def _stream(file: str, columns: Sequence[str], chunk: int | str, start: int, stop: int) -> Iterator[Columns]:
    with _opened(file) as array:
        named = array.dtype.names is not None
        step = events_per_chunk(chunk, float(array.dtype.itemsize * np.prod(array.shape[1:])))
        for first in range(start, stop, step):
            rows = np.asarray(array[first : min(first + step, stop)])
            rows = rows[:, None] if rows.ndim == 1 and not named else rows
            yield {name: _column(rows[name] if named else rows[:, int(name[3:])]) for name in columns}


def _column(values: Any) -> ak.Array:
    kind = values.dtype.newbyteorder("=")
    if kind.kind == "f":
        kind = np.dtype(f"f{min(max(kind.itemsize, 4), 8)}")
    return ak.from_numpy(np.ascontiguousarray(values.astype(kind, copy=False)))
