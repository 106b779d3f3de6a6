"""Events: a table of named columns with weights and, where it is known, the truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.errors import ConfigError, did_you_mean
from hepflow.quantity import Quantity
from hepflow.shown import show_briefly

if TYPE_CHECKING:
    import awkward as ak
    import pandas as pd

FloatArray = NDArray[np.float64]
Cutflow = tuple[tuple[str, int], ...]
OWN = ("weight", "label")  # columns of a table that are no features


@dataclass(frozen=True)
class SkippedFile:
    """A damaged file that was left out because that was asked for.

    Parameters
    ----------
    file
        Path or URL.
    cause
        Why it cannot be read.
    events
        Events in it, none of which is used; None where the file does not even tell that.
    """

    file: str
    cause: str
    events: int | None = None


@dataclass(frozen=True, eq=False)
class Events:
    """Events as a table of named features.

    Parameters
    ----------
    features
        Feature table, shape ``(N, D)``; masses in GeV.
    names
        The `D` names of the columns.
    weight
        Event weights, shape ``(N,)``; ones when left out.
    label
        Truth, shape ``(N,)`` int8, 1 for signal; None on real data. It never reaches a training or a cut.
    cutflow
        What happened to every event that was read: ``(cause, events)`` pairs.
    skipped
        Damaged files that were left out.
    quantities
        What is known of columns beside their names: labels, units, how they are computed. Of any of them; what is
        of no column is left out, so that columns can be replaced.

    Raises
    ------
    ConfigError
        If the shapes disagree.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> pt = hf.Quantity("pt", unit="GeV")
    >>> events = hf.Events(np.array([[0.7, 40.0], [0.2, 25.0]]), ("iso", "pt"), quantities=(pt,))
    >>> events
    Events(2 events, features iso, pt)
    >>> events["pt"], events.quantity("pt").axis
    (array([40., 25.]), 'pt [GeV]')
    """

    features: FloatArray
    names: tuple[str, ...]
    weight: FloatArray = field(default_factory=lambda: np.zeros(0))
    label: NDArray[np.int8] | None = None
    cutflow: Cutflow = ()
    skipped: tuple[SkippedFile, ...] = ()
    quantities: tuple[Quantity, ...] = ()

    by_event: ClassVar[tuple[str, ...]] = ("features", "weight", "label")  # the fields with an entry an event

    def __post_init__(self) -> None:
        features = np.ascontiguousarray(self.features, dtype=np.float64)
        weight = np.ascontiguousarray(self.weight, dtype=np.float64)
        events = self._length(features)
        weight = weight if weight.size else np.ones(events)
        label = None if self.label is None else np.ascontiguousarray(self.label, dtype=np.int8)
        names, own = tuple(self.names), type(self).__name__
        if features.shape != (events, len(names)):
            raise ConfigError(
                f"{own}: expected features (N, {len(names)}) for names {names}; got {features.shape}"
            )
        for what, column in (("weight", weight), ("label", label)):
            if column is not None and column.shape != (events,):
                raise ConfigError(f"{own}: expected {what} of shape {(events,)}; got {column.shape}")
        known = tuple(
            quantity for quantity in self.quantities if quantity.name in names
        )  # others were replaced
        values = {"features": features, "weight": weight, "label": label, "names": names, "quantities": known}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _length(self, features: FloatArray) -> int:
        return len(features) if features.ndim else 0

    def __len__(self) -> int:
        return len(self.features)

    def __repr__(self) -> str:
        truth = "" if self.label is None else f", {int((self.label == 1).sum()):,} signal by truth"
        columns = f", features {', '.join(self.names)}{truth}"
        return f"{type(self).__name__}({len(self):,} events{self._span()}{columns})"

    def _span(self) -> str:
        return ""

    def feature(self, name: str) -> FloatArray:
        """Return one feature column, shape ``(N,)``."""
        if name not in self.names:
            raise ConfigError(f"no feature {name!r} in this sample: {did_you_mean(name, self.names)}")
        return self.features[:, self.names.index(name)]

    def quantity(self, name: str) -> Quantity:
        """Return what is known of a column: its label, its unit, and how it is computed."""
        if name not in self.names:
            raise ConfigError(f"no feature {name!r} in this sample: {did_you_mean(name, self.names)}")
        return next((one for one in self.quantities if one.name == name), Quantity(name))

    def __getitem__(self, key: str | int | slice | ArrayLike) -> Any:
        """Return a column by its name (a feature, "m_jj", "weight" or "label"), or events as a new sample.

        Events are chosen as in an array: by a slice, a mask (N,), indices, or a single index.
        """
        if isinstance(key, str):
            columns = self.columns()
            if key not in columns:
                raise ConfigError(f"no column {key!r} in this sample: {did_you_mean(key, list(columns))}")
            return columns[key]
        if isinstance(key, int | np.integer):
            if not -len(self) <= key < len(self):
                raise IndexError(f"event {key} of {len(self)}")
            key = [int(key)]
        return self.select(key)

    __iter__ = None  # a table: columns by name, events by slice

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the features, shape ``(N, D)``, in the order of `names`."""
        return np.array(self.features, dtype=dtype, copy=copy is not False)

    def select(self, rows: ArrayLike | slice) -> Self:
        """Return the rows of a mask (N,), slice or index array as a new sample."""
        keep: Any = rows if isinstance(rows, slice) else np.asarray(rows)
        columns: dict[str, Any] = {name: getattr(self, name) for name in self.by_event}
        kept: dict[str, Any] = {name: None if one is None else one[keep] for name, one in columns.items()}
        return replace(self, **kept)

    def without_truth(self) -> Self:
        """Return the same events without labels, as every training sees them."""
        return replace(self, label=None)

    @classmethod
    def concat(cls, samples: Sequence[Self]) -> Self:
        """Join samples with equal features; labels survive only where all have them; cutflows add up."""
        if not samples:
            raise ConfigError(f"{cls.__name__}.concat: nothing to join")
        first = samples[0]
        for sample in samples[1:]:
            if sample.names != first.names:
                raise ConfigError(f"{cls.__name__}.concat: features {sample.names} differ from {first.names}")
            first._joins(sample)
        columns: dict[str, Any] = {}
        for name in first.by_event:
            parts = [getattr(sample, name) for sample in samples]
            columns[name] = None if any(part is None for part in parts) else np.concatenate(parts)
        return replace(
            first,
            **columns,
            cutflow=add_cutflows(sample.cutflow for sample in samples),
            skipped=tuple(dict.fromkeys(file for sample in samples for file in sample.skipped)),
        )

    def _joins(self, other: Self) -> None:
        """Refuse another sample that does not go with this one, though its features do."""

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns by name: the resonant variable, if there is one, the features, weight and label."""
        columns = self._first() | {name: self.features[:, i] for i, name in enumerate(self.names)}
        columns["weight"] = self.weight
        return columns if self.label is None else {**columns, "label": self.label}

    def _first(self) -> dict[str, NDArray[Any]]:
        return {}

    def to_awkward(self) -> ak.Array:
        """Return the events as an awkward record array (fields as of `columns`)."""
        import awkward as ak

        return ak.zip(self.columns(), depth_limit=1)

    def to_numpy(self) -> NDArray[Any]:
        """Return the events as a structured array (fields as of `columns`), shape ``(N,)``."""
        columns = self.columns()
        table = np.empty(len(self), dtype=[(name, column.dtype) for name, column in columns.items()])
        for name, column in columns.items():
            table[name] = column
        return table

    def to_pandas(self) -> pd.DataFrame:
        """Return the events as a data frame (columns as of `columns`).

        Raises
        ------
        ConfigError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise ConfigError(
                "a data frame needs pandas, which hepflow does not: pip install pandas"
            ) from None
        return pd.DataFrame(self.columns())

    @classmethod
    def of(cls, events: Any, names: Sequence[str] | None = None) -> Self:
        """Return events from a table with named columns.

        Parameters
        ----------
        events
            A pandas or any other data frame, an awkward record array, a structured array, or a dictionary of arrays.
            Columns "weight" and "label" become those of the sample.
        names
            The features; by default all other columns.

        Raises
        ------
        ConfigError
            If a column is missing, holds anything but one number an event, or columns have different lengths.
        """
        wanted, columns = taken(cls.__name__, events, names)
        return cls(names=wanted, **table_of(wanted, columns))


def taken(
    what: str, events: Any, names: Sequence[str] | None, beside: Sequence[str] = ()
) -> tuple[tuple[str, ...], dict[str, FloatArray]]:
    """Return the names of the features in a table, and its columns: these, those `beside` them, weight and label."""
    there = _column_names(what, events)
    wanted = [name for name in there if name not in (*beside, *OWN)] if names is None else list(names)
    columns = {name: _column(what, events, name, there) for name in (*beside, *wanted)}
    columns |= {name: _column(what, events, name, there) for name in OWN if name in there}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ConfigError(f"{what}.of: columns of different lengths: {lengths}")
    return tuple(wanted), columns


def table_of(names: Sequence[str], columns: Mapping[str, FloatArray]) -> dict[str, Any]:
    """Return features, weight and label of columns by name."""
    events = len(next(iter(columns.values()), ()))
    return {
        "features": np.stack([columns[name] for name in names], axis=1) if names else np.zeros((events, 0)),
        "weight": columns.get("weight", np.zeros(0)),
        "label": None if "label" not in columns else columns["label"].astype(np.int8),
    }


def _column_names(what: str, events: Any) -> list[str]:
    if hasattr(events, "fields"):  # awkward
        names = events.fields
    elif hasattr(events, "columns"):  # data frames
        names = events.columns
    elif isinstance(events, Mapping):
        names = events
    else:
        names = getattr(getattr(events, "dtype", None), "names", None) or ()
    if not len(names):
        bare = ", ".join(one.name for one in fields(Events)[:2])
        raise ConfigError(
            f"{what}.of expects a table with named columns (a data frame, an awkward record array, a structured "
            f"array, a dictionary); got {type(events).__name__}. Of bare arrays: "
            f"{what}({'mass, ' if what == 'Sample' else ''}{bare})"
        )
    return [str(name) for name in names]


def _column(what: str, events: Any, name: str, there: Sequence[str]) -> FloatArray:
    if name not in there:
        raise ConfigError(f"{what}.of: no column {name!r}: {did_you_mean(name, list(there))}")
    try:
        column = np.asarray(events[name], dtype=np.float64)
    except (TypeError, ValueError):
        column = np.zeros((0, 0))
    if column.ndim != 1:
        raise ConfigError(f"{what}.of: column {name!r} does not hold one number for each event")
    return column


def add_cutflows(cutflows: Iterable[Cutflow]) -> Cutflow:
    """Add cutflows entry by entry, in the order in which the entries first appear."""
    total: dict[str, int] = {}
    for cutflow in cutflows:
        for cause, events in cutflow:
            total[cause] = total.get(cause, 0) + events
    return tuple(total.items())


show_briefly([Events])
