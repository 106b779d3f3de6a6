"""Comparison: what several methods found in the same data, which becomes ``comparison.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from hepflow.comparison.records import Estimate, Matrix, MethodCut, MethodResult
from hepflow.comparison.summary import Summary, summarise
from hepflow.storage import read_record, write_json

SCHEMA = "hepflow-comparison-1"
R = TypeVar("R")


@dataclass(frozen=True)
class Comparison:
    """Several methods on the same data sets, schema ``hepflow-comparison-1``.

    Parameters
    ----------
    name, config_hash, versions
        Which comparison this is.
    regions
        ``signal`` and ``sidebands`` in GeV.
    results
        One entry a method, seed and injection.
    matrices
        How far the methods agree.
    """

    name: str
    config_hash: str
    versions: Mapping[str, str]
    regions: Mapping[str, Any]
    results: tuple[MethodResult, ...]
    matrices: tuple[Matrix, ...] = ()

    @property
    def injections(self) -> tuple[int, ...]:
        """Numbers of injected events, from small to large."""
        return tuple(sorted({one.injected for one in self.results}))

    def summary(self) -> tuple[Summary, ...]:
        """Return mean and error over seeds of every method at every injection, methods in the order they were run."""
        return summarise(self.results)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries and lists, in the layout of ``comparison.json``."""
        return {"schema": SCHEMA, **asdict(self)}

    def write(self, path: str | Path) -> None:
        """Write ``comparison.json``, whole or not at all."""
        write_json(path, self.to_dict())

    @classmethod
    def from_json(cls, path: str | Path) -> Comparison:
        """Read ``comparison.json``.

        Raises
        ------
        InputError
            If the file is missing, is not JSON, or is of another schema.
        """
        content = read_record(path, SCHEMA)
        content["results"] = tuple(_result(entry) for entry in content["results"])
        content["matrices"] = tuple(_matrix(entry) for entry in content["matrices"])
        return _read(cls, content)


def read_result(path: str | Path) -> MethodResult:
    """Read one method's result, written as JSON by itself."""
    return _result(json.loads(Path(path).read_text(encoding="utf-8")))


def read_matrices(path: str | Path) -> tuple[Matrix, ...]:
    """Read matrices, written as JSON by themselves."""
    return tuple(_matrix(entry) for entry in json.loads(Path(path).read_text(encoding="utf-8")))


def _result(content: dict[str, Any]) -> MethodResult:
    content["cuts"] = tuple(_read(MethodCut, cut, ("sic", "non_closure")) for cut in content["cuts"])
    content["closure"] = {band: Estimate(**one) for band, one in content["closure"].items()}
    return _read(MethodResult, content, ("auc", "max_sic", "rejection_20", "rejection_40", "calibration"))


def _matrix(content: dict[str, Any]) -> Matrix:
    rows = {name: tuple(tuple(row) for row in content[name]) for name in ("value", "error")}
    return _read(Matrix, {**content, **rows})


def _read(record: type[R], content: dict[str, Any], estimates: Iterable[str] = ()) -> R:
    """Return a record as it was written: estimates, tuples for lists, and no entry that it does not know."""
    known = {entry.name for entry in fields(record)}  # type: ignore[arg-type]
    content = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
    content |= {name: Estimate(**content[name]) for name in estimates if content[name] is not None}
    return record(**{name: value for name, value in content.items() if name in known})
