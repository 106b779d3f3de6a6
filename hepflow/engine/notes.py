"""Small notes in a run folder: when something was done, and records without which a run goes on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from hepflow.errors import InputError
from hepflow.records import read_record

T = TypeVar("T")


def now() -> str:
    """Return the time (UTC, ISO 8601)."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_note(path: Path, kind: type[T]) -> T | None:
    """Return what a file says; None where there is none, or it cannot be read."""
    try:
        return read_record(path, kind)
    except InputError:
        return None
