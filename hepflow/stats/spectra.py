"""Spectra from files: CSV, histograms as UHI JSON (what `hist` writes), and ROOT TH1."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from hepflow.demo import bundled
from hepflow.errors import ConfigError, InputError
from hepflow.records import integer
from hepflow.regular import check_regular, read_regular
from hepflow.stats.bins import Bins
from hepflow.stats.csv_spectra import parse_csv
from hepflow.stats.encoding import decoded, read_text
from hepflow.stats.histograms import events, from_hist, from_json, from_root

if TYPE_CHECKING:
    import hist

_WORKSPACE = ("channels", "measurements", "observations")


def read_spectrum(path: str | Path | hist.Hist[Any], *, errors: bool = False) -> Bins:
    r"""Read the bins of a spectrum.

    Parameters
    ----------
    path
        ``.csv`` or ``.txt``: one bin a row, columns low, high and count (GeV), with or without a header;
        further columns need a header that names these three. ``.json``: one histogram as `uhi.io.json` writes
        it. ``.root``: a TH1, by ``file.root:name`` where the file holds several. A `hist.Hist`, or what else speaks
        UHI, is taken as it is.
    errors
        Read the column ``error`` of a CSV file, too, as of a template or a simulated signal. Data need none.

    Returns
    -------
    Bins
        ``edges, counts = read_spectrum(path)`` takes edges (B + 1,) and counts (B,); bins of under- and overflow are
        left out. Of weighted histograms the counts are effective ones (see `Bins`).

    Raises
    ------
    InputError
        If the file cannot be read, bins leave a gap or overlap, or a count is missing, negative or not finite; if the
        histogram holds means, or densities that cannot be made events again.

    Examples
    --------
    >>> import hepflow as hf
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     table = Path(folder, "spectrum.csv")
    ...     lines = table.write_text("low,high,count\n2000,2500,410\n2500,3000,130\n")
    ...     edges, counts = hf.stats.read_spectrum(table)
    >>> edges, counts
    (array([2000., 2500., 3000.]), array([410., 130.]))
    """
    if not isinstance(path, str | Path):
        return as_bins(path)
    path = bundled(str(path))
    file, _, name = path.partition(".root:")
    where = Path(f"{file}.root" if name else str(path))
    check_regular(where)
    if where.suffix.lower() not in _READERS:
        raise InputError(
            f"{where}: unknown kind of spectrum {where.suffix!r}; expected one of {', '.join(_READERS)}"
        )
    return _READERS[where.suffix.lower()](where, name, errors)


def as_bins(edges: Any, counts: ArrayLike | None = None) -> Bins:
    """Return bins as they are given: edges and counts, `Bins`, a `hist.Hist` or what else speaks UHI, a file.

    Raises
    ------
    ConfigError
        If it is nothing of this.
    InputError
        As `read_spectrum`.
    """
    if counts is not None:
        return Bins(
            np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64), where="spectrum"
        )
    if isinstance(edges, Bins):
        return edges
    if isinstance(edges, str | Path):
        return read_spectrum(edges)
    if hasattr(edges, "axes") and hasattr(edges, "values"):
        return from_hist(edges)
    raise ConfigError(
        f"a spectrum as {type(edges).__name__}: expected edges and counts, a hist.Hist, the Bins that "
        "hepflow.stats.read_spectrum returns, or a path"
    )


def parse_json(text: str, where: str) -> dict[str, Any] | Bins:
    """Return what JSON holds: a pyhf workspace as it is, or the bins of a histogram as `read_spectrum` does.

    Parameters
    ----------
    text
        The JSON.
    where
        What messages call it.

    Raises
    ------
    InputError
        If it holds neither, or a count is negative or not finite.
    """
    content = _json(text, where)
    return dict(content) if _is_workspace(content) else from_json(content, where)


def workspace_of(spec: Mapping[str, Any] | str | Path) -> Mapping[str, Any]:
    """Return a pyhf workspace as it is, or that of a JSON file.

    Raises
    ------
    InputError
        If the file holds none.
    ConfigError
        If it is neither a mapping nor a path.
    """
    if isinstance(spec, str | Path):
        content = _json(read_text(spec), spec)
        if not _is_workspace(content):
            raise InputError(f"{spec}: not a pyhf workspace, which has {', '.join(_WORKSPACE)}")
        return dict(content)
    if not isinstance(spec, Mapping):
        raise ConfigError(
            f"a workspace as {type(spec).__name__}: expected a pyhf workspace as a dict, or the path of its JSON"
        )
    return spec


def is_workspace(path: str | Path) -> bool:
    """Return whether a file is a pyhf workspace: JSON with channels, observations and measurements."""
    if Path(path).suffix.lower() == ".root":
        return False  # and not looked at in vain
    try:
        return _is_workspace(_json(read_text(path), path))
    except InputError:
        return False


def _is_workspace(content: Any) -> bool:
    return isinstance(content, dict) and content.keys() >= set(_WORKSPACE)


def _read_csv(path: Path, _: str, errors: bool) -> Bins:
    text = decoded(read_regular(path), path, numbers_only=True)
    return events(parse_csv(text, str(path), errors=errors))


def _read_json(path: Path, _: str, __: bool) -> Bins:
    content = _json(read_text(path), path)
    if _is_workspace(content):
        raise InputError(
            f"{path} is a pyhf workspace, not a spectrum; fit it with hepflow.stats.hunt_workspace"
        )
    return from_json(content, str(path))


def _json(text: str, where: str | Path) -> Any:
    try:
        return json.loads(text.removeprefix("\ufeff"), parse_int=integer)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error}); expected a histogram or a pyhf workspace") from error


def _read_root(path: Path, name: str, _: bool) -> Bins:
    return from_root(path, name)


_READERS: dict[str, Callable[[Path, str, bool], Bins]] = {
    ".csv": _read_csv,
    ".txt": _read_csv,
    ".json": _read_json,
    ".root": _read_root,
}
