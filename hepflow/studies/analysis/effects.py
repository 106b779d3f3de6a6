"""Systematic effects on an input, by name: ``jes/up``, ``jes/down``."""

from __future__ import annotations

from hepflow.config.inputs import Input, Varied


def side_of(entry: Input, effect: str | None) -> Varied | None:
    """Return what a systematic effect, such as ``jes/up``, does to an input."""
    if effect is None:
        return None
    name, _, side = effect.partition("/")
    found: Varied = getattr(entry.variations[name], side)
    return found


def effects_of(entry: Input | None) -> list[str]:
    """Return the systematic effects on an input, up and down."""
    names = entry.variations if entry is not None else ()
    return [f"{name}/{side}" for name in names for side in ("up", "down")]
