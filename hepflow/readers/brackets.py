"""Comparisons beside ``& | ~`` that miss their brackets: Python binds these before ``>`` and ``==``.

``nMuon >= 2 & nElectron == 0`` is ``nMuon >= (2 & nElectron) == 0`` to Python, which no one means who writes it.
"""

from __future__ import annotations

import ast

_JOINTS: dict[type[ast.operator], str] = {ast.BitAnd: "&", ast.BitOr: "|"}
_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


def missing_brackets(comparison: ast.Compare, source: str) -> str | None:
    """Return a comparison with the brackets that it misses, and as Python reads it; None if it has them.

    Parameters
    ----------
    comparison
        A part of the parsed text.
    source
        The text.
    """
    operands = [comparison.left, *comparison.comparators]
    if not any(_binds(operand) and not _bracketed(operand, source) for operand in operands):
        return None
    signs = [_SIGNS.get(type(op), "") for op in comparison.ops]
    wanted, group, compares = "", "", False
    for operand, sign in zip(operands, [*signs, ""], strict=True):
        for term in _terms(operand, source):
            if term in _JOINTS.values():
                wanted, group, compares = f"{wanted}{_written(group, compares)} {term} ", "", False
            else:
                group += term
        if sign:
            group, compares = f"{group} {sign} ", True
    wanted += _written(group, compares)
    return f"{wanted!r}, or as Python reads it {_as_read(operands, comparison.ops)!r}"


def _binds(operand: ast.expr) -> bool:
    return (isinstance(operand, ast.BinOp) and type(operand.op) in _JOINTS) or (
        isinstance(operand, ast.UnaryOp) and isinstance(operand.op, ast.Invert)
    )


def _terms(operand: ast.expr, source: str) -> list[str]:
    """Return what ``&`` and ``|`` join in an operand and those between, from left to right."""
    if _bracketed(operand, source):
        return [f"({ast.unparse(operand)})"]
    if isinstance(operand, ast.BinOp) and type(operand.op) in _JOINTS:
        return [*_terms(operand.left, source), _JOINTS[type(operand.op)], *_terms(operand.right, source)]
    return [ast.unparse(operand)]


def _written(group: str, compares: bool) -> str:
    """Return what stands between two joints, in brackets if it compares; a leading ``~`` is meant for all of it."""
    if not compares:
        return group
    return f"~({group[1:]})" if group.startswith("~") else f"({group})"


def _as_read(operands: list[ast.expr], ops: list[ast.cmpop]) -> str:
    texts = [f"({ast.unparse(one)})" if _binds(one) else ast.unparse(one) for one in operands]
    return texts[0] + "".join(
        f" {_SIGNS.get(type(op), '')} {text}" for op, text in zip(ops, texts[1:], strict=True)
    )


def _bracketed(node: ast.expr, source: str) -> bool:
    """Return whether an expression stands in brackets of its own; the tree keeps none."""
    lines = source.encode().splitlines(keepends=True)
    ends = ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset))
    start, stop = (sum(map(len, lines[: (line or 1) - 1])) + (column or 0) for line, column in ends)
    text = b"".join(lines)
    return text[:start].rstrip().endswith(b"(") and text[stop:].lstrip().startswith(b")")
