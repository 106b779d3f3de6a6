"""Samples in files: HDF5, Parquet and ROOT."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hepflow.atomic import atomic_write
from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.sample import Sample, SkippedFile

if TYPE_CHECKING:
    import h5py

SUFFIXES = {".h5": "HDF5", ".hdf5": "HDF5", ".parquet": "Parquet", ".root": "ROOT"}
SCHEMA = "hepflow-sample-1"
TREE = "sample"
ROWS = 1 << 18  # rows written at a time to a TTree or Parquet row group: what a reader must hold at once

Arrays = dict[str, NDArray[Any]]


@contextmanager
def write_hdf5(path: str | Path) -> Iterator[h5py.File]:
    """Give an HDF5 file to fill, which is written whole or not at all.

    It is made in memory first: where a disk fills up while it writes, the HDF5 library may take Python down with it.
    """
    import h5py

    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        yield file
    with atomic_write(path) as temporary:
        temporary.write_bytes(image.getbuffer())


def save_sample(sample: Sample, path: str | Path) -> None:
    """Write a sample to HDF5, Parquet or ROOT (a TTree ``sample``), by the suffix of `path`.

    One column each for ``m_jj``, the features, ``weight`` and, where there is one, ``label``; names, cutflow
    and skipped files as JSON (HDF5 attribute, Parquet metadata or TObjString ``hepflow``). Nothing is rounded.

    Raises
    ------
    ConfigError
        If the suffix is none of .h5, .hdf5, .parquet and .root, or a feature cannot be a column.
    """
    kind = _kind(path)
    for name in sample.names:
        if not name.replace("_", "").isalnum() or not name.isascii() or name in ("weight", "label"):
            raise ConfigError(
                f"{path}: feature {name!r} cannot be a column; expected letters, digits and '_' only, and neither "
                "'weight' nor 'label'"
            )
    table = {name: np.ascontiguousarray(sample.features[:, i]) for i, name in enumerate(sample.names)}
    if len(table) < len(sample.names) or not np.array_equal(
        table.get("m_jj", sample.mass), sample.mass, True
    ):
        raise ConfigError(f"{path}: features {sample.names}: expected each once, and 'm_jj' to be the mass")
    arrays: Arrays = {"m_jj": sample.mass, **table, "weight": sample.weight}
    if sample.label is not None:
        arrays["label"] = sample.label
    cutflow = [list(step) for step in sample.cutflow]
    skipped = [asdict(file) for file in sample.skipped]
    about = json.dumps({"schema": SCHEMA, "names": sample.names, "cutflow": cutflow, "skipped": skipped})
    if kind == "HDF5":
        _write_hdf5(path, arrays, about)
        return
    with atomic_write(path) as temporary:
        {"Parquet": _write_parquet, "ROOT": _write_root}[kind](temporary, arrays, about)


def load_sample(path: str | Path) -> Sample:
    """Read a sample that `save_sample` wrote.

    Raises
    ------
    InputError
        If the file is missing, damaged, or not one that hepflow wrote.
    """
    kind = _kind(path)
    if not Path(path).is_file():
        folder = Path(path).parent
        near = did_you_mean(Path(path).name, [p.name for p in folder.iterdir()]) if folder.is_dir() else ""
        raise InputError(f"{path}: no such file; {near or f'there is no folder {str(folder)!r}'}")
    try:
        arrays, about = {"HDF5": _read_hdf5, "Parquet": _read_parquet, "ROOT": _read_root}[kind](Path(path))
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise InputError(
            f"{path}: cannot be read as {kind} ({type(error).__name__}: {reason}); write or copy it anew"
        ) from error
    return _sample(path, arrays, about)


def _sample(path: str | Path, arrays: Arrays, about: str | None) -> Sample:
    try:
        described = json.loads(about or "")
        schema, names = described["schema"], described["names"]
        cutflow = tuple((str(cause), int(events)) for cause, events in described["cutflow"])
        skipped = tuple(SkippedFile(**file) for file in described.get("skipped", ()))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: not a sample that hepflow wrote; read files of experiments with "
            f"hepflow.read(path, format)"
        ) from error
    if schema != SCHEMA:
        raise InputError(
            f"{path}: schema {schema!r}; this hepflow reads {SCHEMA!r}: use the version that wrote it"
        )
    expected = ["m_jj", *names, "weight"]
    missing = [name for name in expected if name not in arrays]
    lengths = {name: len(array) for name, array in arrays.items()}
    if missing or len(set(lengths.values())) > 1:
        raise InputError(
            f"{path}: damaged: missing columns {missing}, lengths {lengths}; expected one length for all of "
            f"{expected}. Write it anew"
        )
    table = [arrays[name] for name in names]
    try:
        return Sample(
            mass=arrays["m_jj"],
            features=np.stack(table, axis=1) if table else np.empty((lengths["m_jj"], 0)),
            names=tuple(names),
            weight=arrays["weight"],
            label=arrays.get("label"),
            cutflow=cutflow,
            skipped=skipped,
        )
    except ConfigError as error:
        raise InputError(f"{path}: {error}") from error


def _kind(path: str | Path) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(f"{path}: suffix {suffix!r}; expected one of {', '.join(SUFFIXES)}")
    return SUFFIXES[suffix]


def _write_hdf5(path: str | Path, arrays: Arrays, about: str) -> None:
    with write_hdf5(path) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, compression="gzip", compression_opts=4, shuffle=True)
        file.attrs["hepflow"] = about


def _read_hdf5(path: Path) -> tuple[Arrays, str | None]:
    import h5py

    with h5py.File(path, "r") as file:
        arrays = {
            name: data[:] for name, data in file.items() if isinstance(data, h5py.Dataset) and data.shape
        }
        return arrays, file.attrs.get("hepflow")


def _write_parquet(path: Path, arrays: Arrays, about: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(arrays).replace_schema_metadata({"hepflow": about})
    pq.write_table(table, path, row_group_size=ROWS, write_page_checksum=True)


def _read_parquet(path: Path) -> tuple[Arrays, str | None]:
    import pyarrow.parquet as pq

    table = pq.ParquetFile(path, page_checksum_verification=True).read()
    about = (table.schema.metadata or {}).get(b"hepflow")
    return {name: table[name].to_numpy() for name in table.column_names}, about and about.decode()


def _write_root(path: Path, arrays: Arrays, about: str) -> None:
    import uproot

    with uproot.recreate(path) as file:
        # Assigning to file[TREE] would write an RNTuple, which older ROOT cannot read.
        tree = file.mktree(TREE, {name: array.dtype for name, array in arrays.items()})
        for start in range(0, len(arrays["m_jj"]), ROWS):
            tree.extend({name: array[start : start + ROWS] for name, array in arrays.items()})
        file["hepflow"] = about


def _read_root(path: Path) -> tuple[Arrays, str | None]:
    import uproot

    with uproot.open({path: None}) as file:
        if path.stat().st_size < file.file.fEND:
            raise EOFError(f"truncated: {path.stat().st_size:,} bytes of {file.file.fEND:,}")
        about = str(file["hepflow"]) if "hepflow" in file else None
        return file[TREE].arrays(library="np") if about and TREE in file else {}, about
