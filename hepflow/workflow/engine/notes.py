"""Small notes in a run folder: when something was done, and JSON without which a run goes on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hepflow.errors import InputError
from hepflow.storage import read_json


def now() -> str:
    """Return the time (UTC, ISO 8601)."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_note(path: Path) -> dict[str, Any]:
    """Return what a JSON file says; nothing where there is none, or it cannot be read."""
    try:
        content = read_json(path)
    except InputError:
        return {}
    return content if isinstance(content, dict) else {}
