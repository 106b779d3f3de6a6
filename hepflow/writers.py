"""Tables of columns to files, piece by piece: what is written need not fit into memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import InputError

Arrays = dict[str, NDArray[Any]]
Write = Callable[[Arrays], None]
"""Takes the next rows, columns by name: of every piece the same, of the same types."""
Writer = Callable[[Path, str], AbstractContextManager[Write]]

ABOUT = "# hepflow "  # begins the first line of a CSV, which says what the others do not
TREE = "sample"
ROWS = 1 << 18  # rows written at a time to a TTree or Parquet row group: what a reader must hold at once


@contextmanager
def parquet(path: Path, about: str) -> Iterator[Write]:
    """Write Parquet, with checksums of its pages."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    open_files: list[pq.ParquetWriter] = []

    def write(arrays: Arrays) -> None:
        table = pa.table(arrays).replace_schema_metadata({"hepflow": about})
        if not open_files:
            open_files.append(pq.ParquetWriter(path, table.schema, write_page_checksum=True))
        open_files[0].write_table(table, row_group_size=ROWS)

    try:
        yield write
    finally:
        for file in open_files:
            file.close()


@contextmanager
def root(path: Path, about: str, *, rntuple: bool = False) -> Iterator[Write]:
    """Write a TTree `sample`, or an RNTuple, which older ROOT cannot read."""
    import uproot

    with uproot.recreate(path) as file:
        trees: list[Any] = []

        def write(arrays: Arrays) -> None:
            if not trees:
                make = file.mkrntuple if rntuple else file.mktree
                trees.append(make(TREE, {name: array.dtype for name, array in arrays.items()}))
            for start in range(0, len(next(iter(arrays.values()))), ROWS):
                trees[0].extend({name: array[start : start + ROWS] for name, array in arrays.items()})

        yield write
        file["hepflow"] = about


def delimited(delimiter: str) -> Writer:
    """Return what writes CSV and the like, numbers as short as they are exact."""

    @contextmanager
    def opened(path: Path, about: str) -> Iterator[Write]:
        import pyarrow as pa
        from pyarrow import csv

        options = csv.WriteOptions(delimiter=delimiter, include_header=False, quoting_style="none")
        with path.open("wb") as stream:
            stream.write(f"{ABOUT}{about}\n".encode())
            first = True

            def write(arrays: Arrays) -> None:
                nonlocal first
                if first:
                    stream.write(f"{delimiter.join(arrays)}\n".encode())
                first = False
                csv.write_csv(pa.table(arrays), stream, options)

            yield write

    return opened


@contextmanager
def hdf5(path: Path, about: str) -> Iterator[Write]:
    """Write HDF5, a dataset for each column.

    The HDF5 library may take Python down where a disk fills up: each piece is refused where there is no room for it.
    """
    import h5py

    with h5py.File(path, "w") as file:

        def write(arrays: Arrays) -> None:
            size = sum(array.nbytes for array in arrays.values())
            free = shutil.disk_usage(path.parent).free
            if free < 2 * size:
                raise InputError(
                    f"{path}: {free / 1e6:.0f} MB are left on its disk, too few for the next {size / 1e6:.0f} MB; "
                    "make room, or write fewer events"
                )
            for name, array in arrays.items():
                if name not in file:
                    file.create_dataset(
                        name,
                        data=array,
                        maxshape=(None,),
                        chunks=(min(max(len(array), 1), ROWS),),
                        compression="gzip",
                        compression_opts=4,
                        shuffle=True,
                    )
                    continue
                data = file[name]
                data.resize(len(data) + len(array), axis=0)
                data[len(data) - len(array) :] = np.ascontiguousarray(array)

        yield write
        file.attrs["hepflow"] = about
