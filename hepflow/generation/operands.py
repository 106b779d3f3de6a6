"""What is subtracted from what: two tables of the same columns, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hepflow.classifiers import table
from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.events import Events
from hepflow.importance import effective_size
from hepflow.precision import check_precision
from hepflow.sample import Sample

FEWEST = 200  # events that a sample must be worth: of fewer, no ratio is learned
OUTSIDE = 1e-3  # share of what is subtracted that may lie where there is nothing to subtract it from
SOME = 20  # events, of which the same is allowed: fluctuations


def operands(both: Any, minus: Any, names: Sequence[str] | None) -> tuple[Events, Events]:
    """Return both samples as events with the same columns in the same order.

    Raises
    ------
    ConfigError
        If columns or shapes differ.
    InputError
        If no difference can be learned of them.
    """
    first, second = _events("both", both, names), _events("minus", minus, names)
    if set(first.names) != set(second.names):
        alone = [
            sorted(set(a) - set(b)) for a, b in ((first.names, second.names), (second.names, first.names))
        ]
        raise ConfigError(
            f"subtract: the two have different columns: {alone[0]} in `both` alone, {alone[1]} in `minus` alone; "
            "name those that count by names=[...]"
        )
    second = replace(second, features=_columns(second, first.names), names=first.names)
    for which, events in (("both", first), ("minus", second)):
        _check_values(which, events)
    _check_sizes(first, second)
    for name in first.names:
        _check_column(name, first, second)
    return first, second


def as_sample(events: Events) -> Sample:
    """Return events as what ratios learn from."""
    return table(events.features, events.weight, events.names)


def _columns(events: Events, names: Sequence[str]) -> Any:
    return events.features[:, [events.names.index(name) for name in names]]


def _events(which: str, given: Any, names: Sequence[str] | None) -> Events:
    """Return a table as events with the columns of these names; the resonant variable of a sample is one of them."""
    if isinstance(given, Events):
        events = given
        if isinstance(given, Sample):
            events = Events(
                np.column_stack([given.mass, given.features]),
                (given.resonance.name, *given.names),
                given.weight,
                given.label,
                given.cutflow,
                given.skipped,
                (given.resonance, *given.quantities),
            )
    elif (
        isinstance(given, np.ndarray | list | tuple)
        and getattr(given, "dtype", np.dtype(float)).names is None
    ):
        x = np.asarray(given)
        if x.ndim != 2 or x.dtype.kind not in "biuf":
            raise ConfigError(
                f"subtract: `{which}` is {x.dtype} of shape {x.shape}; expected numbers (N, D), of one column "
                "x[:, None], or a table with named columns"
            )
        own = tuple(f"x{number}" for number in range(x.shape[1])) if names is None else tuple(names)
        if len(own) != x.shape[1]:
            raise ConfigError(f"subtract: `{which}` has {x.shape[1]} columns; got {len(own)} names: {own}")
        events = Events(x, own)
    else:
        events = Events.of(given)
    wanted = events.names if names is None else tuple(names)
    for name in wanted:
        if name not in events.names:
            raise ConfigError(
                f"subtract: no column {name!r} in `{which}`: {did_you_mean(name, events.names)}"
            )
    if not wanted or len(set(wanted)) < len(wanted):
        raise ConfigError(f"subtract: columns {wanted} of `{which}`; expected one or more, each once")
    return replace(events, features=_columns(events, wanted), names=wanted)


def _check_values(which: str, events: Events) -> None:
    for name, column in (*zip(events.names, events.features.T, strict=True), ("weight", events.weight)):
        bad = int(np.sum(~np.isfinite(column)))
        if bad:
            raise InputError(
                f"subtract: column {name!r} of `{which}` is NaN or infinite in {bad:,} of {len(events):,} events; "
                "leave those out first"
            )


def _check_sizes(first: Events, second: Events) -> None:
    totals = first.weight.sum(), second.weight.sum()
    for which, total in zip(("both", "minus"), totals, strict=True):
        if not total > 0:
            raise InputError(
                f"subtract: the weights of `{which}` add up to {total:g}; expected more than zero"
            )
    for which, events in (("both", first), ("minus", second)):
        worth = effective_size(events.weight)
        if worth < FEWEST:
            raise InputError(
                f"subtract: `{which}` has {len(events):,} events, worth {worth:,.0f} of equal weight; a ratio needs "
                f"{FEWEST}"
            )
    if not totals[1] < totals[0]:
        raise InputError(
            f"subtract: the weights of `minus` add up to {totals[1]:g}, those of `both` to {totals[0]:g}: nothing is "
            "left. Weights are yields: cross-section times luminosity over the number of events that were generated"
        )


def _check_column(name: str, first: Events, second: Events) -> None:
    a, b = first.feature(name), second.feature(name)
    low, high = a.min(), a.max()
    if low == high:
        raise InputError(
            f"subtract: column {name!r} is {low:g} in all events of `both`: leave it out by names=[...]"
        )
    check_precision(a[:, None], b[:, None], (name,), ("`both`", "`minus`"))
    outside = float(second.weight[(b < low) | (b > high)].sum() / second.weight.sum())
    if outside > OUTSIDE and np.sum((b < low) | (b > high)) > SOME:
        raise InputError(
            f"subtract: {100 * outside:.2g} % of `minus` lies beyond all events of `both` in {name!r}, which range "
            f"from {low:g} to {high:g}: there is nothing to subtract it from. Are unit and selection the same?"
        )
