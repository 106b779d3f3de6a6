"""Plain settings to objects: the blocks of a configuration as classes take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

APART = ("name", "folds")  # which object it is, and what the cross-fit does with it


def built_method(chosen: Callable[[str], Any], settings: Mapping[str, Any], **more: Any) -> Any:
    """Return a method, and before it the detector that it is made with, where it is.

    Parameters
    ----------
    chosen
        Returns the class of a role: ``method``, ``detector``.
    settings
        The block of the method.
    **more
        What else the method takes.
    """
    if "detector" in settings:
        more["detector"] = built(chosen("detector"), settings["detector"])
    return built(chosen("method"), settings, **more)


def built(kind: Any, settings: Mapping[str, Any], **more: Any) -> Any:
    """Return an object of a class, by its ``of`` where it has one, from the settings of its block and more."""
    given = {key: value for key, value in settings.items() if key not in APART} | more
    return kind.of(**given) if hasattr(kind, "of") else kind(**given)
