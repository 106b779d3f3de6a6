"""Samples in files, and files that are written whole or not at all."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.sample import Sample, SkippedFile

if TYPE_CHECKING:
    import h5py

SUFFIXES = {".h5": "HDF5", ".hdf5": "HDF5", ".parquet": "Parquet", ".root": "ROOT"}
SCHEMA = "hepflow-sample-1"
TREE = "sample"
ROWS = 1 << 18  # rows written at a time to a TTree or Parquet row group: what a reader must hold at once

NO_ROOM = tuple(os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT))
READ_ONLY = os.strerror(errno.EROFS)

Arrays = dict[str, NDArray[Any]]


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to, which becomes `path` if the block ends well and vanishes otherwise.

    The temporary file stands in the same folder and has the same suffix. It is flushed to the disk before it
    takes the place of `path`, so that a reader sees the old file or the new one, never a part.

    Raises
    ------
    InputError
        If the folder does not exist, or cannot be written to, or the disk is full.

    Examples
    --------
    >>> with atomic_write("counts.txt") as temporary:  # doctest: +SKIP
    ...     temporary.write_text("42")
    """
    target = Path(os.path.realpath(path))  # through a link, so that the link stays one
    if not target.parent.is_dir():
        raise InputError(
            f"{path}: cannot be written: there is no folder {str(target.parent)!r}; create it first"
        )
    if target.is_dir():
        raise InputError(f"{path}: cannot be written: it is a folder; name a file in it")
    if not os.access(target.parent, os.W_OK):
        raise InputError(f"{path}: cannot be written: no permission to write in {str(target.parent)!r}")
    temporary = target.with_name(f".{target.stem}.{os.getpid()}-{secrets.token_hex(4)}{target.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(target)
        sync(target.parent)
    except Exception as error:
        refuse_disk(path, error)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def refuse_disk(path: str | Path, error: Exception) -> None:
    """Raise an InputError that names the file if the disk is at fault; libraries say so in errors of any class."""
    found = [cause for cause in (*NO_ROOM, READ_ONLY) if cause in str(error)]
    if found:
        remedy = (
            "write elsewhere"
            if found[0] == READ_ONLY
            else "make room, and give the same command again: what was finished stays"
        )
        raise InputError(f"{path}: cannot be written: {found[0].lower()}; {remedy}") from error


def sync(folder: Path) -> None:
    """Have the names in a folder written to the disk."""
    stream = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(stream)
    finally:
        os.close(stream)


def write_text(path: str | Path, text: str) -> None:
    """Write text (UTF-8), whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: object) -> None:
    """Write a value as JSON, whole or not at all; numpy values, dataclasses and paths are written plainly.

    Raises
    ------
    ConfigError
        If it holds what JSON cannot say, such as NaN; the message says where.
    """
    write_text(path, json.dumps(_plain(value, "$"), indent=2, allow_nan=False) + "\n")


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


def read_json(path: str | Path, kind: str = "JSON") -> Any:
    """Read a JSON file; an error says what `kind` of record was expected there.

    Raises
    ------
    InputError
        If it is missing, cannot be read or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except RecursionError:
        raise InputError(f"{path}: cannot be read as {kind} (nested hundreds of levels deep)") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as {kind} ({error})") from None


def read_record(path: str | Path, schema: str) -> dict[str, Any]:
    """Read a JSON file that carries its schema, and return its other entries.

    Raises
    ------
    InputError
        If the file is missing, is not JSON, or is of another schema.
    """
    content = read_json(path, schema)
    found = content.pop("schema", None) if isinstance(content, dict) else type(content).__name__
    if found != schema:
        raise InputError(f"{path}: expected schema {schema!r}, found {found!r}")
    return dict(content)


def _plain(value: Any, where: str) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(entry, f"{where}.{key}") for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry, f"{where}[{index}]") for index, entry in enumerate(value)]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{where} is {value}, which JSON cannot hold; write None where there is no number")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ConfigError(f"{where} is {value!r} ({type(value).__name__}), which JSON cannot hold")


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
    return Sample(
        mass=arrays["m_jj"],
        features=np.stack(table, axis=1) if table else np.empty((lengths["m_jj"], 0)),
        names=tuple(names),
        weight=arrays["weight"],
        label=arrays.get("label"),
        cutflow=cutflow,
        skipped=skipped,
    )


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
    pq.write_table(table, path, row_group_size=ROWS)


def _read_parquet(path: Path) -> tuple[Arrays, str | None]:
    import pyarrow.parquet as pq

    table = pq.ParquetFile(path).read()
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
