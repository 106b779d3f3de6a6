"""What all diagnostics share: a record of arrays that becomes plain JSON."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from hepflow.records import without_nan


class Record:
    """A dataclass of numbers, names, arrays and other records."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON holds them; None stands where a number is missing or infinite."""
        return {field.name: without_nan(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]
