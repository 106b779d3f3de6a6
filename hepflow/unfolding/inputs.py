"""What is unfolded: data with the reconstructed columns, beside pairs that reach as far."""

from __future__ import annotations

from typing import Any

import numpy as np

from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.events import Events
from hepflow.importance import effective_size
from hepflow.unfolding.columns import names_of
from hepflow.unfolding.pairs import Pairs

FEWEST = 100  # events that either must be worth
OUTSIDE = 0.01  # share of the data that may lie where nothing is simulated
PARTS = 20  # of each column, with as many events of the data


def measured(data: Any, pairs: Pairs) -> tuple[Events, float]:
    """Return data as events with the reconstructed columns of pairs, and the share where nothing is simulated.

    Raises
    ------
    ConfigError
        If a column is missing.
    InputError
        If values or weights are not finite, the weights do not add up to a positive number, data or simulation are
        worth fewer than 100 events, or more than 1 % of the data lies where nothing is simulated.
    """
    names = pairs.reco.names
    if isinstance(data, np.ndarray) and data.dtype.names is None:
        table = data[:, None] if data.ndim == 1 else data
        if table.ndim != 2 or table.shape[1] != len(names):
            raise ConfigError(
                f"unfolding: data of shape {data.shape}; expected (N, {len(names)}) for {', '.join(names)}"
            )
        events = Events(table, names)
    else:
        for name in names:
            if name not in (there := names_of(data)):
                raise ConfigError(
                    f"unfolding: the data have no column {name!r}, which the pairs have reconstructed: "
                    f"{did_you_mean(name, there)}"
                )
        events = data if isinstance(data, Events) else Events.of(data, names)
        columns = np.column_stack([np.asarray(events[name], dtype=np.float64) for name in names])
        events = Events(columns, names, events.weight, quantities=events.quantities)
    for name, column in (*zip(names, events.features.T, strict=True), ("weight", events.weight)):
        bad = int(np.sum(~np.isfinite(column)))
        if bad:
            raise InputError(
                f"unfolding: column {name!r} of the data is NaN or infinite in {bad:,} of {len(events):,} events; "
                "leave out those that are not reconstructed"
            )
    if not events.weight.sum() > 0:
        raise InputError(
            f"unfolding: the weights of the data add up to {events.weight.sum():g}; expected more than zero"
        )
    for what, weight in (
        ("the data", events.weight),
        ("the pairs that pass both selections", pairs.weight[pairs.both]),
    ):
        if effective_size(weight) < FEWEST:
            raise InputError(
                f"unfolding: {what}, {len(weight):,} events, are worth {effective_size(weight):,.0f} of equal "
                f"weight; expected {FEWEST} or more"
            )
    return events, _overlap(events, pairs)


def refuse_negative(events: Events, pairs: Pairs, why: str) -> None:
    """Refuse negative weights of data or simulation.

    Raises
    ------
    InputError
        If there are any, with their number and why they cannot be used.
    """
    for what, weight in (("the data", events.weight), ("the pairs", pairs.weight)):
        if (weight < 0).any():
            raise InputError(
                f"unfolding: {int((weight < 0).sum()):,} of {len(weight):,} events of {what} have negative "
                f"weights; {why}"
            )


def _overlap(data: Events, pairs: Pairs) -> float:
    """Return the largest share of the data, over the columns, in parts of a column without simulated events."""
    worst = 0.0
    for name, column, simulated in zip(
        data.names, data.features.T, pairs.reco.features[pairs.pass_reco].T, strict=True
    ):
        inner = np.unique(np.quantile(column, np.linspace(0, 1, PARTS + 1)[1:-1]))
        edges = np.concatenate([[-np.inf], inner, [np.inf]])
        here, there = np.searchsorted(inner, column, "right"), np.searchsorted(inner, simulated, "right")
        empty = np.bincount(there, minlength=len(edges) - 1) == 0
        beyond = (column < simulated.min()) | (column > simulated.max())
        lost = float(np.abs(data.weight[empty[here] | beyond]).sum() / np.abs(data.weight).sum())
        if lost > OUTSIDE:
            raise InputError(
                f"unfolding: {100 * lost:.3g} % of the data lies where no event is simulated in {name!r} (simulated "
                f"{simulated.min():.4g} to {simulated.max():.4g}, data {column.min():.4g} to {column.max():.4g}): "
                "what generated it is not known. Are unit and selection the same?"
            )
        worst = max(worst, lost)
    return worst
