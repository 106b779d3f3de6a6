"""Files to events: ``read(path, format)`` gives a lazy Source of those in ROOT, HDF5, Parquet, CSV or NumPy files.

The names are imported when one is first used: what only looks for files does not wait for what opens them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hepflow.readers.expressions import Selection
    from hepflow.readers.normalisation import Normalisation
    from hepflow.readers.reading import read
    from hepflow.readers.schemas import SCHEMAS, Schema
    from hepflow.readers.source import Chunk, Source

__all__ = ["SCHEMAS", "Chunk", "Normalisation", "Schema", "Selection", "Source", "read"]


def __getattr__(name: str) -> Any:
    """Import a public name on its first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'hepflow.readers' has no attribute {name!r}")
    return getattr(importlib.import_module("hepflow.readers.reading"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
