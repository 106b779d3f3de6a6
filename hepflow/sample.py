"""Sample: named feature columns, mass, weight and label. The one data structure that flows through the house."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.errors import ConfigError, did_you_mean
from hepflow.shown import show_briefly

if TYPE_CHECKING:
    import awkward as ak
    import pandas as pd

FloatArray = NDArray[np.float64]
Cutflow = tuple[tuple[str, int], ...]
_OWN = ("weight", "label")  # columns of a table that are no features


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
class Sample:
    """Events as a resonant mass and a table of named features.

    Parameters
    ----------
    mass
        Resonant mass m_jj of each event, shape ``(N,)``, in GeV.
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

    Raises
    ------
    ConfigError
        If the shapes disagree, or a mass is NaN or infinite.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> events = hf.Sample(
    ...     mass=np.array([2800.0, 3500.0, 4200.0]),
    ...     features=np.array([[0.7], [0.2], [0.6]]),
    ...     names=("tau21_J1",),
    ...     label=np.array([0, 1, 0]),
    ... )
    >>> events
    Sample(3 events, 2800-4200 GeV, features tau21_J1, 1 signal by truth)
    >>> events.window(3300, 3700).feature("tau21_J1")
    array([0.2])

    Files hold all of it:

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     hf.save_sample(events, f"{folder}/events.parquet")
    ...     hf.load_sample(f"{folder}/events.parquet")
    Sample(3 events, 2800-4200 GeV, features tau21_J1, 1 signal by truth)
    """

    mass: FloatArray
    features: FloatArray
    names: tuple[str, ...]
    weight: FloatArray = field(default_factory=lambda: np.zeros(0))
    label: NDArray[np.int8] | None = None
    cutflow: Cutflow = ()
    skipped: tuple[SkippedFile, ...] = ()

    def __post_init__(self) -> None:
        mass = np.ascontiguousarray(self.mass, dtype=np.float64)
        features = np.ascontiguousarray(self.features, dtype=np.float64)
        weight = np.ascontiguousarray(self.weight, dtype=np.float64)
        weight = weight if weight.size else np.ones(len(mass))
        label = None if self.label is None else np.ascontiguousarray(self.label, dtype=np.int8)
        names = tuple(self.names)
        expected = (len(mass), len(names))
        if mass.ndim != 1 or features.shape != expected:
            raise ConfigError(
                f"Sample: expected mass (N,) and features (N, {len(names)}) for names {names}; "
                f"got {mass.shape} and {features.shape}"
            )
        for what, column in (("weight", weight), ("label", label)):
            if column is not None and column.shape != mass.shape:
                raise ConfigError(f"Sample: expected {what} of shape {mass.shape}; got {column.shape}")
        lost = np.flatnonzero(~np.isfinite(mass))
        if len(lost):
            raise ConfigError(
                f"Sample: the mass of event {lost[0]} is {mass[lost[0]]}, and {len(lost):,} of {len(mass):,} are NaN "
                "or infinite: such an event stands in no region and would be lost in silence. Leave it out first: "
                "numpy.isfinite(mass) tells which"
            )
        for name, value in zip(
            ("mass", "features", "weight", "label", "names"),
            (mass, features, weight, label, names),
            strict=True,
        ):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.mass)

    def __repr__(self) -> str:
        span = f", {self.mass.min():.0f}-{self.mass.max():.0f} GeV" if len(self) else ""
        truth = "" if self.label is None else f", {int((self.label == 1).sum()):,} signal by truth"
        return f"Sample({len(self):,} events{span}, features {', '.join(self.names)}{truth})"

    def feature(self, name: str) -> FloatArray:
        """Return one feature column, shape ``(N,)``."""
        if name not in self.names:
            raise ConfigError(f"no feature {name!r} in this sample: {did_you_mean(name, self.names)}")
        return self.features[:, self.names.index(name)]

    def __getitem__(self, key: str | int | slice | ArrayLike) -> Any:
        """Return a column by its name (a feature, "m_jj", "weight" or "label"), or events as a new Sample.

        Events are chosen as in an array: by a slice, a mask (N,), indices, or a single index.
        """
        if isinstance(key, str):
            columns = self._columns()
            if key not in columns:
                raise ConfigError(f"no column {key!r} in this sample: {did_you_mean(key, list(columns))}")
            return columns[key]
        if isinstance(key, int | np.integer):
            if not -len(self) <= key < len(self):
                raise IndexError(f"event {key} of {len(self)}")
            key = [int(key)]
        return self.select(key)

    __iter__ = None  # a sample is a table: columns by name, events by slice

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the features, shape ``(N, D)``, in the order of `names`."""
        return np.array(self.features, dtype=dtype, copy=copy is not False)

    def select(self, rows: ArrayLike | slice) -> Sample:
        """Return the rows of a mask (N,), slice or index array as a new Sample."""
        keep: Any = rows if isinstance(rows, slice) else np.asarray(rows)
        return replace(
            self,
            mass=self.mass[keep],
            features=self.features[keep],
            weight=self.weight[keep],
            label=None if self.label is None else self.label[keep],
        )

    def window(self, low: float, high: float) -> Sample:
        """Return the events with ``low <= mass < high`` (GeV)."""
        return self.select((self.mass >= low) & (self.mass < high))

    def without_truth(self) -> Sample:
        """Return the same events without labels, as every training sees them."""
        return replace(self, label=None)

    @staticmethod
    def concat(samples: Sequence[Sample]) -> Sample:
        """Join samples with equal features; labels survive only where all have them; cutflows add up."""
        if not samples:
            raise ConfigError("Sample.concat: nothing to join")
        names = samples[0].names
        for sample in samples[1:]:
            if sample.names != names:
                raise ConfigError(f"Sample.concat: features {sample.names} differ from {names}")
        labels = [s.label for s in samples if s.label is not None]
        return Sample(
            mass=np.concatenate([s.mass for s in samples]),
            features=np.concatenate([s.features for s in samples]),
            names=names,
            weight=np.concatenate([s.weight for s in samples]),
            label=np.concatenate(labels) if len(labels) == len(samples) else None,
            cutflow=add_cutflows(s.cutflow for s in samples),
            skipped=tuple(dict.fromkeys(file for s in samples for file in s.skipped)),
        )

    def to_awkward(self) -> ak.Array:
        """Return the events as an awkward record array (fields: m_jj, the features, weight, label)."""
        import awkward as ak

        return ak.zip(self._columns(), depth_limit=1)

    def to_pandas(self) -> pd.DataFrame:
        """Return the events as a data frame with the columns m_jj, the features, weight and, where known, label.

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
        return pd.DataFrame(self._columns())

    def _columns(self) -> dict[str, NDArray[Any]]:
        columns: dict[str, NDArray[Any]] = {
            "m_jj": self.mass,
            **{n: self.features[:, i] for i, n in enumerate(self.names)},
        }
        columns["weight"] = self.weight
        if self.label is not None:
            columns["label"] = self.label
        return columns

    @classmethod
    def of(cls, events: Any, names: Sequence[str] | None = None, *, mass: str = "m_jj") -> Sample:
        """Return events from a table with named columns.

        Parameters
        ----------
        events
            A pandas or any other data frame, an awkward record array, a structured array, or a dictionary of arrays.
            Columns "weight" and "label" become those of the sample.
        names
            The features; by default all other columns.
        mass
            The column of m_jj, in GeV.

        Raises
        ------
        ConfigError
            If a column is missing, holds anything but one number an event, or columns have different lengths.

        Examples
        --------
        >>> import hepflow as hf
        >>> import numpy as np
        >>> table = {"m_jj": np.array([2800.0, 3500.0]), "tau21_J1": np.array([0.7, 0.2])}
        >>> sample = hf.Sample.of(table)
        >>> sample
        Sample(2 events, 2800-3500 GeV, features tau21_J1)
        >>> sample[sample["m_jj"] > 3000]["tau21_J1"]
        array([0.2])
        """
        there = _column_names(events)
        wanted = [name for name in there if name not in (mass, *_OWN)] if names is None else list(names)
        columns = {name: _column(events, name, there) for name in (mass, *wanted)}
        columns |= {name: _column(events, name, there) for name in _OWN if name in there}
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ConfigError(f"Sample.of: columns of different lengths: {lengths}")
        table = [columns[name] for name in wanted]
        return cls(
            mass=columns[mass],
            features=np.stack(table, axis=1) if table else np.zeros((len(columns[mass]), 0)),
            names=tuple(wanted),
            weight=columns.get("weight", np.zeros(0)),
            label=None if "label" not in columns else columns["label"].astype(np.int8),
        )


def _column_names(events: Any) -> list[str]:
    if hasattr(events, "fields"):  # awkward
        names = events.fields
    elif hasattr(events, "columns"):  # data frames
        names = events.columns
    elif isinstance(events, Mapping):
        names = events
    else:
        names = getattr(getattr(events, "dtype", None), "names", None) or ()
    if not len(names):
        raise ConfigError(
            "Sample.of expects a table with named columns (a data frame, an awkward record array, a structured "
            f"array, a dictionary); got {type(events).__name__}. Of bare arrays: Sample(mass, features, names)"
        )
    return [str(name) for name in names]


def _column(events: Any, name: str, there: Sequence[str]) -> FloatArray:
    if name not in there:
        raise ConfigError(f"Sample.of: no column {name!r}: {did_you_mean(name, list(there))}")
    try:
        column = np.asarray(events[name], dtype=np.float64)
    except (TypeError, ValueError):
        column = np.zeros((0, 0))
    if column.ndim != 1:
        raise ConfigError(f"Sample.of: column {name!r} does not hold one number for each event")
    return column


def add_cutflows(cutflows: Iterable[Cutflow]) -> Cutflow:
    """Add cutflows entry by entry, in the order in which the entries first appear."""
    total: dict[str, int] = {}
    for cutflow in cutflows:
        for cause, events in cutflow:
            total[cause] = total.get(cause, 0) + events
    return tuple(total.items())


def inject(signal: Sample, into: Sample, events: int, seed: int) -> tuple[Sample, Sample]:
    """Add a random subset of signal events to the data.

    Returns
    -------
    data, rest
        `into` with `events` signal rows added (shuffled, so that the order tells nothing), and the signal rows
        that stay for evaluation and for the signal template, with weights that add up to `events`: for them
        ``mu = 1`` is the yield that was injected.

    Raises
    ------
    ConfigError
        If more events are asked for than the signal sample holds.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> background = hf.Sample(np.linspace(2500, 5000, 100), np.zeros((100, 1)), ("tau21_J1",))
    >>> signal = hf.Sample(np.full(50, 3500.0), np.ones((50, 1)), ("tau21_J1",))
    >>> data, rest = hf.inject(signal, into=background, events=20, seed=7)
    >>> len(data), len(rest)
    (120, 30)
    >>> round(rest.weight.sum())
    20
    """
    if not 0 <= events < len(signal):
        raise ConfigError(
            f"cannot inject {events} events: the signal sample holds {len(signal)} and some must stay for "
            f"evaluation; ask for 0 to {len(signal) - 1}"
        )
    random = np.random.default_rng(seed)
    order = random.permutation(len(signal))
    added = replace(signal.select(order[:events]), weight=np.ones(events))
    data = Sample.concat([into, added])
    shuffled = data.select(random.permutation(len(data)))
    data = replace(shuffled, cutflow=into.cutflow, skipped=into.skipped)
    rest = signal.select(np.sort(order[events:]))
    scale = events / rest.weight.sum() if events else 1.0
    return data, replace(rest, weight=rest.weight * scale)


show_briefly([Sample])
