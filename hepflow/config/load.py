"""A configuration file to a `Config` or what its `task` says, or to the list of everything wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from hepflow.config.choice import models_of
from hepflow.config.document import Document, Location, parse
from hepflow.config.generation import Generation
from hepflow.config.integration import Integration
from hepflow.config.showers import ShowerStudy
from hepflow.config.top import Config
from hepflow.config.unfolding import Unfolding
from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.regular import read_stream

MOST_BYTES = 4 * 2**20  # of a configuration, whose longest lists are those of files
AnyTask = Config | Generation | Unfolding | ShowerStudy | Integration
OTHERS: dict[str, type[Generation] | type[Unfolding] | type[ShowerStudy] | type[Integration]] = {
    "generate": Generation,
    "unfold": Unfolding,
    "shower": ShowerStudy,
    "integrate": Integration,
}
EXPECTED = {
    "int": "an integer",
    "float": "a number",
    "string": "text",
    "bool": "true or false",
    "tuple": "a list",
    "list": "a list",
    "dict": "a block of keys",
    "model": "a block of keys",
    "union": "a name, or a block of keys",
}
BOUNDS = {
    "gt": ("a number above", ""),
    "ge": ("a number of at least", ""),
    "lt": ("a number below", ""),
    "le": ("a number of at most", ""),
    "min_length": ("at least", " in the list"),
    "max_length": ("at most", " in the list"),
}


def is_configuration(path: Path) -> bool:
    """Return whether a file is a configuration, valid or not, or holds nothing that could be lost."""
    try:
        values = parse(_read(path), str(path)).values
    except ConfigError:
        return False
    if not isinstance(values, dict):
        return values is None
    return bool({"inputs", "regions"} & values.keys()) or values.get("task") == "integrate"


def load_config(path: str | Path, overrides: Iterable[str] = ()) -> AnyTask:
    """Read and check a configuration: of a search, or of what its `task` says.

    Parameters
    ----------
    path
        The YAML file.
    overrides
        ``key.sub=value`` texts that replace or add single values, such as ``classifier.folds=3``.

    Raises
    ------
    ConfigError
        Lists every problem, each with its line (or override), its key, what was expected and what was found.
    """
    path = Path(path)
    document = parse(_read(path), str(path))
    if document.values is None:
        raise ConfigError(f"{path}: the file is empty; `hepflow init` writes one to start from")
    if not isinstance(document.values, dict):
        raise ConfigError(
            f"{path}: expected keys such as `inputs:` and `regions:`, got {_short(document.values)}"
        )
    for override in overrides:
        document.override(override)
    schema = _schema(document.values)
    try:
        # JSON and strict: a list may stand for a tuple, but neither '5' nor true for a number.
        config = schema.model_validate_json(json.dumps(document.values), strict=True)
    except ValidationError as error:
        told = partial(_message, document=document, schema=schema)
        found = [dict(each) for each in error.errors(include_url=False)]
        problems = dict.fromkeys(told(each) for each in found if not _follows(each, found))
        title = f"{len(problems)} problems in the configuration:\n" if len(problems) > 1 else ""
        raise ConfigError(title + "\n".join(problems)) from None
    config._folder = path.parent
    return config


def _follows(problem: dict[str, Any], found: list[dict[str, Any]]) -> bool:
    """Tell whether a list is too short only as its entries are wrong, which are told of themselves."""
    at = problem["loc"]
    inside = (one["loc"] for one in found if len(one["loc"]) > len(at))
    return problem["type"] == "too_short" and any(where[: len(at)] == at for where in inside)


def load_search(path: str | Path, overrides: Iterable[str] = (), *, command: str) -> Config:
    """Read and check the configuration of a search, for a command that knows no other; errors as of `load_config`."""
    config = load_config(path, overrides)
    if not isinstance(config, Config):
        raise ConfigError(
            f"{path}: `{command}` takes the configuration of a search, and this is one of `task: {config.task}`; "
            f"`hepflow {config.task} {path}` runs it"
        )
    return config


def load_generation(path: str | Path, overrides: Iterable[str] = (), *, command: str) -> Generation:
    """Read and check the configuration of a generation, for a command that knows no other; errors as above."""
    config = load_config(path, overrides)
    if not isinstance(config, Generation):
        raise _other(config, path, command, "generate")
    return config


def load_unfolding(path: str | Path, overrides: Iterable[str] = (), *, command: str) -> Unfolding:
    """Read and check the configuration of an unfolding, for a command that knows no other; errors as above."""
    config = load_config(path, overrides)
    if not isinstance(config, Unfolding):
        raise _other(config, path, command, "unfold")
    return config


def load_showers(path: str | Path, overrides: Iterable[str] = (), *, command: str) -> ShowerStudy:
    """Read and check the configuration of a study of showers, for a command that knows no other; errors as above."""
    config = load_config(path, overrides)
    if not isinstance(config, ShowerStudy):
        raise _other(config, path, command, "shower")
    return config


def load_integration(path: str | Path, overrides: Iterable[str] = (), *, command: str) -> Integration:
    """Read and check the configuration of an integral, for a command that knows no other; errors as above."""
    config = load_config(path, overrides)
    if not isinstance(config, Integration):
        raise _other(config, path, command, "integrate")
    return config


def _other(config: AnyTask, path: str | Path, command: str, task: str) -> ConfigError:
    what, runs = (
        ("a search", "run") if isinstance(config, Config) else (f"`task: {config.task}`", config.task)
    )
    return ConfigError(
        f"{path}: `{command}` takes a configuration with `task: {task}`, and this is one of {what}; "
        f"`hepflow {runs} {path}` runs it"
    )


def _schema(values: dict[str, Any]) -> type[AnyTask]:
    """Return what a file is of: what its `task` says, and without one what no search has."""
    inputs, guess = values.get("inputs"), "search"
    if isinstance(inputs, dict) and {"geometry", "simulate"} & inputs.keys():
        guess = "shower"
    elif isinstance(inputs, dict) and "training" in inputs:
        guess = "generate"
    elif {"truth", "reco"} <= values.keys():
        guess = "unfold"
    elif "function" in values:
        guess = "integrate"
    return OTHERS.get(str(values.get("task", guess)), Config)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return read_stream(stream, path, MOST_BYTES).decode()
    except FileNotFoundError:
        raise ConfigError(f"no configuration file {str(path)!r}; `hepflow init {path}` writes one") from None
    except InputError as error:
        raise ConfigError(f"cannot read the configuration file {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the configuration file {str(path)!r}: {error}") from error


def _message(error: Mapping[str, Any], document: Document, schema: type[BaseModel]) -> str:
    """Return ``place: key: what is wrong`` of one pydantic error."""
    kind, context = str(error["type"]), error.get("ctx", {})
    location: Location = tuple(error["loc"])
    if kind == "union_tag_invalid":
        found = context["tag"]
        choices = {"expected": context["expected_tags"]}
        error = {**error, "type": "literal_error", "ctx": choices, "input": found, "loc": (*location, "name")}
        return _message(error, document, schema)
    if kind == "between_keys":
        location = (*_in_document(location, document), *context["key"].split("."))
    elif kind == "missing" and isinstance(location[-1], int):
        kind, context, location = "too_short", {"min_length": location[-1] + 1}, location[:-1]
    elif kind != "missing":
        location = _in_document(location, document)
    place, key = document.where(location), ".".join(map(str, location))
    head = f"{place}: {key}: " if key else f"{place}: "
    if kind == "extra_forbidden":
        return f"{head}unknown key; {did_you_mean(str(location[-1]), _keys_of(schema, tuple(error['loc'])[:-1]))}"
    if kind == "missing":
        return f"{head}missing; {_meaning(schema, location)}"
    if kind in ("between_keys", "value_error"):
        return head + str(context.get("message", context.get("error")))
    expected = _expected(kind, context, str(error["msg"]))
    return f"{head}expected {expected}, got {_short(error['input'])}{_nearest(error)}"


def _expected(kind: str, context: Mapping[str, Any], message: str) -> str:
    """Return what should have stood there, in a reader's words."""
    if kind == "literal_error":
        return str(context["expected"])
    if kind == "string_pattern_mismatch":
        return "letters, digits, '.', '_' and '-', the first a letter or digit"
    if kind == "finite_number":
        return "a finite number"
    for bound, words in BOUNDS.items():
        if bound in context:
            return f"{words[0]} {context[bound]:g}{words[1]}"
    return EXPECTED.get(kind.split("_")[0], message)


def _nearest(error: Mapping[str, Any]) -> str:
    """Return a did-you-mean for a mistyped choice, where there are several."""
    if error["type"] != "literal_error":
        return ""
    choices = re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
    hint = did_you_mean(str(error["input"]), choices)
    return f"; {hint}" if len(choices) > 1 and hint.startswith("did") else ""


def _in_document(location: Location, document: Document) -> Location:
    """Return pydantic's location without the names of a union's members, which stand in no document."""
    found: Location = ()
    for key in location:
        found = (*found, key) if document.has((*found, key)) else found
    return found


def _models_at(schema: type[BaseModel], location: Location) -> list[type[BaseModel]]:
    """Return the model, or the models of a choice, that describe the block at a location.

    Behind a choice stands, in pydantic's locations, the name of the block that was chosen.
    """
    models = [schema]
    for key in location:
        chosen = [model for model in models if len(models) > 1 and model.model_fields["name"].default == key]
        fields = [model.model_fields[key] for model in models if key in model.model_fields]
        if chosen or fields:  # an item's number, or a name of the user's own, says nothing of its block
            models = chosen or [part for field in fields for part in models_of(field)]
    return models


def _keys_of(schema: type[BaseModel], location: Location) -> list[str]:
    return [key for model in _models_at(schema, location) for key in model.model_fields]


def _meaning(schema: type[BaseModel], location: Location) -> str:
    fields = [model.model_fields.get(str(location[-1])) for model in _models_at(schema, location[:-1])]
    return f"it says: {fields[0].description}" if fields and fields[0] else "it is needed"


def _short(value: Any) -> str:
    text = json.dumps(value) if isinstance(value, bool) or value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
