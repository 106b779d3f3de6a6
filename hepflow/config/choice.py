"""Keys that hold one of several blocks, told apart by their `name`."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo


def named(default: str) -> Callable[[Any], Any]:
    """Return what finds the name of a block; one without a name is the default's."""

    def name_of(value: Any) -> Any:
        if isinstance(value, BaseModel):
            return value.name  # type: ignore[attr-defined]
        return value.get("name", default) if isinstance(value, dict) else None

    return name_of


def _spelled_out(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


OR_ITS_NAME = BeforeValidator(_spelled_out)  # `method: cathode` stands for `method: {name: cathode}`
LISTED = BeforeValidator(
    _listed
)  # of the lists in such a block, which are no JSON any more once its name was looked up


def models_of(field: FieldInfo) -> list[type[BaseModel]]:
    """Return the blocks that a key, or an item of its list, may hold: none of a plain value, several of a choice."""
    return _models(field.annotation)


def _models(annotation: Any) -> list[type[BaseModel]]:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _models(parts[0])
    if origin in (Union, types.UnionType, tuple, dict):
        return [model for part in parts for model in _models(part)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []
