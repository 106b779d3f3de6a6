"""Spectra from files: CSV, histograms as UHI JSON (what `hist` writes), and ROOT TH1."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hepflow.errors import InputError, did_you_mean
from hepflow.sample import FloatArray

Bins = tuple[FloatArray, FloatArray]

_COLUMNS = ("low", "high", "count")
_WORKSPACE = ("channels", "measurements", "observations")


def read_spectrum(path: str | Path) -> Bins:
    r"""Read bin edges and counts.

    Parameters
    ----------
    path
        ``.csv`` or ``.txt``: one bin a row, columns low, high and count (GeV), with or without a header;
        further columns need a header that names these three. ``.json``: one histogram as `uhi.io.json` writes
        it. ``.root``: a TH1, by ``file.root:name`` where the file holds several.

    Returns
    -------
    edges, counts
        Shapes ``(B + 1,)`` and ``(B,)``; bins of under- and overflow are left out.

    Raises
    ------
    InputError
        If the file cannot be read, bins leave a gap or overlap, or a count is negative or not finite.

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
    file, _, name = str(path).partition(".root:")
    where = Path(f"{file}.root" if name else str(path))
    if where.suffix.lower() not in _READERS:
        raise InputError(
            f"{where}: unknown kind of spectrum {where.suffix!r}; expected one of {', '.join(_READERS)}"
        )
    if not where.is_file():
        raise InputError(f"{where}: no such file")
    return _checked(_READERS[where.suffix.lower()](where, name), where)


def parse_json(text: str, where: str) -> dict[str, Any] | Bins:
    """Return what JSON holds: a pyhf workspace as it is, or edges and counts of a histogram as `read_spectrum` does.

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
    return dict(content) if _is_workspace(content) else _checked(_histogram(content, where), where)


def _checked(bins: Bins, where: str | Path) -> Bins:
    edges, counts = bins
    if len(counts) == 0:
        raise InputError(f"{where}: no bin in it")
    bad = np.flatnonzero(~np.isfinite(counts) | (counts < 0))
    if len(bad):
        low, high = edges[bad[0]], edges[bad[0] + 1]
        raise InputError(
            f"{where}: {counts[bad[0]]} events in bin {low:g}-{high:g}; expected a number, zero or more"
        )
    return edges, counts


def is_workspace(path: str | Path) -> bool:
    """Return whether a file is a pyhf workspace: JSON with channels, observations and measurements."""
    try:
        return _is_workspace(json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False


def _is_workspace(content: Any) -> bool:
    return isinstance(content, dict) and content.keys() >= set(_WORKSPACE)


def _read_csv(path: Path, _: str) -> Bins:
    text = path.read_text(encoding="utf-8-sig")
    delimiter = next((mark for mark in (",", ";", "\t") if mark in text), " ")
    reader = csv.reader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    rows = [(reader.line_num, [cell.strip() for cell in row if cell.strip()]) for row in reader]
    rows = [(number, row) for number, row in rows if row and not row[0].startswith("#")]
    columns = [0, 1, 2]
    if rows and not _is_number(rows[0][1][0]):
        header = [cell.lower() for cell in rows.pop(0)[1]]
        if set(_COLUMNS) <= set(header):
            columns = [header.index(name) for name in _COLUMNS]
        elif len(header) != 3:
            raise InputError(f"{path}: columns {', '.join(header)}; expected low, high and count among them")
    bins: list[list[float]] = []
    for number, row in rows:
        if len(row) <= max(columns) or not all(_is_number(row[i]) for i in columns):
            raise InputError(
                f"{path}, row {number}: {' '.join(row)!r}; expected numbers: low edge, high edge, count"
            )
        low, high, count = (float(row[i]) for i in columns)
        if not low < high:
            raise InputError(
                f"{path}, row {number}: bin {low:g} to {high:g}; its high edge must lie above its low one"
            )
        if bins and not np.isclose(low, bins[-1][1], rtol=1e-9):
            what = "leaves a gap to" if low > bins[-1][1] else "overlaps with"
            raise InputError(
                f"{path}, row {number}: bin {low:g}-{high:g} {what} the bin before, "
                f"{bins[-1][0]:g}-{bins[-1][1]:g}; bins must touch and increase (write empty ones as rows "
                "with count 0)"
            )
        bins.append([low, high, count])
    table = np.array(bins, dtype=np.float64).reshape(-1, 3)
    return np.append(table[:, 0], table[-1:, 1]), table[:, 2]


def _read_json(path: Path, _: str) -> Bins:
    content = _json(path.read_text(encoding="utf-8"), path)
    if _is_workspace(content):
        raise InputError(
            f"{path} is a pyhf workspace, not a spectrum; fit it with hepflow.stats.hunt_workspace"
        )
    return _histogram(content, str(path))


def _json(text: str, where: str | Path) -> Any:
    import uhi.io.json

    try:
        return json.loads(text, object_hook=uhi.io.json.object_hook)
    except ValueError as error:
        raise InputError(f"{where}: not JSON ({error}); expected a histogram or a pyhf workspace") from error


def _histogram(content: Any, where: str) -> Bins:
    import hist

    try:
        histogram = hist.Hist(content)
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{where}: neither a histogram as uhi.io.json writes it ({error}) nor a pyhf workspace, which has "
            f"{', '.join(_WORKSPACE)}"
        ) from error
    return _one_axis(histogram, where)


def _read_root(path: Path, name: str) -> Bins:
    import uproot

    try:
        with uproot.open(path) as file:
            found = file.keys(filter_classname="TH1*", cycle=False)
            if name and name not in found:
                raise InputError(f"{path}: no TH1 {name!r} in it; {did_you_mean(name, found)}")
            if not name and len(found) != 1:
                what = (
                    f"several TH1 ({', '.join(sorted(found))}): name one as {path}:NAME"
                    if found
                    else "no TH1"
                )
                raise InputError(f"{path} holds {what}")
            return _one_axis(file[name or found[0]].to_hist(), f"{path}:{name or found[0]}")
    except (OSError, ValueError, uproot.DeserializationError) as error:
        raise InputError(f"{path}: not a ROOT file that uproot can read ({error})") from error


def _one_axis(histogram: Any, where: str) -> Bins:
    if histogram.ndim != 1:
        raise InputError(
            f"{where}: a histogram of {histogram.ndim} axes; a spectrum has one, project it first"
        )
    edges = np.asarray(histogram.axes[0].edges, dtype=np.float64)
    return edges, np.asarray(histogram.values(), dtype=np.float64)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_READERS: dict[str, Callable[[Path, str], Bins]] = {
    ".csv": _read_csv,
    ".txt": _read_csv,
    ".json": _read_json,
    ".root": _read_root,
}
