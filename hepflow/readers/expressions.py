"""Expressions of columns as text, such as ``FatJet_pt[:, 0] > 1200 and HLT_PFJet500``, without Python's own eval."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import partial, reduce
from typing import Any, ClassVar

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.readers.arithmetic import absolute, as_float, compare, compute, is_float, negative
from hepflow.readers.brackets import missing_brackets

LONGEST = 2000


def _kleene(absorbing: bool) -> Callable[[Any, Any], Any]:
    """Return and/or of truth values: ``missing or True`` is True, ``missing or False`` is missing."""

    def combine(left: Any, right: Any) -> Any:
        columns = [value for value in (left, right) if isinstance(value, ak.Array)]
        if len(columns) < 2:  # a plain True or False beside a column
            return np.logical_or(left, right) if absorbing else np.logical_and(left, right)
        one, other = (ak.fill_none(value, not absorbing, axis=None) for value in columns)
        result = one | other if absorbing else one & other
        known = ~(ak.is_none(left, axis=-1) | ak.is_none(right, axis=-1))
        decided = result if absorbing else ~result
        return result if ak.all(known, axis=None) else ak.mask(result, decided | known)

    return combine


def _deltaphi(first: Any, second: Any) -> Any:
    return (first - second + np.pi) % (2 * np.pi) - np.pi


def _deltar(eta1: Any, phi1: Any, eta2: Any, phi2: Any) -> Any:
    return np.hypot(as_float(eta1) - as_float(eta2), _deltaphi(as_float(phi1), as_float(phi2)))


def _of_floats(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of numpy that takes no narrow numbers: the root of a byte would have three digits."""
    return lambda *values: function(*map(as_float, values))


def _extreme(over_entries: Callable[..., Any], of_two: Callable[..., Any]) -> Callable[..., Any]:
    """Return what runs over the entries of each event where one column is given, and else over the columns."""
    return lambda *values: over_entries(values[0], axis=1) if len(values) == 1 else reduce(of_two, values)


ONE_OR_MORE = (1, 20)
FUNCTIONS: dict[str, tuple[Callable[..., Any], int | tuple[int, int]]] = {
    "abs": (absolute, 1),
    **{name: (_of_floats(getattr(np, name)), 1) for name in ("sqrt", "log", "log10", "exp")},
    **{name: (_of_floats(getattr(np, name)), 1) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "atan2": (_of_floats(np.arctan2), 2),
    "hypot": (_of_floats(np.hypot), 2),
    "sum": (lambda x: ak.sum(x, axis=1), 1),
    "any": (lambda x: ak.any(x, axis=1), 1),
    "all": (lambda x: ak.all(x, axis=1), 1),
    "num": (lambda x: ak.num(x, axis=1), 1),
    "count": (lambda x: ak.num(x, axis=1), 1),
    "min": (_extreme(ak.min, np.minimum), ONE_OR_MORE),
    "max": (_extreme(ak.max, np.maximum), ONE_OR_MORE),
    "deltaphi": (_deltaphi, 2),
    "deltar": (_deltar, 4),
}
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: partial(compute, "+"),
    ast.Sub: partial(compute, "-"),
    ast.Mult: partial(compute, "*"),
    ast.Div: operator.truediv,
    ast.Mod: partial(compute, "%"),
    ast.Pow: partial(compute, "**"),
    ast.BitAnd: partial(compute, "&"),
    ast.BitOr: partial(compute, "|"),
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: partial(compare, operator.lt),
    ast.LtE: partial(compare, operator.le),
    ast.Gt: partial(compare, operator.gt),
    ast.GtE: partial(compare, operator.ge),
    ast.Eq: partial(compare, operator.eq),
    ast.NotEq: partial(compare, operator.ne),
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: negative,
    ast.UAdd: operator.pos,
    ast.Invert: lambda value: ~_truth(value),
    ast.Not: lambda value: ~_truth(value),
}


class Expression:
    """An expression of columns, written in the names of the file's own.

    It may hold numbers, column names (dots included; ``jets.pt`` and so on are the jets in GeV), comparisons,
    ``and or not`` or ``& | ~``, ``+ - * / % **``, the functions of `FUNCTIONS`, and indices whose first part
    is ``:`` (all events), such as ``FatJet_pt[:, 0]``. ``sum any all num count`` run over the entries of each event,
    and so do ``min`` and ``max`` of one column; of several, these are the smallest and the largest. Whole numbers are
    computed with 64 bits and a sign, whatever the file keeps them in.

    Parameters
    ----------
    text
        The expression.

    Raises
    ------
    ConfigError
        If the text is no such expression, or a comparison beside ``& | ~`` misses its brackets.
    """

    what: ClassVar[str] = "expression"
    example: ClassVar[str] = "abs(deltaphi(phi1, phi2))"

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > LONGEST:
            raise ConfigError(f"{self.what} of {len(text)} characters: expected at most {LONGEST}")
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
            self.names: dict[str, None] = {}
            self._check(self._tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            hint = (
                "write 'and', 'or', 'not' for &&, ||, !" if any(s in text for s in ("&&", "||", "!")) else ""
            )
            raise self._refuse(
                hint or f"it is not an expression ({str(error) or type(error).__name__})"
            ) from error
        if not self.names:
            raise self._refuse("it names no column")

    def _refuse(self, why: str) -> ConfigError:
        return ConfigError(
            f"{self.what} {self.text[:200]!r}: {why}; expected something like {self.example!r}"
        )

    def _check(self, node: ast.AST) -> None:
        """Refuse every construct that is not known to be harmless, and collect the names."""
        match node:
            case ast.Constant(value=float() as number) if not np.isfinite(number):
                raise self._refuse(f"it holds a number beyond all floats ({ast.unparse(node)})")
            case ast.Constant(value=bool() | int() | float()):
                return
            case ast.Name() | ast.Attribute():
                self.names[self._dotted(node)] = None
                return
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                if name not in FUNCTIONS:
                    raise self._refuse(f"unknown function {name!r}: {did_you_mean(name, FUNCTIONS)}")
                takes = FUNCTIONS[name][1]
                least, most = takes if isinstance(takes, tuple) else (takes, takes)
                if not least <= len(arguments) <= most:
                    expected = str(least) if least == most else f"{least} to {most}"
                    raise self._refuse(f"{name}() takes {expected} argument(s), got {len(arguments)}")
                children: list[ast.expr] = arguments
            case ast.BoolOp(values=children):
                pass
            case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _BINARY:
                children = [left, right]
            case ast.UnaryOp(op=unary, operand=operand) if type(unary) in _UNARY:
                children = [operand]
            case ast.Compare(left=left, ops=ops, comparators=rest) if all(type(op) in _COMPARE for op in ops):
                if (written := missing_brackets(node, self.text.strip())) is not None:
                    raise self._refuse(f"& | ~ bind before comparisons; write {written}")
                children = [left, *rest]
            case ast.Subscript(value=value, slice=index):
                _index(index, self._refuse)
                children = [value]
            case _:
                article = "a" if self.what == "selection" else "an"
                raise self._refuse(f"{ast.unparse(node)!r} is not allowed in {article} {self.what}")
        for child in children:
            self._check(child)

    def _dotted(self, node: ast.AST) -> str:
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute):
            return f"{self._dotted(node.value)}.{node.attr}"
        raise self._refuse(f"{ast.unparse(node)!r}: expected a column name before the dot")

    def _evaluated(self, columns: Mapping[str, ak.Array]) -> Any:
        """Return what the expression gives.

        Raises
        ------
        InputError
            If the columns do not go together in this way.
        """
        try:
            with np.errstate(all="ignore"):
                return self._result(self._value(self._tree, columns))
        except (ValueError, TypeError, IndexError, AttributeError, OverflowError, ArithmeticError) as error:
            types = ", ".join(f"{name}: {columns[name].type.content}" for name in self.names)
            reason = (str(error).strip().splitlines() or [""])[0]
            hint = (
                "sum, any, all, num, min, max need a list per event; & and | truth values or whole numbers"
                if not isinstance(error, ArithmeticError)
                else "Where numbers are that large, make them floats: 1.0 * NAME"
            )
            raise InputError(
                f"{self.what} {self.text!r} cannot be evaluated on {types} ({reason}). {hint}"
            ) from error

    def _result(self, value: Any) -> Any:
        return value

    def numbers(self, columns: Mapping[str, ak.Array], events: int) -> NDArray[np.float64]:
        """Return the number of each event, shape ``(events,)``; NaN where it has none, as of a jet that is not there.

        Parameters
        ----------
        columns
            An array for each of `names`.

        Raises
        ------
        InputError
            If the columns do not go together in this way, or the result is not one number per event.
        """
        result = self._evaluated({name: _in_doubles(columns[name]) for name in self.names})
        try:
            if not isinstance(result, ak.Array) or result.ndim != 1 or len(result) != events:
                raise ValueError(result)
            filled = ak.to_numpy(ak.fill_none(result, np.nan))
            if filled.dtype.kind not in "biuf":
                raise TypeError(filled.dtype)
        except (TypeError, ValueError) as error:
            kind = result.type.content if isinstance(result, ak.Array) else repr(result)
            raise InputError(
                f"{self.what} {self.text!r} gives {kind}; expected one number per event: pick one entry, as in "
                "FatJet_pt[:, 0], or reduce with sum(...), min(...) or max(...)"
            ) from error
        return np.asarray(filled, dtype=np.float64)

    def _value(self, node: ast.AST, columns: Mapping[str, ak.Array]) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name() | ast.Attribute():
                return columns[self._dotted(node)]
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return FUNCTIONS[name][0](*[self._value(argument, columns) for argument in arguments])
            case ast.BoolOp(op=joint, values=parts):
                combine = _kleene(isinstance(joint, ast.Or))
                result = _truth(self._value(parts[0], columns))
                for part in parts[1:]:
                    result = combine(result, _truth(self._value(part, columns)))
                return result
            case ast.BinOp(left=left, op=operation, right=right):
                sides = self._value(left, columns), self._value(right, columns)
                if isinstance(operation, ast.BitAnd | ast.BitOr) and _joins_truths(*sides):
                    return _kleene(isinstance(operation, ast.BitOr))(*map(_truth, sides))
                return _BINARY[type(operation)](*sides)
            case ast.UnaryOp(op=unary, operand=operand):
                return _UNARY[type(unary)](self._value(operand, columns))
            case ast.Compare(left=left, ops=ops, comparators=rest):
                values = [self._value(part, columns) for part in (left, *rest)]
                pairs = zip(values, ops, values[1:], strict=False)
                results = [_COMPARE[type(op)](one, other) for one, op, other in pairs]
                combined = results[0]
                for result in results[1:]:
                    combined = _kleene(False)(combined, result)
                return combined
            case ast.Subscript(value=value, slice=index):
                return _pick(self._value(value, columns), _index(index, self._refuse))
        raise self._refuse(f"{ast.unparse(node)!r} is not allowed")


class Selection(Expression):
    """A condition on events: an `Expression` that gives a truth value for each.

    Where an event has no such entry, as a jet that is not there, a comparison is undecided, and an undecided event is
    dropped. Numbers, such as a trigger stored as 0 and 1, are true where they are not zero.

    Parameters
    ----------
    text
        The condition.

    Raises
    ------
    ConfigError
        If the text is not such an expression, or a comparison beside ``& | ~`` misses its brackets.
    """

    what = "selection"
    example = "FatJet_pt[:, 0] > 1200 and HLT_PFJet500"

    def _result(self, value: Any) -> Any:
        return _truth(value)

    def passes(self, columns: Mapping[str, ak.Array], events: int) -> NDArray[np.bool_]:
        """Return which events pass, shape ``(events,)``.

        Parameters
        ----------
        columns
            An array for each of `names`.

        Raises
        ------
        InputError
            If the columns do not go together in this way, or the result is not one truth value per event.
        """
        result = self._evaluated(columns)
        if not isinstance(result, ak.Array) or result.ndim != 1 or len(result) != events:
            kind = result.type.content if isinstance(result, ak.Array) else repr(result)
            raise InputError(
                f"selection {self.text!r} gives {kind}; expected one truth value per event: pick a jet, as "
                "in FatJet_pt[:, 0] > 1200, or reduce with any(...) or all(...)"
            )
        return np.asarray(ak.to_numpy(ak.fill_none(result, False)), dtype=bool)


def _in_doubles(array: ak.Array) -> ak.Array:
    """Return floats as double ones: a result is that of the numbers, not of how many digits their file keeps."""
    try:
        return ak.values_astype(array, np.float64) if is_float(array) else array
    except TypeError:
        return array


def _index(node: ast.expr, refuse: Callable[[str], ConfigError]) -> list[int | slice]:
    """Return the parts of an index after the first, which is ``:``."""
    parts = [_index_part(part) for part in (node.elts if isinstance(node, ast.Tuple) else [node])]
    if parts[0] != slice(None) or None in parts or len(parts) < 2:
        raise refuse(
            f"index [{ast.unparse(node)}]: expected ':' for the events, then numbers or ranges, as in [:, 0]"
        )
    return [part for part in parts[1:] if part is not None]


def _index_part(node: ast.expr | None) -> int | slice | None:
    match node:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as number)):
            return -number
        case ast.Slice(lower=lower, upper=upper, step=None):
            ends = [None if end is None else _index_part(end) for end in (lower, upper)]
            plain = all(
                isinstance(end, int) or given is None for end, given in zip(ends, (lower, upper), strict=True)
            )
            return slice(*ends) if plain else None
    return None


def _pick(array: Any, index: list[int | slice]) -> Any:
    """Index the entries of each event; an entry that an event does not have is missing, not an error."""
    axis = 1
    for part in index:
        where = (slice(None),) * axis
        if isinstance(part, slice):
            array, axis = array[(*where, part)], axis + 1
        else:
            array = ak.firsts(array[(*where, slice(part, part + 1 or None))], axis=axis)
    return array


def _is_truth(value: Any) -> bool:
    if not isinstance(value, ak.Array):
        return isinstance(value, bool | np.bool_)
    layout = ak.to_layout(value)
    while not isinstance(layout, ak.contents.NumpyArray | ak.contents.EmptyArray):
        if not hasattr(layout, "content"):
            return False
        layout = layout.content
    return isinstance(layout, ak.contents.EmptyArray) or layout.dtype == np.bool_


def _joins_truths(left: Any, right: Any) -> bool:
    """Return whether ``&`` and ``|`` join truth values, as where one of two columns has them; else they join bits."""
    sides = (left, right)
    columns = all(isinstance(side, ak.Array) for side in sides)
    return any(map(_is_truth, sides)) if columns else all(map(_is_truth, sides))


def _truth(value: Any) -> Any:
    """Return truth values as they are and numbers, such as a trigger stored as 0 and 1, as ``!= 0``."""
    if _is_truth(value):
        return value
    if isinstance(value, ak.Array):
        return value != 0
    raise ValueError(f"{value!r} is no column")
