"""Records: frozen dataclasses as JSON files, with the one way to write them and the one way to read them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from hepflow.atomic import write_text
from hepflow.errors import ConfigError, InputError
from hepflow.regular import read_regular
from hepflow.shown import summary, table

T = TypeVar("T")
MOST_BYTES = 256 * 2**20  # of a record
MOST_DIGITS = 20  # of an integer of 64 bits, with its sign
SHOWN = 3  # problems of a damaged file that its error tells


class Record:
    """A frozen dataclass that is a file of its own: JSON that carries the name of its schema.

    Keys may be added to a schema, not renamed: a reader ignores those that it does not know.
    """

    schema: ClassVar[str]
    remedy: ClassVar[str] = "the command that made it writes it anew"

    def __init_subclass__(cls) -> None:
        if "__repr__" not in vars(cls):  # which a dataclass leaves as it is
            cls.__repr__ = summary  # type: ignore[method-assign]

    def _repr_html_(self) -> str:
        return table(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries and lists, in the layout of the file."""
        return {"schema": self.schema, **asdict(self)}  # type: ignore[call-overload]

    def write(self, path: str | Path) -> None:
        """Write the file, whole or not at all."""
        write_json(path, self.to_dict())

    @classmethod
    def from_json(cls, path: str | Path) -> Self:
        """Read the file.

        Raises
        ------
        InputError
            If it is missing, is not JSON, is of another schema, or a key lacks or holds what it should not.
        """
        content = read_json(path, cls.schema)
        found = content.pop("schema", None) if isinstance(content, dict) else type(content).__name__
        if found != cls.schema:
            raise InputError(f"{path}: expected schema {cls.schema!r}, found {found!r}")
        return _checked(path, cls, content, cls.remedy)


def read_record(path: str | Path, kind: type[T]) -> T:
    """Read what `write_json` wrote of a value: a dataclass, or tuples and mappings of them.

    Parameters
    ----------
    path
        The file.
    kind
        The type of the value, such as ``WindowResult`` or ``tuple[Matrix, ...]``.

    Raises
    ------
    InputError
        If it is missing, is not JSON, or a key lacks or holds what it should not.
    """
    return _checked(path, kind, read_json(path), Record.remedy)


def write_json(path: str | Path, value: object) -> None:
    """Write a value as JSON, whole or not at all; numpy values, dataclasses and paths are written plainly.

    Raises
    ------
    ConfigError
        If it holds what JSON cannot say, such as NaN; the message says where.
    """
    write_text(path, json.dumps(_plain(value, "$"), indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path, kind: str = "JSON") -> Any:
    """Read a JSON file; an error says what `kind` of record was expected there.

    Raises
    ------
    InputError
        If it is missing, cannot be read or is not JSON.
    """
    try:
        return json.loads(
            read_regular(path, MOST_BYTES).decode(), parse_constant=_no_number, parse_int=integer
        )
    except RecursionError:
        raise InputError(f"{path}: cannot be read as {kind} (nested hundreds of levels deep)") from None
    except InputError as error:
        raise InputError(
            f"{path}: cannot be read as {kind} ({str(error).removeprefix(f'{path}: ')})"
        ) from None
    except ValueError as error:
        raise InputError(f"{path}: cannot be read as {kind} ({error})") from None


def integer(digits: str) -> int | float:
    """Return an integer of JSON, or the nearest double where 64 bits do not hold it.

    Raises
    ------
    ValueError
        If there is none.
    """
    if len(digits) <= MOST_DIGITS:
        whole = int(digits)
        if -(2**63) <= whole < 2**63:
            return whole
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"an integer of {len(digits):,} digits, which no double holds")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _checked(path: str | Path, kind: type[T], content: Any, remedy: str) -> T:
    """Return content as a value of a type, strictly: no text for a number, but a list for a tuple."""
    try:
        text = json.dumps(content, allow_nan=False)  # 1e999 is read as infinity
    except ValueError as error:
        raise InputError(f"{path}: damaged: a number that no double can hold ({error}); {remedy}") from None
    try:
        value: T = _adapter(cast(Any, kind)).validate_json(text, strict=True)
        return value
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, one['loc'])) or '$'}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False)
        ]
        more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise InputError(
            f"{path}: damaged: not as hepflow writes it ({'; '.join(problems[:SHOWN])}{more}); {remedy}"
        ) from None


def without_nan(value: Any) -> Any:
    """Return a result as plain dictionaries and lists, with None for every number that is not finite.

    JSON has no word for infinity and NaN. What has a `to_dict` gives that, another dataclass its fields; arrays and
    tuples become lists.
    """
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if hasattr(value, "tolist"):  # of numpy, which need not be loaded for this
        value = value.tolist()
    if isinstance(value, Mapping):
        return {key: without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any, where: str) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if hasattr(value, "tolist"):  # of numpy, which need not be loaded for this
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(entry, f"{where}.{key}") for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry, f"{where}[{index}]") for index, entry in enumerate(value)]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{where} is {value}, which JSON cannot hold; write None where there is no number")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ConfigError(f"{where} is {value!r} ({type(value).__name__}), which JSON cannot hold")
