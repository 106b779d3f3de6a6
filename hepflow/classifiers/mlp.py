"""Multilayer perceptrons as a density ratio, an average over epochs and members (arXiv:2109.00546)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor
from torch.nn.functional import softplus

from hepflow.classifiers.factor import relative
from hepflow.classifiers.ratio import Rows, known, pair
from hepflow.classifiers.settings import options, untrained
from hepflow.errors import ConfigError, InputError
from hepflow.progress import progress
from hepflow.replicas import check_posterior
from hepflow.sample import FloatArray, Sample
from hepflow.training import Losses, Members, TrainingPlan, train_replicas
from hepflow.training.posterior import trained
from hepflow.weights import State, storable

Networks = dict[str, Tensor]  # parameters by name, those of all networks stacked

KNOTS, TAIL = 401, 5e-4  # of the ranks; the share of events at each end that are not told apart
CHUNK = 4096  # events at a time: what all networks hold of them stays in the cache
PLAN = TrainingPlan(
    epochs=15,
    batch_size=1024,
    learning_rate=5e-3,
    weight_decay=0.1,
    validation_fraction=0.2,
    best_epochs=10,
    patience=5,
)


@storable
@dataclass
class NeuralNetwork:
    """An ensemble of multilayer perceptrons, by default ones that differ by first weights and validation split.

    They learn by weighted binary cross-entropy, whose minimum is the log density ratio of the two samples where both
    count the same. A network's score is the mean of the logits of its ``plan.best_epochs`` best epochs, which CATHODE
    keeps ten of; the ensemble's is the mean over its members. Like trees they see each input by its rank alone: in
    physical units a network is slow to learn what happens in a sharp peak or far out in a tail. The rank is encoded
    piece by piece (arXiv:2203.05556, section 3.2), such that the first layer can cut it anywhere, as trees do.

    At background efficiencies of 1e-2 and 1e-3 they find 1.07 +- 0.01 of the significance improvement of trees; whole
    ranks, ``bins=0``, find 0.81 +- 0.02 (`benchmarks/classifiers.py`), and have less noise where densities differ
    smoothly.

    Parameters
    ----------
    members
        Size of the ensemble.
    hidden
        Width of each hidden layer.
    bins
        Pieces of equally many events in which each input is encoded: 0 below a piece, 1 above, and straight between
        (equation 1 there). 0: the rank as a normal variable instead, for ratios that have to be smooth.
    with_mass
        Add m_jj to the features: for a ratio that is to be carried to other masses, as SALAD does. A classifier that
        selects events must not know it.
    plan
        How they are trained.
    posterior
        What the members are draws of: ``ensemble``, ``bootstrap``, ``bayesian`` or ``laplace``, as of
        `hepflow.training.train_replicas`. Their spread is the error that the training leaves.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> data, template = random.normal(1.0, 1.0, (600, 1)), random.normal(0.0, 1.0, (600, 1))
    >>> plan = hf.flows.TrainingPlan(epochs=3, batch_size=100, learning_rate=0.03)
    >>> network = hf.classifiers.NeuralNetwork(members=1, hidden=(8,), plan=plan).fit(data, template, seed=1)
    >>> low, high = network.log_ratio([[-1.0], [2.0]])
    >>> bool(low < 0 < high)
    True
    """

    members: int = 4
    hidden: tuple[int, ...] = (64, 64, 64)
    bins: int = 32
    with_mass: bool = False
    plan: TrainingPlan = PLAN
    posterior: str = "ensemble"

    losses: tuple[Losses, ...] = field(default=(), init=False, repr=False)
    names: tuple[str, ...] = field(default=(), init=False, repr=False)
    ranks: Ranks | None = field(default=None, init=False, repr=False)
    networks: Networks = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.members < 1 or not self.hidden or min(self.hidden) < 1:
            raise ConfigError(
                f"NeuralNetwork: members {self.members} and hidden layers {self.hidden}; expected at least one of "
                "each, no layer empty"
            )
        if self.bins < 0:
            raise ConfigError(f"NeuralNetwork: bins is {self.bins}; expected at least 1, or 0 for none")
        check_posterior(self.posterior, self.members)

    @classmethod
    def of(cls, *, ensemble: int, hidden: Sequence[int], **options: Any) -> Self:
        """Return an untrained ensemble of this size, from plain settings."""
        return cls(members=ensemble, hidden=tuple(hidden), **options)

    def fit(self, numerator: Rows, denominator: Rows, seed: int) -> NeuralNetwork:
        """Train on N events against M; their weights are scaled to the same sum.

        Parameters
        ----------
        numerator, denominator
            Samples, or plain tables (`hepflow.classifiers.table`) such as arrays ``(N, D)`` and ``(M, D)``.
        seed
            Of first weights and validation splits.

        Raises
        ------
        ConfigError
            If the columns of the two differ, or plain tables have no mass where it is wanted.
        InputError
            If there are fewer events than two batches, a feature is not finite, or a sample's weights do not add up
            to a positive number.
        FitError
            If the losses are not finite.
        """
        self._check_mass(numerator, denominator)
        samples = pair(numerator, denominator)
        x = np.concatenate([self._inputs(sample) for sample in samples])
        y = np.repeat([1.0, 0.0], [len(sample) for sample in samples])
        weight = np.concatenate([sample.weight / sample.weight.sum() for sample in samples])
        return self._train(samples[0].names, x, y, weight, seed)

    def fit_factor(self, sample: Sample, factor: FloatArray, seed: int) -> NeuralNetwork:
        """Train on N events by what their weights are multiplied, as `hepflow.classifiers.fit_factor` says.

        Each event is of both classes: of one with its weight, of the other with this times the factor.
        """
        sample, _ = pair(sample, sample)
        own = relative(sample, factor)
        weight = sample.weight / sample.weight.sum()
        return self._train(sample.names, self._inputs(sample), own / (1 + own), weight * (1 + own), seed)

    def _train(
        self, names: tuple[str, ...], x: FloatArray, y: FloatArray, weight: FloatArray, seed: int
    ) -> NeuralNetwork:
        self.names, self.ranks = names, Ranks.of(x)
        seeds = [seed + member for member in range(trained(self.posterior, self.members))]
        trainings = train_replicas(
            _Perceptrons([self._network(x.shape[1], own) for own in seeds], self.bins),
            (self._seen(x), _tensor(y)),
            self.plan,
            seeds,
            "network" if len(seeds) == 1 else f"{len(seeds)} networks",
            posterior=self.posterior,
            replicas=self.members,
            weight=_tensor(weight * len(weight)),
        )
        states = list(itertools.chain.from_iterable(training.states for training in trainings))
        self.networks = {name: torch.stack([state[name] for state in states]) for name in states[0]}
        self.losses = tuple(training.losses for training in trainings)
        return self

    def log_ratio(self, sample: Rows) -> FloatArray:
        """Return the mean log density ratio of each event of a sample or plain table, shape ``(N,)``.

        Raises
        ------
        ConfigError
            If there was no training yet, or it had other features.
        """
        return np.concatenate([each.mean(0).numpy() for each in self._each(sample)], dtype=np.float64)

    def log_ratios(self, sample: Rows) -> FloatArray:
        """Return the log density ratio of each event by each replica, shape ``(members, N)``; errors as there."""
        each = torch.cat(list(self._each(sample)), dim=1)
        return each.view(self.members, -1, each.shape[1]).mean(1).numpy().astype(np.float64)

    def _each(self, sample: Rows) -> Iterator[Tensor]:
        """Yield what each kept network says of the events, piece by piece, (networks, B)."""
        if self.ranks is None:
            raise untrained(self)
        self._check_mass(sample)
        x = self._seen(self._inputs(known(self.names, sample)))
        count = len(next(iter(self.networks.values())))
        with torch.no_grad():
            for part in progress(torch.split(x, CHUNK), "networks", "chunk"):
                yield _logits(self.networks, _encoded(part[None], self.bins).expand(count, -1, -1))

    def state(self) -> State:
        """Return settings, ranks, and the weights of all kept states, first index by first index."""
        if self.ranks is None:
            raise untrained(self)
        return State(
            {"options": {**options(self), "plan": self.plan.portable()}, "features": self.names},
            {name: each.numpy() for name, each in self.networks.items()},
            {"ranks": self.ranks},
        )

    @classmethod
    def from_state(cls, state: State) -> NeuralNetwork:
        """Make trained networks again."""
        chosen = dict(state.settings["options"])
        chosen |= {"hidden": tuple(chosen["hidden"]), "plan": TrainingPlan(**chosen["plan"])}
        made = cls(**{"bins": 0, **chosen})  # files of networks without bins do not say so
        made.names = tuple(map(str, state.settings["features"]))
        made.ranks = state.part("ranks", Ranks)
        inputs = len(made.names) + made.with_mass
        widths = made._widths(inputs)
        count = len(state.array("0.bias", np.float32, (None, widths[1])))
        for layer, (below, above) in enumerate(itertools.pairwise(widths)):
            for name, shape in ((f"{layer}.weight", (above, below)), (f"{layer}.bias", (above,))):
                made.networks[name] = torch.from_numpy(state.array(name, np.float32, (count, *shape)))
        if len(made.ranks.knots) != inputs or any(len(knots) < 2 for knots in made.ranks.knots) or not count:
            raise InputError(
                f"ranks of {len(made.ranks.knots)} inputs; expected {inputs}, and one network or more"
            )
        return made

    def _check_mass(self, *tables: Rows) -> None:
        if self.with_mass and not all(isinstance(rows, Sample) for rows in tables):
            raise ConfigError("NeuralNetwork: a plain table has no mass; with_mass needs hepflow.Sample")

    def _inputs(self, sample: Sample) -> FloatArray:
        return np.column_stack([sample.features, sample.mass]) if self.with_mass else sample.features

    def _seen(self, x: FloatArray) -> Tensor:
        assert self.ranks is not None  # it is trained, or being so
        return _tensor(self.ranks.shares(x) if self.bins else self.ranks.apply(x))

    def _widths(self, inputs: int) -> list[int]:
        return [inputs * max(self.bins, 1), *self.hidden, 1]

    def _network(self, inputs: int, seed: int) -> torch.nn.Sequential:
        widths = self._widths(inputs)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return torch.nn.Sequential(*(torch.nn.Linear(a, b) for a, b in itertools.pairwise(widths)))


@storable
@dataclass(frozen=True)
class Ranks:
    """Maps each column by its ranks to a normal distribution: long tails and sharp peaks alike are learned well."""

    knots: tuple[FloatArray, ...]

    @classmethod
    def of(cls, x: FloatArray) -> Ranks:
        """Take the knots from the quantiles of rows (N, D)."""
        return cls(tuple(np.quantile(column, np.linspace(0, 1, KNOTS)) for column in x.T))

    def apply(self, x: FloatArray) -> FloatArray:
        """Return the images (N, D), which end at those of the outermost knots."""
        return np.asarray(ndtri(np.clip(self.shares(x), TAIL, 1 - TAIL)))

    def shares(self, x: FloatArray) -> FloatArray:
        """Return the ranks (N, D) themselves, from 0 to 1."""
        ranks = [np.interp(column, *table) for column, table in zip(x.T, self.tables(), strict=True)]
        return np.stack(ranks, axis=1)

    def tables(self) -> list[tuple[FloatArray, FloatArray]]:
        """Return for each column positions, each once, and their ranks, between which ranks are interpolated.

        Ranks go from 0 to 1; a value that several knots share has the rank in their middle.
        """
        found = []
        for knots in self.knots:
            positions, first, count = np.unique(knots, return_index=True, return_counts=True)
            found.append((positions, (first + 0.5 * (count - 1)) / (len(knots) - 1)))
        return found


class _Perceptrons(Members):
    """Multilayer perceptrons side by side: one batched product in each layer serves all members."""

    def __init__(self, networks: Sequence[torch.nn.Sequential], bins: int = 0) -> None:
        super().__init__(networks, _cross_entropy)
        self.bins, self.settings = bins, {"bins": bins}

    def losses(self, *rows: Tensor) -> Tensor:
        """Return the cross-entropy (E, B) of inputs (E, B, D) and classes (E, B)."""
        x, y = rows
        return _cross_entropy(_logits(self.weights(), _encoded(x, self.bins)), y)


def _cross_entropy(logit: Tensor, y: Tensor) -> Tensor:
    """Return ``log(1 + exp(logit)) - y logit``, the cross-entropy of classes ``y`` in {0, 1}."""
    return softplus(logit) - y * logit


def _encoded(x: Tensor, bins: int) -> Tensor:
    """Return what layers are given of inputs (E, B, D): these, (E, D, B), or ranks piece by piece, (E, D bins, B)."""
    x = x.transpose(1, 2)  # features first, so that sums over events run along the memory
    if not bins:
        return x
    starts = torch.arange(bins, dtype=x.dtype, device=x.device)[:, None]
    return (bins * x.unsqueeze(2) - starts).clamp_(0, 1).flatten(1, 2)


def _logits(networks: Networks, x: Tensor) -> Tensor:
    """Return the logits (E, B) of encoded inputs (E, D, B): linear layers with ReLU between them."""
    x = x.contiguous()
    names = list(networks)
    for weight, bias in zip(names[::2], names[1::2], strict=True):
        x = torch.baddbmm(networks[bias].unsqueeze(2), networks[weight], x)
        if bias != names[-1]:
            x = x.relu_()
    return x.squeeze(1)


def _tensor(values: FloatArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
