"""Weights: what was trained, in one file and back, with the same scores to the last bit. Nothing is pickled.

A file is safetensors: arrays, and one JSON text that says which class they make, with which settings and by which
versions. A class that can be kept is marked `storable`; it says what it is made of in `state`, and is made again by
`from_state`. A frozen dataclass of arrays, numbers and other such objects needs neither: its fields say it all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from hepflow.atomic import atomic_write
from hepflow.errors import ConfigError, HepflowError, InputError
from hepflow.version import __version__

SCHEMA = "hepflow-weights-1"
PACKAGES = ("numpy", "scikit-learn", "torch")
PICKLES = {b"\x80": "a pickle", b"PK": "a zip archive, as torch.save and numpy write it around pickles"}

Array = NDArray[Any]
T = TypeVar("T")
Class = TypeVar("Class", bound=type)


@dataclass(frozen=True, eq=False)
class State:
    """What a trained object is made of.

    Parameters
    ----------
    settings
        Numbers, texts, and lists and dictionaries of these.
    arrays
        By name; of any shape, of numbers.
    parts
        Other storable objects, by name. Those of a sequence are called ``name.0``, ``name.1``, ...
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    parts: Mapping[str, Any] = field(default_factory=dict)

    def array(self, name: str, kind: type[np.generic], shape: tuple[int | None, ...]) -> Array:
        """Return an array of a type and a shape, None standing for any length.

        Raises
        ------
        InputError
            If it is missing, of another type or shape, or holds numbers that are not finite.
        """
        if name not in self.arrays:
            raise InputError(f"no array {name!r}")
        found = self.arrays[name]
        fits = len(found.shape) == len(shape) and all(
            wanted in (None, length) for wanted, length in zip(shape, found.shape, strict=True)
        )
        if found.dtype != kind or not fits:
            wanted = ", ".join("any" if length is None else str(length) for length in shape)
            raise InputError(
                f"array {name!r} of {found.dtype}, shape {found.shape}; expected {np.dtype(kind)}, ({wanted})"
            )
        if not np.isfinite(found).all():
            raise InputError(f"array {name!r} holds numbers that are not finite")
        return found

    def part(self, name: str, kind: type[T]) -> T:
        """Return a part of a class.

        Raises
        ------
        InputError
            If it is missing or of another class.
        """
        found = self.parts.get(name)
        if not isinstance(found, kind):
            raise InputError(f"part {name!r} is a {type(found).__name__}; expected a {kind.__name__}")
        return found

    def sequence(self, name: str, kind: type[T]) -> tuple[T, ...]:
        """Return the parts ``name.0``, ``name.1``, ... of a class; errors as in `part`."""
        count = sum(part.startswith(f"{name}.") for part in self.parts)
        return tuple(self.part(f"{name}.{number}", kind) for number in range(count))


_CLASSES: dict[str, type] = {}  # filled where classes are defined: a file names a class, never a module


def storable(cls: Class) -> Class:
    """Let objects of a class be kept by `save_weights`: one with `state` and `from_state`, or a dataclass."""
    _CLASSES[cls.__name__] = cls
    return cls


def formerly(name: str) -> Callable[[Class], Class]:
    """Let files be read that know a `storable` class by the name it had."""

    def known(cls: Class) -> Class:
        _CLASSES[name] = cls
        return cls

    return known


def save_weights(path: str | Path, trained: object) -> None:
    """Write a trained object, whole or not at all.

    Parameters
    ----------
    path
        The file, ``*.safetensors`` by custom.
    trained
        A classifier, a cross-fit, a density, a transport, or any other object of a `storable` class.

    Raises
    ------
    ConfigError
        If it has not been trained, or holds what no file can: a function of one's own, for example.
    InputError
        If the file cannot be written.
    """
    tensors: dict[str, Array] = {}
    content = {
        "schema": SCHEMA,
        "versions": {"hepflow": __version__, **{package: version(package) for package in PACKAGES}},
        "content": _described(trained, "", tensors, {}),
    }
    with atomic_write(path) as temporary:
        # its save_file would make a file that nobody else may read
        temporary.write_bytes(save(tensors, metadata={"hepflow": json.dumps(content, allow_nan=False)}))


def load_weights(path: str | Path, expected: type[T]) -> T:
    """Read what `save_weights` wrote; its scores are the same to the last bit.

    Parameters
    ----------
    path
        The file.
    expected
        The class that it is to hold, such as `hepflow.classifiers.CrossFit`.

    Raises
    ------
    InputError
        If the file is missing, damaged, not one of these (a pickle is never opened), holds another class, or what it
        says makes no sense.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get("hepflow")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, TypeError, ValueError, AttributeError) as error:
        _refuse(Path(path), error)
    try:
        described = json.loads(text or "", parse_constant=_no_number)
        found = described["schema"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(
            f"{path}: safetensors, but not weights that hepflow wrote; expected a file of `save_weights`"
        ) from None
    if found != SCHEMA:
        raise InputError(
            f"{path}: schema {found!r}; this hepflow reads {SCHEMA!r}: use the version that wrote it"
        )
    try:
        loaded = _restored(described["content"], tensors)
    except (HepflowError, KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path}: not whole, or changed by hand: {reason}; write or copy it anew") from error
    if not isinstance(loaded, expected):
        raise InputError(f"{path}: holds a {type(loaded).__name__}; expected a {expected.__name__}")
    return loaded


def _refuse(path: Path, error: Exception) -> NoReturn:
    """Say what stands in the place of a file of safetensors."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected weights that `save_weights` wrote") from None
    with path.open("rb") as stream:
        start = stream.read(2)
    for first, what in PICKLES.items():
        if start.startswith(first):
            raise InputError(
                f"{path}: {what} stands there, which could run any code when it is read: refused; expected weights "
                "that `save_weights` wrote"
            ) from None
    raise InputError(f"{path}: cannot be read as safetensors ({error}); write or copy it anew") from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _described(kept: Any, where: str, tensors: dict[str, Array], known: dict[str, str]) -> dict[str, Any]:
    """Return an object as JSON, and put its arrays into `tensors`; equal ones are written once."""
    name = type(kept).__name__
    if _CLASSES.get(name) is not type(kept):
        raise ConfigError(
            f"{name} cannot be kept in a file; expected an object of {', '.join(sorted(_CLASSES))}"
        )
    state: State = kept.state() if hasattr(kept, "state") else _of_fields(kept)
    arrays = {}
    for key, array in state.arrays.items():
        array = np.ascontiguousarray(array)
        digest = hashlib.sha256(f"{array.dtype} {array.shape}".encode() + array.tobytes()).hexdigest()
        if digest not in known:
            known[digest] = f"{where}{key}"
            tensors[f"{where}{key}"] = array
        arrays[key] = known[digest]
    parts = {key: _described(part, f"{where}{key}.", tensors, known) for key, part in state.parts.items()}
    return {"class": name, "settings": dict(state.settings), "arrays": arrays, "parts": parts}


def _restored(content: Mapping[str, Any], tensors: Mapping[str, Array]) -> Any:
    name = content["class"]
    if name not in _CLASSES:
        raise InputError(
            f"class {name!r} is not known here, only {', '.join(sorted(_CLASSES))}: one of your own is known once "
            "its module is imported"
        )
    arrays = {str(key): tensors[tensor] for key, tensor in content["arrays"].items()}
    parts = {str(key): _restored(part, tensors) for key, part in content["parts"].items()}
    state, cls = State(content["settings"], arrays, parts), _CLASSES[name]
    return cls.from_state(state) if hasattr(cls, "from_state") else _from_fields(cls, state)


def _of_fields(kept: Any) -> State:
    """Return the state of a dataclass whose fields are arrays, storable objects, tuples of either, or settings."""
    found: dict[str, dict[str, Any]] = {"settings": {}, "arrays": {}, "parts": {}}

    def place(value: Any) -> str:
        return (
            "arrays"
            if isinstance(value, np.ndarray)
            else "parts"
            if type(value) in _CLASSES.values()
            else "settings"
        )

    for entry in fields(kept):
        value = getattr(kept, entry.name)
        if isinstance(value, tuple) and value and place(value[0]) != "settings":
            for number, one in enumerate(value):
                found[place(one)][f"{entry.name}.{number}"] = one
        else:
            found[place(value)][entry.name] = value
    return State(**found)


def _from_fields(cls: type[T], state: State) -> T:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in state.settings.items()
    }
    for name, array in state.arrays.items():
        if np.isnan(array).any() or np.isposinf(array).any():  # a bound may be missing: -inf
            raise InputError(f"{cls.__name__}: array {name!r} holds NaN or infinite numbers")
    for name, value in (*state.arrays.items(), *state.parts.items()):
        head, dot, _ = name.partition(".")
        if dot:
            values[head] = (*values.get(head, ()), value)
        else:
            values[name] = value
    return cls(**values)
