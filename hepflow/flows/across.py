"""Bijections across columns by name, as plain settings: ``{"mass": [columns]}``, ``{"shares": [columns]}``, ..."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from hepflow.errors import ConfigError, did_you_mean
from hepflow.flows.angles import Relative
from hepflow.flows.masses import MassInPlace
from hepflow.flows.shares import Fractions, LogRatios
from hepflow.sample import FloatArray

Part = MassInPlace | Relative | LogRatios | Fractions
Across = Mapping[str, Sequence[str]]
"""What is done across columns, and the columns: one of `ACROSS` and names."""

Fit = Callable[[FloatArray, tuple[str, ...], tuple[str, ...], Mapping[str, float]], Part]

ACROSS: dict[str, Fit] = {
    "mass": MassInPlace.fit,
    "relative": Relative.fit,
    "shares": LogRatios.fit,
    "parts": Fractions.fit,
}


def asked(names: tuple[str, ...], across: Iterable[Across]) -> list[tuple[str, tuple[str, ...]]]:
    """Return what is asked for across columns, checked.

    Raises
    ------
    ConfigError
        If something is not one of `ACROSS` with names of columns, each once.
    """
    found = []
    for one in across:
        if not isinstance(one, Mapping) or len(one) != 1:
            raise ConfigError(
                f'across: {one!r}; expected one of {", ".join(ACROSS)} with its features, such as {{"shares": ["a", '
                '"b"]}'
            )
        ((what, columns),) = one.items()
        if what not in ACROSS:
            raise ConfigError(f"across: no {what!r}: {did_you_mean(str(what), ACROSS)}")
        if isinstance(columns, str) or not columns or len(set(columns)) != len(columns):
            raise ConfigError(f"across: {what} of {columns!r}; expected a list of features, each once")
        for name in columns:
            if name not in names:
                raise ConfigError(f"across: {what}: no feature {name!r}: {did_you_mean(str(name), names)}")
        found.append((what, tuple(columns)))
    return found
