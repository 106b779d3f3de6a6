"""Density: p(features | mass) learned from a sample, in physical units."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import ConfigError
from hepflow.flows.architectures import spline_autoregressive
from hepflow.flows.bijections import Bijection, Standardise
from hepflow.flows.conditional import ConditionalDensity, Preprocessing, default_plan, learn_apart
from hepflow.flows.ensemble import Architecture
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.flows.table import Table
from hepflow.sample import FloatArray, Sample
from hepflow.training import Training, TrainingPlan
from hepflow.weights import State, storable

SLOWNESS = (
    3.0  # a flow is asked for masses between those that it was trained on: slow variation interpolates best
)
MASS = "mass in GeV"


@storable
@dataclass
class Density:
    """A `ConditionalDensity` of a sample's features, p(x | m), whose one context is the mass, in GeV.

    It varies slowly with the mass, and learns from the event weights; truth is not looked at.

    Parameters
    ----------
    architecture, plan, members, preprocessing, posterior
        As of `ConditionalDensity`.

    Examples
    --------
    >>> from functools import partial
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> mass = random.uniform(2500, 5000, 600)
    >>> events = hf.Sample(mass, random.normal(mass[:, None] / 1000, 1.0, (600, 1)), ("x",))
    >>> small = partial(hf.flows.affine_autoregressive, layers=2, hidden=8)
    >>> plan = hf.flows.TrainingPlan(epochs=5, batch_size=50, learning_rate=0.01)
    >>> density = hf.flows.Density(small, plan, members=1).fit(events, seed=1)
    >>> density.sample(np.array([3000.0, 4000.0]), seed=1).shape
    (2, 1)
    >>> likely, unlikely = density.log_prob(np.array([[3.0], [6.0]]), np.array([3000.0, 3000.0]))
    >>> bool(likely > unlikely)
    True
    """

    architecture: Architecture = spline_autoregressive
    plan: TrainingPlan = field(default_factory=default_plan)
    members: int = 4
    preprocessing: Preprocessing = logit_preprocessing
    posterior: str = "bootstrap"

    _learned: ConditionalDensity | None = field(default=None, init=False, repr=False)

    def fit(self, sample: Sample, seed: int, checkpoint: Path | None = None) -> Density:
        """Train on a sample: features, masses and event weights; truth is not looked at.

        Arguments, notes and errors are those of `ConditionalDensity.fit`.
        """
        self._learned = None  # a training that fails leaves none
        learned = self.untrained()
        learn_apart((learned,), (self.table(sample),), seed, checkpoint)
        self._learned = learned
        return self

    def log_prob(self, x: FloatArray, m: FloatArray) -> FloatArray:
        """Return log p(x | m), shape (N,), of features (N, D) at masses (N,) in GeV; -inf outside the bounds."""
        return self.conditional.log_prob(x, m[:, None])

    def sample(self, m: FloatArray, seed: int) -> FloatArray:
        """Draw features (N, D) at masses (N,) in GeV, each from one member taken in turn.

        Every value lies inside the bounds of the training rows.
        """
        return self.conditional.sample(m[:, None], seed)

    def member_of(self, rows: int) -> NDArray[np.intp]:
        """Return which member draws each of `rows` sampled events, shape (rows,)."""
        return self.conditional.member_of(rows)

    def to_latent(self, x: FloatArray, m: FloatArray, member: int = 0) -> FloatArray:
        """Return the normal-distributed latent of features (N, D) at masses (N,), by one member at its best epoch.

        Raises
        ------
        ConfigError
            If the architecture has no latent, as a mixture has none.
        """
        return self.conditional.to_latent(x, m[:, None], member)

    def from_latent(self, z: FloatArray, m: FloatArray, member: int = 0) -> FloatArray:
        """Return the features (N, D) of a latent at masses (N,), by one member at its best epoch."""
        return self.conditional.from_latent(z, m[:, None], member)

    def state(self) -> State:
        """Return settings, preprocessing and the parameters of all kept flows; errors as of `ConditionalDensity`."""
        state = self.conditional.state()
        own = ("architecture", "preprocessing", "plan", "members", "posterior", "features")
        ends = [state.settings[end][0] for end in ("low", "high")]
        return State(
            {**{name: state.settings[name] for name in own}, "range": ends}, state.arrays, state.parts
        )

    @classmethod
    def from_state(cls, state: State) -> Density:
        """Make a trained density again; what its training left beside it, such as losses, is not there."""
        low, high = map(float, state.settings["range"])
        more = {"slowness": SLOWNESS, "contexts": [MASS], "low": [low], "high": [high]}
        learned = ConditionalDensity.from_state(replace(state, settings={**state.settings, **more}))
        made = cls(
            learned.architecture, learned.plan, learned.members, learned.preprocessing, learned.posterior
        )
        made._learned = learned
        return made

    @property
    def conditional(self) -> ConditionalDensity:
        """The trained density, whose one context is the mass.

        Raises
        ------
        ConfigError
            If there was no training yet.
        """
        if self._learned is None:
            raise ConfigError("this Density has not been trained; call fit first")
        return self._learned

    @property
    def names(self) -> tuple[str, ...]:
        """The features."""
        return self._learned.names if self._learned else ()

    @property
    def trainings(self) -> tuple[Training, ...]:
        """What the training of each member left."""
        return self._learned.trainings if self._learned else ()

    @property
    def bijection(self) -> Bijection:
        """The preprocessing, between features in their own units and what the flows see."""
        return self.conditional.bijection

    @property
    def context(self) -> Standardise:
        """The scaling of masses (N, 1) in GeV to what the flows see."""
        return self.conditional.context

    @property
    def best_flows(self) -> tuple[Any, ...]:
        """The flow of each member at its best epoch."""
        return self.conditional.best_flows

    def untrained(self) -> ConditionalDensity:
        """Return what is to be trained on features and masses."""
        return ConditionalDensity(
            self.architecture,
            self.plan,
            self.members,
            self.preprocessing,
            SLOWNESS,
            posterior=self.posterior,
        )

    @staticmethod
    def table(sample: Sample) -> Table:
        """Return what is learned from a sample."""
        return Table.of(sample.features, sample.mass[:, None], sample.weight, sample.names, (MASS,))


def spline_density(
    *,
    layers: int,
    hidden: int,
    bins: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    schedule: Literal["one-cycle", "cosine"],
    best_epochs: int,
    ensemble: int,
    posterior: str,
) -> Density:
    """Return an untrained density of spline layers, from plain settings.

    Parameters
    ----------
    layers, hidden, bins
        Of `spline_autoregressive`.
    epochs, batch_size, learning_rate, schedule, best_epochs
        Of the `TrainingPlan`; one cycle warms up for a fifth of the steps.
    ensemble, posterior
        Number of flows, and what they are draws of.
    """
    plan = TrainingPlan(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        schedule=schedule,
        warm_up=0.2 if schedule == "one-cycle" else 0.0,
        best_epochs=best_epochs,
    )
    architecture = partial(spline_autoregressive, layers=layers, hidden=hidden, bins=bins)
    return Density(architecture, plan, members=ensemble, posterior=posterior)
