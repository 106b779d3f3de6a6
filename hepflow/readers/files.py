"""Paths, lists, globs and URLs to a checked list of files."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec

from hepflow.demo import bundled
from hepflow.errors import ConfigError, HepflowError, InputError, did_you_mean
from hepflow.readers.damage import DamagedFileError, unsupported
from hepflow.readers.remote import PatientFile, chained, filesystem, patience, retried, whole_if_needed

MAGIC = {b"root": "ROOT", b"\x89HDF": "HDF5", b"PAR1": "Parquet", b"\x93NUM": "NumPy"}
OTHERS = {
    b"\x1f\x8b": "a file packed with gzip",
    b"BZh": "a file packed with bzip2",
    b"\xfd7zX": "a file packed with xz",
    b"\x28\xb5\x2f\xfd": "a file packed with zstd",
    b"PK\x03\x04": "a zip archive, such as NumPy's .npz",
    b"ARRO": "a Feather file",
    b"ORC": "an ORC file",
}
SUFFIX = {
    ".root": "ROOT",
    ".h5": "HDF5",
    ".hdf5": "HDF5",
    ".hdf": "HDF5",
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".npy": "NumPy",
    ".csv": "CSV",
    ".tsv": "CSV",
    ".txt": "CSV",
}


def find_files(path: str | Path | Iterable[str | Path]) -> list[str]:
    """Return the files behind a path, URL or glob, or a list of them, in order.

    Raises
    ------
    ConfigError
        If the list is empty.
    InputError
        If some are missing or folders, or a glob matches nothing (all are named); if one comes twice; if a URL's
        protocol needs a package that is not installed, or its server cannot list it.
    """
    entries = [path] if isinstance(path, str | Path) else list(path)
    if not entries:
        raise ConfigError(
            "no input file given: expected a path, a glob such as 'mc/*.root', a URL, or a list"
        )
    files: list[str] = []
    absent: list[str] = []
    for entry in entries:
        try:
            files += _expand(bundled(str(entry)))
        except InputError as error:
            absent.append(str(error))
    if absent:
        raise InputError("\n".join(absent))
    seen: dict[str | tuple[int, int], str] = {}
    for file in files:
        same = file if is_url(file) else _itself(Path(file))
        if same in seen:
            also = "" if file == seen[same] else f" (also as {seen[same]})"
            raise InputError(
                f"{file}: given twice{also}; its events would count double. Take one out of the list, or "
                "narrow the glob"
            )
        seen[same] = file
    return files


def _itself(file: Path) -> str | tuple[int, int]:
    """Return what a file has in common with all paths and links that lead to it."""
    status = file.stat()
    return (status.st_dev, status.st_ino) if status.st_ino else str(file.resolve())


def is_url(file: str) -> bool:
    """Tell whether fsspec, not the local file system, opens this."""
    return "://" in file


@contextmanager
def opened(file: str) -> Iterator[Any]:
    """Give what libraries read bytes from: a local path as it is, a URL as an open file."""
    found = at_hand(file)
    if not is_url(found):
        yield found
        return
    with _cached(file) if "::" in file else PatientFile(file) as stream:
        yield stream


def _cached(chain: str) -> Any:
    """Open a chain of URLs, which brings a cache of its own."""
    return chained(chain, lambda: fsspec.open(chain, "rb", **patience(chain)).open())


def at_hand(file: str) -> str:
    """Return what to open for a path or URL: a copy of it where its server can only send the whole."""
    return whole_if_needed(file) if is_url(file) and "::" not in file else file


def container(file: str) -> str:
    """Return what the file is: ROOT, HDF5, Parquet or NumPy by its first bytes, CSV (and the like) by its suffix.

    Of a URL the suffix decides.

    Raises
    ------
    InputError
        If it is none of them, or empty.
    """
    suffix = Path(file.partition("?")[0]).suffix.lower()
    if is_url(file):
        if suffix in SUFFIX:
            return SUFFIX[suffix]
        raise InputError(f"{file}: unclear what it is; expected a URL that ends in {', '.join(SUFFIX)}")
    try:
        with Path(file).open("rb") as stream:
            start = stream.read(4)
    except OSError as error:
        raise DamagedFileError(
            f"{file}: cannot be opened ({error.strerror}); check its permissions"
        ) from error
    if start in MAGIC:
        return MAGIC[start]
    import h5py  # heavy, and only needed here

    if h5py.is_hdf5(file):  # behind a block of something else
        return "HDF5"
    for first, kind in OTHERS.items():
        if start.startswith(first):
            raise unsupported(file, kind, "unpack it, or write it as ROOT, HDF5 or Parquet")
    if SUFFIX.get(suffix) == "CSV" and start and b"\0" not in start:
        return "CSV"
    expected = f"a {SUFFIX[suffix]} file" if suffix in SUFFIX else "a ROOT, HDF5 or Parquet file"
    found = f"begins with {start!r}" if start else "is empty"
    raise DamagedFileError(f"{file}: expected {expected}, but it {found}; check how it was written or copied")


def _expand(entry: str) -> list[str]:
    entry = entry.removeprefix("file://")
    if is_url(entry):
        return _expand_url(entry)
    local = Path(entry).expanduser()
    if local.is_file():
        return [str(local)]
    if local.is_dir():
        raise InputError(f"{entry}: is a folder; name its files, such as '{entry.rstrip('/')}/*.root'")
    if any(letter in entry for letter in "*?["):
        matches = glob.glob(str(local), recursive=True)  # noqa: PTH207 (Path.glob also finds hidden files)
        files = sorted(match for match in matches if Path(match).is_file())
        if not files:
            raise InputError(f"{entry}: no file matches this glob (seen from {Path.cwd()})")
        return files
    if not local.parent.is_dir():
        raise InputError(
            f"{entry}: no such file, and no folder {str(local.parent)!r} (seen from {Path.cwd()})"
        )
    near = did_you_mean(local.name, [file.name for file in local.parent.iterdir()])
    raise InputError(f"{entry}: no such file; in its folder, {near}")


def _expand_url(url: str) -> list[str]:
    for link in url.split("::"):
        protocol = link.partition("://")[0]
        try:
            fsspec.get_filesystem_class(protocol)
        except ImportError as error:
            raise InputError(
                f"{url}: reading {protocol}:// needs another package ({error}); "
                "try pip install 'hepflow[remote]'"
            ) from error
        except ValueError as error:
            known = fsspec.available_protocols()
            raise InputError(
                f"{url}: unknown protocol {protocol!r}; {did_you_mean(protocol, known)}"
            ) from error
    if "*" not in url:
        return [url]
    try:
        system, pattern = filesystem(url)
        matches = retried(url, lambda: system.glob(pattern))
        files = sorted(system.unstrip_protocol(match) for match in matches)
    except HepflowError:
        raise
    except Exception as error:
        raise InputError(f"{url}: cannot be listed ({type(error).__name__}: {error})") from error
    if not files:
        raise InputError(f"{url}: no file matches this glob")
    return files
