"""What classifiers have in common: the options that they were made with, and that they have to be trained."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from hepflow.errors import ConfigError


def options(classifier: Any) -> dict[str, Any]:
    """Return the options that a classifier, a dataclass, was made with."""
    return {entry.name: getattr(classifier, entry.name) for entry in fields(classifier) if entry.init}


def untrained(classifier: object) -> ConfigError:
    """Return the error of a classifier that is asked for what only a training gives."""
    return ConfigError(f"this {type(classifier).__name__} has not been trained; call fit first")
