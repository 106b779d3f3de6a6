"""Pairs: simulated events as they were generated and as they were reconstructed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.errors import ConfigError, InputError
from hepflow.events import Cutflow, Events, FloatArray
from hepflow.unfolding.columns import names_of, raw
from hepflow.unfolding.keys import matched

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Simulated events at two levels: as generated (truth) and as reconstructed.

    Parameters
    ----------
    truth
        Generated columns of N events.
    reco
        Reconstructed columns of the same N events, in the same order.
    pass_truth, pass_reco
        Whether an event is inside the selection of each level, shape ``(N,)``; all are if left out. Where a flag does
        not pass, the columns of that level are not looked at and may be NaN.
    weight
        Of each event, shape ``(N,)``; ones if left out. Weights are yields: of events per luminosity of the data. The
        weights of the two tables are not looked at.
    cutflow
        What happened to events on the way here: ``(cause, events)`` pairs.

    Raises
    ------
    ConfigError
        If lengths or shapes disagree.
    InputError
        If a flag passes nothing, no event passes both, a value is NaN or infinite where its flag passes, or the
        weights do not add up to a positive number.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> pt = random.exponential(20.0, 1000)
    >>> measured = np.where(random.random(1000) < 0.8, random.normal(pt, 5.0), np.nan)
    >>> table = {"pt": pt, "measured": measured}
    >>> pairs = hf.unfolding.Pairs.of(table, truth=["pt"], reco=["measured"], pass_reco=np.isfinite(measured))
    >>> pairs
    Pairs(1,000 events, pt as measured, efficiency 81.1 %, fakes 0 %)
    """

    truth: Events
    reco: Events
    pass_truth: Flags = field(default_factory=lambda: np.zeros(0, bool))
    pass_reco: Flags = field(default_factory=lambda: np.zeros(0, bool))
    weight: FloatArray = field(default_factory=lambda: np.zeros(0))
    cutflow: Cutflow = ()

    def __post_init__(self) -> None:
        events = len(self.truth)
        if len(self.reco) != events:
            raise ConfigError(
                f"pairs: {events:,} generated and {len(self.reco):,} reconstructed events; expected the same events "
                "in the same order. Where some are missing at one level, join by a column that both have: key=..."
            )
        weight = np.ascontiguousarray(self.weight, dtype=np.float64)
        flags = {name: _flags(name, getattr(self, name), events) for name in ("pass_truth", "pass_reco")}
        weight = weight if weight.size else np.ones(events)
        if weight.shape != (events,):
            raise ConfigError(f"pairs: weights of shape {weight.shape}; expected {(events,)}")
        for name, value in {**flags, "weight": weight}.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        levels = (
            ("generated", self.truth, self.pass_truth, "pass_truth"),
            ("reconstructed", self.reco, self.pass_reco, "pass_reco"),
        )
        for level, events, passes, flag in levels:
            if not events.names:
                raise ConfigError(f"pairs: no {level} column; name one or more")
            if not passes.any():
                raise InputError(
                    f"pairs: {flag} passes none of {len(self):,} events; is the flag the right one, and 1 where it "
                    "passes?"
                )
            for name, column in zip(events.names, events.features.T, strict=True):
                bad = int(np.sum(~np.isfinite(column[passes])))
                if bad:
                    raise InputError(
                        f"pairs: {level} column {name!r} is NaN or infinite in {bad:,} of {int(passes.sum()):,} "
                        f"events that pass; set {flag} to 0 where there is no value"
                    )
        if not self.both.any():
            raise InputError(
                f"pairs: {int(self.pass_truth.sum()):,} events are generated and {int(self.pass_reco.sum()):,} "
                "reconstructed inside the selections, but none is both: nothing connects the two levels"
            )
        used = self.weight[self.pass_truth | self.pass_reco]
        if not np.isfinite(used).all():
            raise InputError(f"pairs: {int(np.sum(~np.isfinite(used))):,} weights are NaN or infinite")
        for what, passes in (
            ("that pass both selections", self.both),
            ("that are generated", self.pass_truth),
        ):
            if not self.weight[passes].sum() > 0:
                raise InputError(
                    f"pairs: the weights of the events {what} add up to {self.weight[passes].sum():g}; expected "
                    "more than zero"
                )

    def __len__(self) -> int:
        return len(self.truth)

    def __repr__(self) -> str:
        names = [", ".join(events.names) for events in (self.truth, self.reco)]
        return (
            f"Pairs({len(self):,} events, {names[0]} as {names[1]}, efficiency {100 * self.efficiency:.3g} %, "
            f"fakes {100 * self.fake_share:.3g} %)"
        )

    @property
    def both(self) -> Flags:
        """Events that are inside the selections of both levels, shape ``(N,)``."""
        return self.pass_truth & self.pass_reco

    @property
    def fakes(self) -> Flags:
        """Events that are reconstructed inside the selection, but were not generated inside theirs, ``(N,)``."""
        return self.pass_reco & ~self.pass_truth

    @property
    def misses(self) -> Flags:
        """Events that are generated inside the selection, but not reconstructed, ``(N,)``."""
        return self.pass_truth & ~self.pass_reco

    @property
    def efficiency(self) -> float:
        """Share of the generated yield that is reconstructed."""
        return float(self.weight[self.both].sum() / self.weight[self.pass_truth].sum())

    @property
    def fake_share(self) -> float:
        """Share of the reconstructed yield that was not generated inside the selection."""
        return float(self.weight[self.fakes].sum() / self.weight[self.pass_reco].sum())

    @property
    def generated(self) -> Events:
        """The generated events inside the selection, with their weights."""
        return replace(self.truth, weight=self.weight).select(self.pass_truth)

    @property
    def reconstructed(self) -> Events:
        """The reconstructed events inside the selection, with their weights."""
        return replace(self.reco, weight=self.weight).select(self.pass_reco)

    def select(self, rows: ArrayLike) -> Pairs:
        """Return the events of a mask ``(N,)`` or of indices."""
        keep: Any = np.asarray(rows)
        return replace(
            self,
            truth=self.truth.select(keep),
            reco=self.reco.select(keep),
            pass_truth=self.pass_truth[keep],
            pass_reco=self.pass_reco[keep],
            weight=self.weight[keep],
        )

    def weighted(self, factor: ArrayLike) -> Pairs:
        """Return the same events with weights multiplied by a number, or by one number an event ``(N,)``."""
        return replace(self, weight=self.weight * np.asarray(factor, dtype=np.float64))

    @classmethod
    def of(
        cls,
        generated: Any,
        reconstructed: Any = None,
        *,
        truth: Sequence[str],
        reco: Sequence[str],
        pass_truth: str | ArrayLike | None = None,
        pass_reco: str | ArrayLike | None = None,
        weight: str | ArrayLike | None = None,
        key: str | Sequence[str] | None = None,
        unmatched: str = "refuse",
    ) -> Pairs:
        """Return pairs from one table or two.

        Parameters
        ----------
        generated
            A table with named columns (as of `Events.of`), or `Events`.
        reconstructed
            Another of the same events in the same order, or with a `key`; left out, `generated` holds both levels.
        truth, reco
            Names of the generated and of the reconstructed columns.
        pass_truth, pass_reco
            Whether an event passes each selection: a column, or an array of one flag an event; all pass if left out.
            With a key, a column of its own table.
        weight
            A column of `generated` (of `reconstructed` for events that it alone has), or an array. Left out, the
            column "weight" of `generated`, or ones.
        key
            Column or columns that both tables have, and that name an event. Whole numbers or texts.
        unmatched
            What becomes of keys that one table alone has: "refuse"; "keep", as not reconstructed and as fakes; or
            "drop". What is kept or dropped stands in the cutflow.

        Raises
        ------
        ConfigError
            If a column is missing, lengths differ, or an argument makes no sense.
        InputError
            If keys come twice or have no partner, or for what `Pairs` raises.
        """
        if unmatched not in ("refuse", "keep", "drop"):
            raise ConfigError(f"pairs: unmatched={unmatched!r}; expected 'refuse', 'keep' or 'drop'")
        first, second = generated, generated if reconstructed is None else reconstructed
        left, right = _table("generated", first, truth), _table("reconstructed", second, reco)
        if key is None:
            return cls(
                left,
                right,
                _column("pass_truth", first, pass_truth, len(left)).astype(bool),
                _column("pass_reco", second, pass_reco, len(right)).astype(bool),
                _weight(first, weight, len(left)),
                cutflow=left.cutflow,
            )
        if reconstructed is None:
            raise ConfigError("pairs: a key joins two tables; got one. Give `reconstructed`, too")
        if any(one is not None and not isinstance(one, str) for one in (pass_truth, pass_reco, weight)):
            raise ConfigError(
                "pairs: with a key, flags and weight are names of columns, since events change place"
            )
        at = matched(first, second, (key,) if isinstance(key, str) else tuple(key), unmatched)
        flags = (
            np.where(place < 0, False, _column(what, table, column, len(level)).astype(bool)[place])
            for what, table, column, level, place in (
                ("pass_truth", first, pass_truth, left, at.first),
                ("pass_reco", second, pass_reco, right, at.second),
            )
        )
        own = _weight(first, weight, len(left))[at.first]
        if (at.first < 0).any():
            own = np.where(at.first < 0, _weight(second, weight, len(right))[at.second], own)
        return cls(
            _placed(left, at.first),
            _placed(right, at.second),
            next(flags),
            next(flags),
            own,
            at.cutflow,
        )


def _flags(name: str, given: Any, events: int) -> Flags:
    flags = np.asarray(given)
    if not flags.size:
        return np.ones(events, bool)
    if flags.shape != (events,):
        raise ConfigError(f"pairs: {name} of shape {flags.shape}; expected {(events,)}")
    return flags.astype(bool)


def _table(level: str, given: Any, names: Sequence[str]) -> Events:
    """Return the columns of one level."""
    if isinstance(names, str) or not len(names):
        raise ConfigError(f"pairs: {level} columns {names!r}; expected a list of names")
    if isinstance(given, Events):
        columns = np.column_stack([np.asarray(given[name], dtype=np.float64) for name in names])
        return Events(columns, tuple(names), cutflow=given.cutflow, quantities=given.quantities)
    return replace(Events.of(given, names), weight=np.zeros(0), label=None)


def _column(what: str, table: Any, given: str | ArrayLike | None, events: int) -> NDArray[Any]:
    """Return one number for each event: a column of a table, or an array as it is."""
    if given is None:
        return np.ones(events)
    if isinstance(given, str):
        given = raw(table, given)
    column = np.asarray(given)
    if column.shape != (events,) or column.dtype.kind not in "biuf":
        raise ConfigError(
            f"pairs: {what} holds {column.dtype} of shape {column.shape}; expected a number for each of {events:,} "
            "events"
        )
    if column.dtype.kind == "f" and np.isnan(column).any():
        raise InputError(f"pairs: {what} is NaN in {int(np.isnan(column).sum()):,} of {events:,} events")
    return column


def _weight(table: Any, given: str | ArrayLike | None, events: int) -> FloatArray:
    if given is None:
        if isinstance(table, Events):
            return table.weight
        given = "weight" if "weight" in names_of(table) else None
    return _column("weight", table, given, events).astype(np.float64)


def _placed(level: Events, place: NDArray[np.intp]) -> Events:
    """Return rows by their place, NaN where there is none (-1)."""
    columns = np.where((place >= 0)[:, None], level.features[place], np.nan)
    return replace(level, features=columns, weight=np.zeros(0), label=None)
