"""Generator: events of flows, as replicas whose spread is the error of the training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError, InputError
from hepflow.events import Events, FloatArray
from hepflow.flows import ConditionalDensity, TrainingPlan, spline_autoregressive
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.quantity import Quantity
from hepflow.replicas import Expected, binned, expected
from hepflow.training import Training
from hepflow.weights import State, storable

REPLICAS = 16
LAYERS = 2  # few: each replica learns from a bootstrap, and more learn that by heart
HIDDEN = 64
EPOCHS = 10
BATCHES = 40  # of an epoch, as far as a batch then has
BATCH_SIZES = (64, 512)  # events
LEARNING_RATE = 3e-3
BLOCK = 100_000  # events drawn at a time; what they are depends on it
COLUMN = "replica"


def batch_size_for(events: int) -> int:
    """Return how many of so many events are in a training step: fewer steps would teach little."""
    return int(np.clip(events // BATCHES, *BATCH_SIZES))


def replicas_density(events: int = 20_000) -> ConditionalDensity:
    """Return an untrained density, of as many events, whose members are the replicas of a generator."""
    flow = partial(spline_autoregressive, layers=LAYERS, hidden=HIDDEN)
    plan = TrainingPlan(epochs=EPOCHS, batch_size=batch_size_for(events), learning_rate=LEARNING_RATE)
    return ConditionalDensity(flow, plan, REPLICAS, partial(logit_preprocessing, ranks="smooth"))


@dataclass(frozen=True, eq=False)
class Generated:
    """Generated events, and which replica made each.

    Parameters
    ----------
    events
        Their columns and weights.
    replica
        From 0 to R - 1, shape ``(N,)``.
    """

    events: Events
    replica: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.events)

    @classmethod
    def of(cls, table: Events) -> Generated:
        """Return what `table` returned, as it is read from a file.

        Raises
        ------
        InputError
            If there is no column `replica`.
        """
        if COLUMN not in table.names:
            raise InputError(f"generated events: no column {COLUMN!r}, which says what made each of them")
        kept = tuple(name for name in table.names if name != COLUMN)
        features = np.stack([table.feature(name) for name in kept], axis=1)
        return cls(replace(table, features=features, names=kept), table.feature(COLUMN).astype(np.intp))

    def table(self) -> Events:
        """Return the events with one more column, `replica`."""
        columns = np.column_stack([self.events.features, self.replica])
        return replace(self.events, features=columns, names=(*self.events.names, COLUMN))

    def expected(self, values: FloatArray, edges: FloatArray) -> Expected:
        """Return a histogram of values (N,) of the events, with the error of the training; as `replicas.expected`."""
        sums, squares = binned(values, self.replica, edges, self.events.weight)
        total = np.bincount(self.replica, weights=self.events.weight).astype(np.float64)
        return expected(edges, sums, squares, total)

    @classmethod
    def concat(cls, parts: Sequence[Generated]) -> Generated:
        """Join pieces."""
        events = replace(parts[0].events, cutflow=())
        whole = (
            Events.concat([replace(part.events, cutflow=()) for part in parts]) if len(parts) > 1 else events
        )
        return cls(
            replace(whole, cutflow=parts[0].events.cutflow),
            np.concatenate([part.replica for part in parts]),
        )


@storable
@dataclass
class Generator:
    """Learns the density of events, and makes as many others as one likes.

    Parameters
    ----------
    density
        Untrained; its members are the replicas, draws of its `posterior`: by default each learns from a bootstrap of
        the events, with a seed of its own. Their spread is the error that the training leaves, whatever is made of
        the events. By default one for some
        20,000 events; of fewer, `hepflow.generation.replicas_density(len(events))` takes smaller steps.

    Examples
    --------
    >>> from functools import partial
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> events = hf.Events(random.gamma(2.0, size=(900, 2)), ("pt", "m"))
    >>> small = partial(hf.flows.affine_autoregressive, layers=2, hidden=8)
    >>> density = hf.flows.ConditionalDensity(small, hf.flows.TrainingPlan(epochs=2, batch_size=100), members=3)
    >>> generated = hf.generation.Generator(density).fit(events, seed=1).generate(3000, seed=2)
    >>> len(generated), generated.events.names
    (3000, ('pt', 'm'))
    >>> spectrum = generated.expected(generated.events["m"], np.array([0.0, 1.0, 2.0, 5.0]))
    >>> bool((spectrum.error >= spectrum.statistical).all())
    True
    """

    density: ConditionalDensity = field(default_factory=replicas_density)
    quantities: tuple[Quantity, ...] = field(default=(), init=False, repr=False)
    yielded: float = field(default=0.0, init=False, repr=False)
    _given: FloatArray = field(default_factory=lambda: np.empty((0, 0)), init=False, repr=False)

    def fit(
        self, events: Events, *, given: Sequence[str] = (), seed: int, checkpoint: Path | None = None
    ) -> Generator:
        """Train; truth is not looked at.

        Parameters
        ----------
        events
            What is learned from, with weights.
        given
            Columns that the others are conditioned on. They are drawn from the events, or given to `generate`.
        seed, checkpoint
            As of `ConditionalDensity.fit`, which says what is raised, too.

        Raises
        ------
        ConfigError
            If no column is left to learn, or the density has fewer than three members.
        InputError
            If the weights of the events do not add up to a positive number.
        """
        learned = tuple(name for name in events.names if name not in given)
        if not learned:
            raise ConfigError("generation: all columns are conditions; leave one to learn")
        if self.density.members < 3:
            raise ConfigError(
                f"generation: {self.density.members} replicas; expected three or more: their spread is the error"
            )
        total = float(events.weight.sum())
        if not total > 0:
            raise InputError(
                f"generation: the weights of the events add up to {total:g}; expected more than zero"
            )
        x, conditions = (
            np.stack([events.feature(name) for name in names], axis=1)
            if names
            else np.empty((len(events), 0))
            for names in (learned, tuple(given))
        )
        self.density.fit(x, conditions, events.weight, learned, seed, checkpoint, given=tuple(given))
        self.quantities, self.yielded = events.quantities, total
        self._given = _drawn_alike(conditions, events.weight, seed)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it makes, those that it is given last."""
        return (*self.density.names, *self.density.given)

    @property
    def trainings(self) -> tuple[Training, ...]:
        """What the training of each replica left."""
        return self.density.trainings

    def generate(self, events: int, seed: int, *, given: FloatArray | None = None) -> Generated:
        """Return so many events, whose weights add up to what those of the training events do; see `blocks`."""
        return Generated.concat(list(self.blocks(events, seed, given=given)))

    def blocks(self, events: int, seed: int, *, given: FloatArray | None = None) -> Iterator[Generated]:
        """Yield so many events in pieces, the same whatever becomes of them.

        Parameters
        ----------
        events
            How many.
        seed
            Of all that is drawn.
        given
            Conditions of each event, shape ``(events, C)``; left out, they are drawn from those of the training.

        Raises
        ------
        ConfigError
            If there is no event, conditions of another shape, or no training yet.
        """
        width = len(self.density.given)
        if events < 1:
            raise ConfigError(f"generation: {events} events; expected at least one")
        if given is not None and given.shape != (events, width):
            raise ConfigError(
                f"generation: conditions of shape {given.shape}; expected ({events}, {width}) for "
                f"{', '.join(self.density.given) or 'none'}"
            )
        for number, start in enumerate(range(0, events, BLOCK)):
            size = min(BLOCK, events - start)
            own = np.random.SeedSequence([seed, number]).generate_state(2)
            if given is not None:
                conditions = given[start : start + size]
            else:
                drawn = np.random.default_rng(own[0]).integers(len(self._given), size=size) if width else 0
                conditions = self._given[drawn] if width else np.empty((size, 0))
            x = self.density.sample(conditions, int(own[1]))
            made = Events(
                np.concatenate([x, conditions], axis=1),
                self.names,
                np.full(size, self.yielded / events),
                quantities=self.quantities,
                cutflow=(("events generated", events),),
            )
            yield Generated(made, self.density.member_of(size))

    def state(self) -> State:
        """Return what was learned; errors as of `ConditionalDensity`."""
        settings = {
            "yielded": self.yielded,
            "quantities": [vars(one) for one in self.quantities],
        }
        return State(settings, {"given": self._given}, {"density": self.density})

    @classmethod
    def from_state(cls, state: State) -> Generator:
        """Make a trained generator again."""
        made = cls(state.part("density", ConditionalDensity))
        made.yielded = float(state.settings["yielded"])
        made.quantities = tuple(Quantity(**one) for one in state.settings["quantities"])
        made._given = np.asarray(state.arrays["given"], dtype=np.float64)
        return made


def _drawn_alike(conditions: FloatArray, weight: FloatArray, seed: int) -> FloatArray:
    """Return conditions (N, C) of events of equal weight, such that each may be drawn as often as any other."""
    if not conditions.shape[1] or np.all(weight == weight[0]):
        return conditions
    if np.any(weight < 0):
        raise InputError(
            "generation: conditions cannot be drawn from events of negative weight; give them yourself"
        )
    chosen = np.random.default_rng(seed).choice(len(conditions), len(conditions), p=weight / weight.sum())
    return conditions[chosen]
