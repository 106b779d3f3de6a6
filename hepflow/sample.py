"""Sample: events with a resonant variable. The one data structure that flows through the house."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.errors import ConfigError
from hepflow.events import Cutflow as Cutflow
from hepflow.events import Events, table_of, taken
from hepflow.events import FloatArray as FloatArray
from hepflow.events import SkippedFile as SkippedFile
from hepflow.events import add_cutflows as add_cutflows
from hepflow.quantity import M_JJ, Quantity, number
from hepflow.shown import show_briefly


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Sample(Events):
    """Events as a resonant variable, most often a mass, and a table of named features.

    Parameters
    ----------
    mass
        Resonant variable of each event, shape ``(N,)``, in GeV: what `resonance` says.
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
        What is known of features beside their names: labels, units, how they are computed. Of any of them.
    resonance
        What the resonant variable is called; by default m_jj, the mass of two jets.

    Raises
    ------
    ConfigError
        If the shapes disagree, or a mass is NaN or infinite; if the unit of the resonance is not GeV.

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

    Any resonance has a name of its own:

    >>> hf.Sample(np.array([91.2]), np.array([[0.1]]), ("iso",), resonance=hf.Quantity("m_mumu", unit="GeV"))
    Sample(1 events, m_mumu 91.2-91.2 GeV, features iso)
    """

    mass: FloatArray = field(default_factory=lambda: np.zeros(0))
    resonance: Quantity = M_JJ

    by_event: ClassVar[tuple[str, ...]] = ("mass", *Events.by_event)

    def __init__(  # the mass comes first
        self,
        mass: ArrayLike,
        features: ArrayLike,
        names: Sequence[str],
        weight: ArrayLike = (),
        label: ArrayLike | None = None,
        cutflow: Cutflow = (),
        skipped: tuple[SkippedFile, ...] = (),
        quantities: tuple[Quantity, ...] = (),
        resonance: Quantity = M_JJ,
    ) -> None:
        values: dict[str, Any] = {
            "mass": mass,
            "features": features,
            "names": names,
            "weight": weight,
            "label": label,
        }
        values |= {"cutflow": cutflow, "skipped": skipped, "quantities": quantities, "resonance": resonance}
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    def __post_init__(self) -> None:
        object.__setattr__(self, "mass", np.ascontiguousarray(self.mass, dtype=np.float64))
        features = np.asarray(self.features, dtype=np.float64)
        expected = (len(self.mass), len(self.names))
        if self.mass.ndim != 1 or features.shape != expected:
            names = tuple(self.names)
            raise ConfigError(
                f"Sample: expected mass (N,) and features (N, {len(names)}) for names {names}; "
                f"got {self.mass.shape} and {features.shape}"
            )
        super().__post_init__()
        if self.resonance.unit != "GeV":
            _, factor = self.resonance.in_gev()
            raise ConfigError(
                f"Sample: the resonant variable {self.resonance.name!r} is in {self.resonance.unit or 'no unit'}; "
                f"expected GeV, as regions and bins are: give mass * {factor:g} and unit='GeV'"
            )
        lost = np.flatnonzero(~np.isfinite(self.mass))
        if len(lost):
            raise ConfigError(
                f"Sample: the mass of event {lost[0]} is {self.mass[lost[0]]}, and {len(lost):,} of "
                f"{len(self.mass):,} are NaN or infinite: such an event stands in no region and would be lost in "
                "silence. Leave it out first: numpy.isfinite(mass) tells which"
            )

    def _length(self, features: FloatArray) -> int:
        return len(self.mass)

    def __len__(self) -> int:
        return len(self.mass)

    def _span(self) -> str:
        if not len(self):
            return ""
        name = "" if self.resonance.name == M_JJ.name else f"{self.resonance.name} "
        return f", {name}{number(self.mass.min())}-{number(self.mass.max())} GeV"

    def window(self, low: float, high: float) -> Self:
        """Return the events with ``low <= mass < high`` (GeV)."""
        return self.select((self.mass >= low) & (self.mass < high))

    def alike(self, mass: FloatArray, features: FloatArray, weight: FloatArray | None = None) -> Sample:
        """Return other events, of weight one if none is given, with the columns of these and their names."""
        return Sample(
            mass,
            features,
            self.names,
            () if weight is None else weight,
            quantities=self.quantities,
            resonance=self.resonance,
        )

    def _joins(self, other: Self) -> None:
        if other.resonance.name != self.resonance.name:
            raise ConfigError(
                f"Sample.concat: the resonant variable {other.resonance.name!r} differs from {self.resonance.name!r}"
            )

    def _first(self) -> dict[str, NDArray[Any]]:
        return {self.resonance.name: self.mass}

    @classmethod
    def of(cls, events: Any, names: Sequence[str] | None = None, *, mass: str | Quantity = M_JJ) -> Sample:
        """Return events from a table with named columns.

        Parameters
        ----------
        events
            A pandas or any other data frame, an awkward record array, a structured array, or a dictionary of arrays.
            Columns "weight" and "label" become those of the sample.
        names
            The features; by default all other columns.
        mass
            The column of the resonant variable, by default m_jj. A name alone means GeV; a `Quantity` says label and
            unit, too, and what is in MeV or TeV becomes GeV.

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
        resonance, factor = resonance_of(mass)
        wanted, columns = taken(cls.__name__, events, names, (resonance.name,))
        values = columns[resonance.name]
        return cls(
            values if factor == 1 else factor * values,
            names=wanted,
            resonance=resonance,
            **table_of(wanted, columns),
        )


def resonance_of(given: str | Quantity) -> tuple[Quantity, float]:
    """Return a resonant variable in GeV, and the factor that brings its values there."""
    if isinstance(given, str):
        return (M_JJ if given == M_JJ.name else Quantity(given, unit="GeV")), 1.0
    return given.in_gev()


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
