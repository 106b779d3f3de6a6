"""How results look in a terminal and in a notebook: one way for all public classes, set by their rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from html import escape
from typing import Any

LINES, WIDTH = 10, 110
SHORT = 300  # characters up to which the usual text of a dataclass is shown


def show_briefly(public: Iterable[object]) -> None:
    """Give the classes among public objects a text of ten lines at most, and a table in notebooks.

    Arrays, and what else is long, are told by size and range. A class with a text of its own keeps that.
    """
    for one in public:
        if not isinstance(one, type) or one.__module__.partition(".")[0] != "hepflow":
            continue
        if getattr(one, "_is_protocol", False):  # what it has, others would need
            continue
        text: Any = one.__repr__
        made = is_dataclass(one) and hasattr(text, "__wrapped__")  # by dataclasses
        if made or text is object.__repr__:
            one.__repr__ = _brief(text if made else None)  # type: ignore[method-assign, assignment]
        if not hasattr(one, "_repr_html_"):
            one._repr_html_ = table  # type: ignore[attr-defined]


def _brief(own: Callable[[Any], str] | None) -> Callable[[Any], str]:
    def brief(self: Any) -> str:
        return summary(self, own)

    brief.__doc__ = "Return the result in ten lines at most."
    return brief


def summary(result: Any, own: Callable[[Any], str] | None = None) -> str:
    """Return a result as text of ten lines at most: as usual where that is short, else field by field."""
    if own is not None and not any(_is_long(value) for _, value in _values(result)):
        usual = own(result)
        if len(usual) <= SHORT and "\n" not in usual:
            return usual
    rows = _rows(result)
    shown = rows if len(rows) < LINES else rows[: LINES - 2]
    width = max((len(name) for name, _ in shown), default=0)
    lines = [type(result).__name__, *(_cut(f"  {name:<{width}}  {value}") for name, value in shown)]
    rest = [name for name, _ in rows[len(shown) :]]
    return "\n".join([*lines, *([_cut(f"  and {', '.join(rest)}")] if rest else [])])


def table(result: Any) -> str:
    """Return a result as a table in HTML, a row for each field that holds something."""
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in _rows(result)
    )
    return f"<table><caption>{escape(type(result).__name__)}</caption>{rows}</table>"


def grid(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return lines of cells as a table in HTML."""
    above = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    below = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><tr>{above}</tr>{below}</table>"


def _rows(result: Any) -> list[tuple[str, str]]:
    return [(name, described(value)) for name, value in _values(result) if not _is_empty(value)]


def _values(result: Any) -> list[tuple[str, Any]]:
    """Return the fields of a dataclass, or the public attributes of anything else."""
    if is_dataclass(result):
        return [(field.name, getattr(result, field.name)) for field in fields(result) if field.repr]
    return [(name, value) for name, value in vars(result).items() if not name.startswith("_")]


def described(value: Any) -> str:
    """Return a value in one line."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return _array(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _cut(" ".join(repr(value).split()) if not _is_long(value) else type(value).__name__, 80)
    if isinstance(value, Mapping):
        return _cut(f"{len(value)}: {', '.join(map(str, value))}", 80)
    if isinstance(value, list | tuple) and (len(value) > 6 or any(map(_is_long, value))):
        kinds = {type(one).__name__ for one in value}
        return f"{len(value)} of {' or '.join(sorted(kinds))}"
    if isinstance(value, list | tuple):
        return f"({', '.join(map(described, value))})"
    if isinstance(value, float):
        return f"{value:.6g}"
    if callable(value) and hasattr(value, "__name__"):
        return str(value.__name__)
    return _cut(" ".join(str(value).split()), 80)


def _array(value: Any) -> str:
    size = " x ".join(map(str, value.shape)) or "1"
    if value.size == 0 or value.dtype.kind not in "iufb":
        return f"array of {size}"
    if value.ndim == 1 and value.size <= 6:
        return f"[{', '.join(f'{float(one):.4g}' for one in value)}]"
    return f"array of {size}, {float(value.min()):.4g} to {float(value.max()):.4g}"


def _is_long(value: Any) -> bool:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return bool(value.size > 6)
    if is_dataclass(value) and not isinstance(value, type):
        return any(_is_long(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, Mapping):
        return len(value) > 6 or any(map(_is_long, value.values()))
    return isinstance(value, list | tuple) and (len(value) > 12 or any(map(_is_long, value)))


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | tuple | Mapping) and not value)


def _cut(text: str, width: int = WIDTH) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
