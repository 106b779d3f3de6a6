"""Two tables joined by keys: which row of each is which event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError, InputError
from hepflow.events import Cutflow
from hepflow.unfolding.columns import raw

Places = NDArray[np.intp]
EXACT = 2.0**53  # whole numbers above are rounded as floats


@dataclass(frozen=True, eq=False)
class Matched:
    """Rows of two tables: place of each event in both, -1 where it is missing."""

    first: Places
    second: Places
    cutflow: Cutflow


def matched(first: Any, second: Any, keys: Sequence[str], unmatched: str) -> Matched:
    """Return which rows of two tables belong together, in the order of the first.

    Raises
    ------
    ConfigError
        If a key is no column of both.
    InputError
        If keys are no whole numbers or texts, come twice in a table, or have no partner and that is refused.
    """
    shown = ", ".join(keys)
    numbers, sizes = _numbered(first, second, keys)
    one, other = numbers[: sizes[0]], numbers[sizes[0] :]
    for what, own in (("generated", one), ("reconstructed", other)):
        twice = len(own) - len(np.unique(own))
        if twice:
            raise InputError(
                f"pairs: key {shown}: {twice:,} of {len(own):,} {what} events have the key of another; expected each "
                "once. Add columns to the key, such as run and luminosity block"
            )
    order = np.argsort(other)
    at = np.searchsorted(other[order], one)
    at[at == len(other)] = 0
    partner = order[at] if len(other) else np.full(len(one), -1)
    partner = np.where(other[partner] == one, partner, -1) if len(other) else partner
    alone = np.setdiff1d(np.arange(len(other)), partner[partner >= 0])
    lost, extra = int(np.sum(partner < 0)), len(alone)
    if unmatched == "refuse" and (lost or extra):
        raise InputError(
            f"pairs: key {shown}: {lost:,} of {len(one):,} generated events have no reconstructed one, and "
            f"{extra:,} of {len(other):,} reconstructed no generated one. unmatched='keep' takes them as not "
            "reconstructed and as fakes, 'drop' leaves them out"
        )
    if lost == len(one):
        raise InputError(
            f"pairs: key {shown}: none of {len(one):,} generated events has a partner; are the keys the same?"
        )
    places = np.arange(len(one))
    if unmatched == "drop":
        kept = partner >= 0
        cutflow: Cutflow = (
            ("generated events without a reconstructed one, dropped", lost),
            ("reconstructed events without a generated one, dropped", extra),
        )
        return Matched(places[kept], partner[kept], cutflow)
    cutflow = (
        ("generated events without a reconstructed one, not reconstructed", lost),
        ("reconstructed events without a generated one, fakes", extra),
    )
    return Matched(
        np.concatenate([places, np.full(extra, -1)]),
        np.concatenate([partner, alone]),
        cutflow if lost or extra else (),
    )


def _numbered(first: Any, second: Any, keys: Sequence[str]) -> tuple[NDArray[np.intp], tuple[int, int]]:
    """Return one whole number for each event of both tables, the same where all keys are."""
    if not keys:
        raise ConfigError("pairs: no key; name one or more columns")
    numbers, sizes = np.zeros(0, np.intp), (0, 0)
    for place, key in enumerate(keys):
        columns = [raw(table, key) for table in (first, second)]
        for column in columns:
            whole = column.dtype.kind != "f" or bool(
                np.all((column == np.round(column)) & (np.abs(column) < EXACT))
            )
            if column.ndim != 1 or column.dtype.kind not in "biufUS" or not whole:
                raise InputError(
                    f"pairs: key {key!r} holds {column.dtype} of shape {column.shape}, or numbers that are not "
                    "whole; expected whole numbers below 2^53, integers, or texts"
                )
        sizes = len(columns[0]), len(columns[1])
        own = np.unique(np.concatenate(columns), return_inverse=True)[1]
        if place and len(own) != len(numbers):
            raise ConfigError(f"pairs: key {key!r} has {sizes} rows; expected as many as the others")
        combined = own if not place else numbers * (int(own.max(initial=0)) + 1) + own
        numbers = np.unique(combined, return_inverse=True)[1]
    return numbers, sizes
