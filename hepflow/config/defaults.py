"""Defaults of the schema, read where the class that a block configures has them: importing it would load torch."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hepflow


def default(where: str) -> Any:
    """Return the default of a dataclass' field or of a function's argument, or a constant.

    Parameters
    ----------
    where
        ``module:Class.field``, ``module:function.argument``, ``module:Class.method.argument`` or ``module:CONSTANT``;
        a plain value, or a constant of the same module.

    Raises
    ------
    LookupError
        If there is no such thing.
    """
    module, _, path = where.partition(":")
    values = _values(module)
    value = values.get(path)
    if isinstance(value, _Constant):
        path, value = value.name, values.get(value.name)
    if path not in values:
        raise LookupError(f"{where}: no default there")
    return value


@dataclass(frozen=True)
class _Constant:
    """The name of a constant that stands for a default."""

    name: str


@cache
def _values(module: str) -> dict[str, Any]:
    """Return every plain value that a module gives a name, a field or an argument."""
    path = Path(hepflow.__file__).parents[1].joinpath(*module.split(".")).with_suffix(".py")
    found: dict[str, Any] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            _note(found, node.targets[0].id, node.value)
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name) and inner.value:
                    _note(found, f"{node.name}.{inner.target.id}", inner.value)
                elif isinstance(inner, ast.FunctionDef):
                    _note_arguments(found, f"{node.name}.{inner.name}", inner.args)
        elif isinstance(node, ast.FunctionDef):
            _note_arguments(found, node.name, node.args)
    return found


def _note_arguments(found: dict[str, Any], function: str, arguments: ast.arguments) -> None:
    named = [*arguments.posonlyargs, *arguments.args]
    given = zip(named[len(named) - len(arguments.defaults) :], arguments.defaults, strict=True)
    for argument, value in (*given, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)):
        if value is not None:
            _note(found, f"{function}.{argument.arg}", value)


def _note(found: dict[str, Any], name: str, value: ast.expr) -> None:
    if isinstance(value, ast.Name):
        found[name] = _Constant(value.id)
        return
    try:
        found[name] = ast.literal_eval(value)
    except ValueError:  # what is made by a call is no plain value
        return
