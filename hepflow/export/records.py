"""Any result of hepflow as plain JSON: its numbers under their names, with what made them."""

from __future__ import annotations

from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from hepflow.errors import ConfigError
from hepflow.records import without_nan, write_json
from hepflow.version import __version__


def write_record(path: str | Path, result: object) -> None:
    """Write a result as JSON: what `record` returns.

    Parameters
    ----------
    path
        The file.
    result
        `Results`, `BumpHunt`, `UpperLimit`, a scan, or any other frozen result.

    Raises
    ------
    ConfigError
        If `result` is no result, or holds what JSON cannot say; the message says where.
    InputError
        If the file cannot be written.
    """
    write_json(path, record(result))


def record(result: object) -> dict[str, Any]:
    """Return a result as plain values: what its `to_dict` gives, or the fields of a dataclass without one.

    There is also ``kind`` (the name of the class) and ``hepflow`` (the version). A number that is not finite, as of
    a fit that failed, is None.

    Raises
    ------
    ConfigError
        If `result` is no result.

    Examples
    --------
    >>> import hepflow as hf
    >>> entry = hf.export.record(hf.selection.Closure(auc=0.51, error=0.02))
    >>> entry["kind"], entry["auc"], entry["error"]
    ('Closure', 0.51, 0.02)
    """
    if isinstance(result, type) or not (hasattr(result, "to_dict") or is_dataclass(result)):
        raise ConfigError(
            f"{type(result).__name__} is no result of hepflow: expected a record such as BumpHunt"
        )
    return {"kind": type(result).__name__, "hepflow": __version__, **without_nan(result)}
