"""The compression of HDF5 datasets: made known, or refused by name."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import h5py

from hepflow.readers.damage import unsupported

FIRST_FOREIGN = 256  # number of the first filter that HDF5 does not bring itself


def values(file: str, dataset: Any) -> Any:
    """Return all values of a dataset, however they are compressed.

    Raises
    ------
    UnsupportedError
        As of `check_filters`.
    """
    check_filters(file, dataset)
    return dataset[:]


def check_filters(file: str, dataset: Any) -> None:
    """Make known what undoes the compression of a dataset.

    Raises
    ------
    UnsupportedError
        If nothing does; it says what to install.
    """
    properties = dataset.id.get_create_plist()
    filters = dict(properties.get_filter(index)[::3] for index in range(properties.get_nfilters()))
    plugins = _load_plugins() if any(code >= FIRST_FOREIGN for code in filters) else True
    missing = [
        name.decode(errors="replace") or str(code) for code, name in filters.items() if not _known(code)
    ]
    if missing:
        advice = "write it anew with gzip or Blosc"
        raise unsupported(
            file,
            f"dataset {dataset.name!r} is compressed with {', '.join(missing)}, which neither HDF5 nor hdf5plugin "
            "can undo",
            advice if plugins else f"install what can (pip install hdf5plugin), or {advice}",
        )


def _known(code: int) -> bool:
    return bool(h5py.h5z.filter_avail(code))


@lru_cache
def _load_plugins() -> bool:
    """Load the filters of hdf5plugin, which pandas' Blosc needs, and tell whether they are installed.

    They go before others on this machine: a Blosc that lacks a codec says so while it reads, as of a damaged file.
    """
    folders = [h5py.h5pl.get(index) for index in range(h5py.h5pl.size())]
    for _ in folders:
        h5py.h5pl.remove(0)
    try:
        import hdf5plugin  # noqa: F401
    except ImportError:
        return False
    finally:
        for folder in folders:
            h5py.h5pl.append(folder)
    return True
