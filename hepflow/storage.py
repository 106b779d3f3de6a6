"""Samples in files: HDF5, Parquet, ROOT, CSV and TSV."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hepflow import writers
from hepflow.atomic import atomic_write
from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.events import OWN, Events
from hepflow.quantity import M_JJ, Quantity
from hepflow.sample import Cutflow, Sample, SkippedFile
from hepflow.writers import ABOUT, TREE, Arrays

if TYPE_CHECKING:
    import h5py

SUFFIXES = {
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".parquet": "Parquet",
    ".root": "ROOT",
    ".csv": "CSV",
    ".tsv": "TSV",
}
DELIMITER = {"CSV": ",", "TSV": "\t"}
SCHEMA = "hepflow-sample-1"


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


def save_sample(sample: Events, path: str | Path, *, rntuple: bool = False) -> None:
    """Write a sample, or events without a resonant variable, to a file, by the suffix of `path`.

    One column each for the resonant variable (``m_jj``, if it has no other name), the features, ``weight`` and, where
    there is one, ``label``; what else is known, such as names, labels, units, cutflow and skipped files, as JSON
    (HDF5 attribute, Parquet metadata, TObjString ``hepflow``, or a comment in the first line). Nothing is rounded.

    Parameters
    ----------
    sample
        The events.
    path
        A file that ends in .h5, .hdf5, .parquet, .root (a TTree ``sample``), .csv or .tsv.
    rntuple
        Write an RNTuple in place of the TTree.

    Raises
    ------
    ConfigError
        If the suffix is another, or a feature cannot be a column.
    """
    writer, arrays, about = _writer(path, rntuple), _arrays(path, sample), _about(sample)
    if writer is writers.hdf5:
        _write_hdf5(path, arrays, about)
        return
    with atomic_write(path) as temporary, writer(temporary, about) as write:
        write(arrays)


def save_pieces(pieces: Iterable[Events], path: str | Path, *, rntuple: bool = False) -> int:
    """Write events that come in pieces, of which one at a time is in memory; the cutflow is that of the first.

    Parameters
    ----------
    pieces
        With the same columns and types of columns.
    path, rntuple
        As of `save_sample`, which says what is raised.

    Returns
    -------
    int
        How many events were written.

    Raises
    ------
    InputError
        If there is no piece.
    """
    writer, written, waiting = _writer(path, rntuple), 0, iter(pieces)
    first = next(waiting, None)
    if first is None:
        raise InputError(f"{path}: no events to write")
    with atomic_write(path) as temporary, writer(temporary, _about(first)) as write:
        for piece in chain([first], waiting):
            write(_arrays(path, piece))
            written += len(piece)
    return written


def _arrays(path: str | Path, sample: Events) -> Arrays:
    """Return the columns of a file, refusing those that cannot be."""
    resonance = sample.resonance if isinstance(sample, Sample) else None
    for name in (*([resonance.name] if resonance else []), *sample.names):
        if not name.replace("_", "").isalnum() or not name.isascii() or name in OWN:
            raise ConfigError(
                f"{path}: feature {name!r} cannot be a column; expected letters, digits and '_' only, and neither "
                "'weight' nor 'label'"
            )
    table = {name: np.ascontiguousarray(sample.features[:, i]) for i, name in enumerate(sample.names)}
    arrays: Arrays = {**table, "weight": sample.weight}
    if isinstance(sample, Sample):
        same = np.array_equal(table.get(sample.resonance.name, sample.mass), sample.mass, True)
        arrays = {sample.resonance.name: sample.mass, **arrays}
    if len(table) < len(sample.names) or not (resonance is None or same):
        also = "" if resonance is None else f", and {resonance.name!r} to be the mass"
        raise ConfigError(f"{path}: features {sample.names}: expected each once{also}")
    if sample.label is not None:
        arrays["label"] = sample.label
    return arrays


def _about(sample: Events) -> str:
    """Return what a file says of events beside their columns."""
    resonance = sample.resonance if isinstance(sample, Sample) else None
    return json.dumps(
        {
            "schema": SCHEMA,
            "names": sample.names,
            "cutflow": [list(step) for step in sample.cutflow],
            "skipped": [asdict(file) for file in sample.skipped],
            "resonance": None if resonance is None else asdict(resonance),
            "quantities": [asdict(quantity) for quantity in sample.quantities],
        }
    )


def _writer(path: str | Path, rntuple: bool) -> writers.Writer:
    kind = _kind(path)
    if rntuple and kind != "ROOT":
        raise ConfigError(f"{path}: an RNTuple stands in a ROOT file; expected a name that ends in .root")
    return partial(writers.root, rntuple=True) if rntuple else WRITERS[kind]


def load_sample(path: str | Path) -> Sample:
    """Read a sample that `save_sample` wrote.

    Raises
    ------
    InputError
        If the file is missing, damaged, not one that hepflow wrote, or its events have no resonant variable.
    """
    events = load_events(path)
    if not isinstance(events, Sample):
        raise InputError(f"{path}: its events have no resonant variable; read them with hepflow.load_events")
    return events


def load_events(path: str | Path) -> Events:
    """Read events that `save_sample` wrote: a `Sample` where they have a resonant variable.

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
        arrays, about = READERS[kind](Path(path))
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise InputError(
            f"{path}: cannot be read as {kind} ({type(error).__name__}: {reason}); write or copy it anew"
        ) from error
    return _events(path, arrays, about)


@dataclass(frozen=True)
class About:
    """What a file says of the events in it, beside their columns.

    Parameters
    ----------
    names, cutflow, skipped, quantities
        As of `Events`.
    resonance
        As of `Sample`; None where there is none.
    """

    names: tuple[str, ...]
    cutflow: Cutflow
    skipped: tuple[SkippedFile, ...]
    quantities: tuple[Quantity, ...]
    resonance: Quantity | None

    @classmethod
    def of(cls, text: str | None) -> About:
        """Return what a text says.

        Raises
        ------
        KeyError, TypeError, ValueError
            If hepflow did not write it.
        """
        described = json.loads(text or "")
        resonance = described.get("resonance", asdict(M_JJ))  # which files of before do not name
        found = cls(
            tuple(described["names"]),
            tuple((str(cause), int(events)) for cause, events in described["cutflow"]),
            tuple(SkippedFile(**file) for file in described.get("skipped", ())),
            tuple(Quantity(**quantity) for quantity in described.get("quantities", ())),
            None if resonance is None else Quantity(**resonance),
        )
        if described["schema"] != SCHEMA:
            raise SchemaError(
                f"schema {described['schema']!r}; this hepflow reads {SCHEMA!r}: use the version that wrote it"
            )
        return found


class SchemaError(ConfigError):
    """A file of another version."""


def _events(path: str | Path, arrays: Arrays, about: str | None) -> Events:
    try:
        described = About.of(about)
    except SchemaError as error:
        raise InputError(f"{path}: {error}") from error
    except (ValueError, KeyError, TypeError, ConfigError) as error:
        raise InputError(
            f"{path}: not a sample that hepflow wrote; read files of experiments with "
            f"hepflow.read(path, format)"
        ) from error
    resonance, names = described.resonance, described.names
    expected = [*([resonance.name] if resonance else []), *names, "weight"]
    missing = [name for name in expected if name not in arrays]
    lengths = {name: len(array) for name, array in arrays.items()}
    if missing or len(set(lengths.values())) > 1:
        raise InputError(
            f"{path}: damaged: missing columns {missing}, lengths {lengths}; expected one length for all of "
            f"{expected}. Write it anew"
        )
    table = [arrays[name] for name in names]
    values: dict[str, Any] = {
        "features": np.stack(table, axis=1) if table else np.empty((lengths["weight"], 0)),
        "names": names,
        "weight": arrays["weight"],
        "label": arrays.get("label"),
        "cutflow": described.cutflow,
        "skipped": described.skipped,
        "quantities": described.quantities,
    }
    try:
        if resonance is None:
            return Events(**values)
        return Sample(arrays[resonance.name], **values, resonance=resonance)
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


def _read_parquet(path: Path) -> tuple[Arrays, str | None]:
    import pyarrow.parquet as pq

    table = pq.ParquetFile(path, page_checksum_verification=True).read()
    about = (table.schema.metadata or {}).get(b"hepflow")
    return {name: table[name].to_numpy() for name in table.column_names}, about and about.decode()


def _read_root(path: Path) -> tuple[Arrays, str | None]:
    import uproot

    with uproot.open({path: None}) as file:
        if path.stat().st_size < file.file.fEND:
            raise EOFError(f"truncated: {path.stat().st_size:,} bytes of {file.file.fEND:,}")
        about = str(file["hepflow"]) if "hepflow" in file else None
        if not about or TREE not in file:
            return {}, about
        tree = file[TREE]
        if isinstance(tree, uproot.TTree):
            return tree.arrays(library="np"), about
        columns = tree.arrays()
        return {name: columns[name].to_numpy() for name in columns.fields}, about


def _read_csv(path: Path) -> tuple[Arrays, str | None]:
    import pyarrow as pa
    from pyarrow import csv

    with path.open("rb") as stream:
        first = stream.readline().decode()
    if not first.startswith(ABOUT):
        return {}, None
    table = csv.read_csv(
        path,
        csv.ReadOptions(skip_rows=1),
        csv.ParseOptions(delimiter=DELIMITER[_kind(path)]),
        csv.ConvertOptions(column_types={"label": pa.int8(), "weight": pa.float64()}),
    )
    arrays = {name: table[name].to_numpy() for name in table.column_names}
    return {
        name: array if name == "label" else array.astype(np.float64) for name, array in arrays.items()
    }, first.removeprefix(ABOUT)


READERS: dict[str, Callable[[Path], tuple[Arrays, str | None]]] = {
    "HDF5": _read_hdf5,
    "Parquet": _read_parquet,
    "ROOT": _read_root,
    "CSV": _read_csv,
    "TSV": _read_csv,
}
WRITERS: dict[str, writers.Writer] = {
    "HDF5": writers.hdf5,
    "Parquet": writers.parquet,
    "ROOT": writers.root,
    **{kind: writers.delimited(delimiter) for kind, delimiter in DELIMITER.items()},
}
