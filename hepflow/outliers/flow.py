"""Outliers of a flow: events where its density is small in named coordinates, or far out in its latent space."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np

from hepflow.classifiers.ratio import Rows
from hepflow.classifiers.settings import untrained
from hepflow.errors import ConfigError, InputError
from hepflow.flows.conditional import ConditionalDensity, default_plan
from hepflow.flows.density import MASS, SLOWNESS
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.outliers.detector import asked, learned
from hepflow.sample import FloatArray, Sample
from hepflow.weights import State, storable

Coordinates = Literal["features", "normal", "uniform"]


MEMBERS = 2


def _small() -> ConditionalDensity:
    smooth = partial(logit_preprocessing, ranks="smooth")  # a step in its slope would be one in the score
    return ConditionalDensity(members=MEMBERS, preprocessing=smooth, slowness=SLOWNESS)


@dataclass
class _OfFlows:
    """What both scores of a flow share: the training, and what becomes of events beyond it."""

    density: ConditionalDensity = field(default_factory=_small)

    names: tuple[str, ...] = field(default=(), init=False, repr=False)
    _low: FloatArray = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    _high: FloatArray = field(default_factory=lambda: np.empty(0), init=False, repr=False)

    what: ClassVar[str]

    @classmethod
    def of(cls, *, ensemble: int, epochs: int, **more: Any) -> Self:
        """Return an untrained detector with flows of this number, from plain settings."""
        plan = replace(default_plan(), epochs=epochs)
        return cls(density=replace(_small(), plan=plan, members=ensemble), **more)

    def fit(self, sample: Rows, seed: int) -> Self:
        """Train the flows on N events, given the mass where it differs from event to event.

        Raises
        ------
        ConfigError
            If there are fewer than two features.
        InputError
            If a feature is constant or not finite, weights are negative, or there are fewer events than two batches.
        FitError
            If the losses are not finite.
        """
        events = learned(sample, self.what)
        given = (MASS,) if np.ptp(events.mass) > 0 else ()
        density = replace(self.density)  # its copy without a training
        density.fit(events.features, _context(events, given), events.weight, events.names, seed, given=given)
        inside = np.isfinite(density.bijection.forward(events.features)[1])  # strays are outside
        self.density, self.names = density, events.names
        self._low, self._high = (end(events.features[inside], axis=0) for end in (np.min, np.max))
        return self

    def score(self, sample: Rows) -> FloatArray:
        """Return how anomalous each event is, shape ``(N,)``.

        One beyond what the training had, in features or mass, is scored as if it stood at the end of that.

        Raises
        ------
        ConfigError
            If there was no training yet, or it had other features.
        InputError
            If a feature is not finite.
        """
        if not self.names:
            raise untrained(self)
        events = asked(self.names, sample, self.what)
        context = np.clip(_context(events, self.density.given), self.density._low, self.density._high)
        return self._score(np.clip(events.features, self._low, self._high), context)

    def _score(self, x: FloatArray, context: FloatArray) -> FloatArray:
        raise NotImplementedError

    def state(self) -> State:
        """Return the flows, and between which values they learned."""
        if not self.names:
            raise untrained(self)
        return State(self._settings(), {"low": self._low, "high": self._high}, {"density": self.density})

    def _settings(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Make trained flows again."""
        density = state.part("density", ConditionalDensity)
        made = cls(density=density, **state.settings)
        made.names = density.names
        made._low, made._high = (state.array(end, np.float64, (len(made.names),)) for end in ("low", "high"))
        if not np.all(made._low < made._high):
            raise InputError("flows: values whose upper end lies below the lower one")
        return made


@storable
@dataclass
class FlowDensity(_OfFlows):
    r"""Minus the log-density of a flow, in coordinates that are named.

    A density is no property of an event: in other coordinates :math:`y(x)` it is
    :math:`p(y) = p(x) / |\partial y / \partial x|`, and other events are rare. Which ones are to count is a
    choice, and part of the result.

    Parameters
    ----------
    density
        The untrained flows. They learn p(x | m) where events have masses that differ, and p(x) otherwise.
    coordinates
        ``features``: the features as they are given, in their units. ``normal``: each feature made normal by its own
        quantiles, as the flow sees it. ``uniform``: each feature's own quantile, so that what is rare in one feature
        alone is no outlier, only what is rare together.

    Raises
    ------
    ConfigError
        For other coordinates.

    Examples
    --------
    >>> from functools import partial
    >>> import hepflow as hf
    >>> import numpy as np
    >>> events = np.random.default_rng(1).normal(size=(1000, 2))
    >>> small = partial(hf.flows.spline_autoregressive, layers=1, hidden=8)
    >>> plan = hf.flows.TrainingPlan(epochs=3, batch_size=100, learning_rate=0.02)
    >>> density = hf.flows.ConditionalDensity(small, plan, members=1)
    >>> detector = hf.outliers.FlowDensity(density, coordinates="features").fit(events, seed=1)
    >>> usual, rare = detector.score([[0.0, 0.0], [2.5, -2.5]])
    >>> bool(usual < rare)
    True
    """

    coordinates: Coordinates = "features"
    what: ClassVar[str] = "flow density"

    def __post_init__(self) -> None:
        if self.coordinates not in get_args(Coordinates):
            raise ConfigError(
                f"{self.what}: coordinates {self.coordinates!r}; expected one of {', '.join(get_args(Coordinates))}"
            )

    def _score(self, x: FloatArray, context: FloatArray) -> FloatArray:
        log_density = self.density.log_prob(x, context)
        if self.coordinates == "features":
            return -log_density
        z, log_determinant = self.density.bijection.forward(x)
        log_density = log_density - log_determinant
        if self.coordinates == "uniform":
            log_density = log_density + 0.5 * np.sum(z**2 + np.log(2 * np.pi), axis=1)
        return -log_density

    def _settings(self) -> dict[str, Any]:
        return {"coordinates": self.coordinates}


@storable
@dataclass
class LatentRadius(_OfFlows):
    """The distance of an event from the middle of a flow's latent space, the mean over the members.

    There background is normal at any mass, so that the radius has next to no correlation with it.

    Parameters
    ----------
    density
        The untrained flows, of an architecture that has a normal latent.
    """

    what: ClassVar[str] = "latent radius"

    def _score(self, x: FloatArray, context: FloatArray) -> FloatArray:
        latent = (self.density.to_latent(x, context, member) for member in range(self.density.members))
        radius: FloatArray = np.mean([np.linalg.norm(z, axis=1) for z in latent], axis=0)
        return radius


def _context(events: Sample, given: tuple[str, ...]) -> FloatArray:
    return events.mass[:, None] if given else np.empty((len(events), 0))
