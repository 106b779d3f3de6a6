"""Autoencoders: what does not come back from a bottleneck is unusual (arXiv:1808.08979, 1808.08992, 1312.6114)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from hepflow.classifiers.ratio import Rows
from hepflow.classifiers.settings import options, untrained
from hepflow.errors import ConfigError, InputError
from hepflow.flows.bijections import Standardise
from hepflow.outliers.detector import asked, learned
from hepflow.progress import progress
from hepflow.sample import FloatArray
from hepflow.training import Losses, Members, TrainingPlan, train
from hepflow.weights import State, storable

CHUNK = 16384  # events at a time
EPOCHS = 20
PLAN = TrainingPlan(epochs=EPOCHS, batch_size=1024, learning_rate=1e-2, best_epochs=1, patience=5)


@storable
@dataclass
class Autoencoder:
    """An ensemble of networks that bring features through a bottleneck and back.

    What is common comes back well, what is rare less so. The score is the squared distance between an event and what
    comes back, in standardised columns, the mean over columns and members.

    Parameters
    ----------
    members
        Size of the ensemble, whose networks differ by their first weights and their validation split.
    bottleneck
        Its width, less than the number of features; half of them if left out.
    hidden
        Widths of the hidden layers of the encoder; the decoder has them the other way round.
    plan
        How they are trained.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> along = random.normal(size=600)
    >>> line = np.stack([along, along], axis=1) + random.normal(0, 0.1, (600, 2))
    >>> plan = hf.flows.TrainingPlan(epochs=10, batch_size=100, learning_rate=0.02)
    >>> encoder = hf.outliers.Autoencoder(members=1, hidden=(8,), plan=plan).fit(line, seed=1)
    >>> on, off = encoder.score([[1.0, 1.0], [1.0, -1.0]])
    >>> bool(on < off)
    True
    """

    members: int = 4
    bottleneck: int | None = None
    hidden: tuple[int, ...] = (32, 32)
    plan: TrainingPlan = PLAN

    losses: tuple[Losses, ...] = field(default=(), init=False, repr=False)
    names: tuple[str, ...] = field(default=(), init=False, repr=False)
    networks: dict[str, Tensor] = field(default_factory=dict, init=False, repr=False)
    _scale: Standardise | None = field(default=None, init=False, repr=False)

    what: ClassVar[str] = "autoencoder"

    def __post_init__(self) -> None:
        if self.members < 1 or not self.hidden or min(self.hidden) < 1:
            raise ConfigError(
                f"{self.what}: members {self.members} and hidden layers {self.hidden}; expected at least one of "
                "each, no layer empty"
            )
        if self.bottleneck is not None and self.bottleneck < 1:
            raise ConfigError(f"{self.what}: a bottleneck of {self.bottleneck}; expected at least 1")

    @classmethod
    def of(
        cls, *, ensemble: int, bottleneck: int | None, hidden: Sequence[int], epochs: int, **more: Any
    ) -> Self:
        """Return an untrained ensemble of this size, from plain settings."""
        plan = TrainingPlan(**{**cls.plan.portable(), "epochs": epochs})
        return cls(ensemble, bottleneck, tuple(hidden), plan, **more)

    def fit(self, sample: Rows, seed: int) -> Self:
        """Train on N events.

        Raises
        ------
        ConfigError
            If there are fewer than two features, or the bottleneck is as wide as they are many.
        InputError
            If a feature is constant or not finite, weights are negative, or there are fewer events than two batches.
        FitError
            If the losses are not finite.
        """
        events = learned(sample, self.what)
        features = len(events.names)
        if self.bottleneck is not None and self.bottleneck >= features:
            raise ConfigError(
                f"{self.what}: a bottleneck of {self.bottleneck} for {features} features lets everything through, "
                f"outliers too; expected at most {features - 1}"
            )
        self.names, self._scale = events.names, Standardise.fit(events.features)
        seeds = [seed + member for member in range(self.members)]
        trainings = train(
            self._side_by_side([self._network(features, one) for one in seeds]),
            (_tensor(self._scale.forward(events.features)[0]),),
            self.plan,
            seeds,
            self.what if self.members == 1 else f"{self.members} {self.what}s",
            weight=_tensor(events.weight) if np.ptp(events.weight) > 0 else None,
        )
        states = list(itertools.chain.from_iterable(training.states for training in trainings))
        self.networks = {name: torch.stack([state[name] for state in states]) for name in states[0]}
        self.losses = tuple(training.losses for training in trainings)
        return self

    def score(self, sample: Rows) -> FloatArray:
        """Return how badly each event comes back, shape ``(N,)``.

        Raises
        ------
        ConfigError
            If there was no training yet, or it had other features.
        InputError
            If a feature is not finite.
        """
        if self._scale is None or not self.networks:
            raise untrained(self)
        x = _tensor(self._scale.forward(asked(self.names, sample, self.what).features)[0])
        network = self._network(len(self.names), 0)
        count = len(next(iter(self.networks.values())))
        states = [{name: each[one] for name, each in self.networks.items()} for one in range(count)]
        scoring, parts = _Scoring(network, self._energy), progress(torch.split(x, CHUNK), "scores", "chunk")
        with torch.no_grad():
            chunks = [
                torch.stack([functional_call(scoring, _inner(state), (part,)) for state in states]).mean(0)
                for part in parts
            ]
        return torch.cat([torch.empty(0), *chunks]).numpy().astype(np.float64)

    def state(self) -> State:
        """Return settings, scales, and the weights of all kept states, first index by first index."""
        if self._scale is None or not self.networks:
            raise untrained(self)
        return State(
            {"options": {**options(self), "plan": self.plan.portable()}, "features": self.names},
            {name: each.numpy() for name, each in self.networks.items()},
            {"scale": self._scale},
        )

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Make trained networks again."""
        chosen = dict(state.settings["options"])
        made = cls(**{**chosen, "hidden": tuple(chosen["hidden"]), "plan": TrainingPlan(**chosen["plan"])})
        made.names = tuple(map(str, state.settings["features"]))
        made._scale = state.part("scale", Standardise)
        if made._scale.mean.shape != (len(made.names),) or made._scale.scale.shape != (len(made.names),):
            raise InputError(f"scales of {made._scale.mean.shape} features; expected {len(made.names)}")
        shapes = {name: each.shape for name, each in made._network(len(made.names), 0).named_parameters()}
        count = len(next(iter(state.arrays.values()), ()))
        if not count:
            raise InputError("no networks")
        for name, shape in shapes.items():
            made.networks[name] = torch.from_numpy(state.array(name, np.float32, (count, *shape)))
        return made

    def _network(self, features: int, seed: int) -> torch.nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._built(features, self.bottleneck or features // 2)

    def _side_by_side(self, networks: list[torch.nn.Module]) -> Members:
        """Return networks as they are trained."""
        return _Coders(networks, self._loss)

    def _built(self, features: int, bottleneck: int) -> torch.nn.Module:
        """Return a network with the first weights of the random state."""
        return Coder((features, *self.hidden, bottleneck), 1)

    def _loss(self, network: Coder, x: Tensor) -> Tensor:
        """Return what a training lowers, (B,), of standardised features (B, D)."""
        return self._energy(network, x)

    def _energy(self, network: Coder, x: Tensor) -> Tensor:
        """Return the score (B,) of standardised features (B, D)."""
        missed: Tensor = network.decoder(network.encoder(x)) - x
        return missed.square().mean(-1)


@storable
@dataclass
class VariationalAutoencoder(Autoencoder):
    """An autoencoder whose latent is a distribution, kept near a normal one (arXiv:1312.6114).

    The score is what bounds -log p(x) from above, at the mean of the latent: the squared distance of what comes back,
    in units of a noise that is learned, and the distance of the latent from its prior (Kullback-Leibler).
    Arguments as of `Autoencoder`.

    Parameters
    ----------
    beta
        What the latter counts (beta-VAE); 1 is the bound.
    """

    beta: float = 1.0
    what: ClassVar[str] = "variational autoencoder"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.beta >= 0:
            raise ConfigError(f"{self.what}: beta {self.beta}; expected zero or more")

    def _built(self, features: int, bottleneck: int) -> torch.nn.Module:
        return Coder((features, *self.hidden, bottleneck), 2)

    def _loss(self, network: Coder, x: Tensor) -> Tensor:
        mean, log_variance = network.encoder(x).chunk(2, -1)
        latent = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        return self._bound(network, x, latent, mean, log_variance)

    def _energy(self, network: Coder, x: Tensor) -> Tensor:
        mean, log_variance = network.encoder(x).chunk(2, -1)
        return self._bound(network, x, mean, mean, log_variance)

    def _bound(self, network: Coder, x: Tensor, latent: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
        noise = network.log_noise
        missed: Tensor = 0.5 * ((network.decoder(latent) - x).square() * (-2 * noise).exp()).sum(-1)
        apart: Tensor = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)
        return missed + x.shape[-1] * noise + self.beta * apart


class _Coders(Members):
    """Networks side by side: one batched product in each layer serves all members."""

    def losses(self, *rows: Tensor) -> Tensor:
        """Return the loss (E, B) of each member on its own rows (E, B, D)."""
        weights = {f"module.{name}": each for name, each in self.weights().items()}
        found: Tensor = torch.vmap(partial(functional_call, self.loss), randomness="different")(weights, rows)
        return found


class Coder(torch.nn.Module):
    """An encoder that ends in the bottleneck, `heads` times as wide, and its mirror; and the logarithm of a noise."""

    def __init__(self, widths: tuple[int, ...], heads: int) -> None:
        super().__init__()
        self.encoder = _layers([*widths[:-1], heads * widths[-1]])
        self.decoder = _layers(widths[::-1])
        if heads > 1:
            self.log_noise = torch.nn.Parameter(torch.zeros(()))


def _layers(widths: Sequence[int]) -> torch.nn.Sequential:
    """Return linear layers with SiLU between them, which is smooth: distances have gradients everywhere."""
    pairs = list(itertools.pairwise(widths))
    parts: list[torch.nn.Module] = []
    for number, (inputs, outputs) in enumerate(pairs):
        parts.append(torch.nn.Linear(inputs, outputs))
        if number < len(pairs) - 1:
            parts.append(torch.nn.SiLU())
    return torch.nn.Sequential(*parts)


class _Scoring(torch.nn.Module):
    """A function of a network and rows, as a module whose parameters can be exchanged."""

    def __init__(self, network: torch.nn.Module, energy: Any) -> None:
        super().__init__()
        self.network, self.energy = network, energy

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.energy(self.network, x)
        return found


def _inner(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"network.{name}": value for name, value in state.items()}


def _tensor(values: FloatArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
