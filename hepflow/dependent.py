"""Columns that follow from others: of such a table there is no density."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hepflow.errors import InputError
from hepflow.events import FloatArray

LEAST = 100  # rows of which anything can be said
SAME = 1e-6  # of a standard deviation: as far as single precision leaves a column from another
MATTERS = 1e-4  # share of a column in another, below which it is not named


def check_independent(x: FloatArray, names: Sequence[str]) -> None:
    """Refuse columns that follow from others: on such a layer no density lives.

    Parameters
    ----------
    x, names
        Rows (N, D), and the names of their columns.

    Raises
    ------
    InputError
        With each column that is the same as another, a linear combination of others, or in the same order as another.
    """
    found = list(dependent(x, names))
    if found:
        raise InputError(
            f"{'; '.join(found)}: there is no density of columns that follow from others. Leave out one of each"
        )


def dependent(x: FloatArray, names: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with each column (N, D) that follows from columns before it."""
    if len(x) < max(LEAST, 2 * len(names)):
        return
    free = np.flatnonzero(np.ptp(x, axis=0) > 0)  # constant columns are another fault
    x, names = x[:, free], [names[k] for k in free.tolist()]
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    triangle = np.linalg.qr(standard, mode="r") / np.sqrt(len(x))
    kept: list[int] = []  # columns that follow from none before them
    said: set[int] = set()
    for column, name in enumerate(names):
        basis, own = triangle[:, kept], triangle[:, column]
        weights, left = _shares(basis, own)
        if left > SAME:
            kept.append(column)
            continue
        said.add(column)
        others = [names[k] for k, weight in zip(kept, weights, strict=True) if abs(weight) > MATTERS]
        if len(others) > 1:
            yield f"feature {name!r} is a linear combination of {', '.join(map(repr, others))}"
        elif np.array_equal(x[:, column], x[:, names.index(others[0])]):
            yield f"feature {name!r} is the same as {others[0]!r}"
        else:
            yield f"feature {name!r} is {others[0]!r} times a number, plus a number"
    yield from _ordered(x, names, said)


def _shares(basis: FloatArray, own: FloatArray) -> tuple[FloatArray, float]:
    """Return the weights of independent columns in another, and the norm of what is left of it."""
    if not basis.shape[1]:
        return np.empty(0), float(np.linalg.norm(own))
    weights = np.linalg.lstsq(basis, own, rcond=None)[0]
    return np.asarray(weights, dtype=np.float64), float(np.linalg.norm(own - basis @ weights))


def _ordered(x: FloatArray, names: Sequence[str], said: set[int]) -> Iterator[str]:
    """Yield each column whose values are all different and in the order of another's, or in the opposite one."""
    orders: dict[bytes, str] = {}
    for number, (name, column) in enumerate(zip(names, x.T, strict=True)):
        order = np.argsort(column, kind="stable")
        if number in said or (np.diff(column[order]) == 0).any():
            continue
        for one in (order, order[::-1]):
            if one.tobytes() in orders:
                yield f"feature {name!r} is a function of {orders[one.tobytes()]!r}: their order is the same"
        orders[order.tobytes()] = name
