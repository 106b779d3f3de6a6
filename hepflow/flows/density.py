"""Density: p(features | mass) learned from a sample, in physical units."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from hepflow.errors import ConfigError
from hepflow.flows.architectures import ARCHITECTURES, spline_autoregressive
from hepflow.flows.matching import FlowMatching
from hepflow.flows.mixture import MixtureAutoregressive
from hepflow.flows.preprocess import PREPROCESSINGS, Bijection, Standardise, logit_preprocessing
from hepflow.flows.stack import FlowMembers
from hepflow.flows.states import chosen, described, flows_from, parameters, probed
from hepflow.outliers import outliers
from hepflow.progress import progress
from hepflow.sample import FloatArray, Sample
from hepflow.training import Training, TrainingPlan, train
from hepflow.weights import State, storable

Architecture = Callable[[int, int], Any]
Preprocessing = Callable[[FloatArray, tuple[str, ...]], Bijection]
EPOCHS = 8
LEARNING_RATE = 6e-3
CHUNK = 8192  # events at a time: what a layer holds of them stays in the cache


@storable
@dataclass
class Density:
    """An ensemble of flows for p(x | m), and the preprocessing around them.

    Parameters
    ----------
    architecture
        Builds a flow from the numbers of features and contexts: a function of `hepflow.flows`, with its options bound
        by `functools.partial`.
    plan
        How each member is trained.
    members
        Number of flows. Several differ by seed and by a bootstrap of the training rows: their spread shows what the
        training events leave open. Each keeps ``plan.best_epochs`` of its epochs; the density is the mean of all.
    preprocessing
        Builds the bijection that the flows see the features through, from training rows (N, D) and names.

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
    plan: TrainingPlan = field(
        default_factory=lambda: TrainingPlan(epochs=EPOCHS, learning_rate=LEARNING_RATE)
    )
    members: int = 4
    preprocessing: Preprocessing = logit_preprocessing

    trainings: tuple[Training, ...] = field(default=(), init=False)
    _flows: list[Any] = field(default_factory=list, init=False, repr=False)
    _bijection: Bijection | None = field(default=None, init=False, repr=False)
    names: tuple[str, ...] = field(default=(), init=False, repr=False)
    _context: Standardise | None = field(default=None, init=False, repr=False)
    _range: tuple[float, float] = field(default=(0.0, 0.0), init=False, repr=False)

    def fit(self, sample: Sample, seed: int, checkpoint: Path | None = None) -> Density:
        """Train on a sample: features, masses and event weights; truth is not looked at.

        Parameters
        ----------
        sample
            The training rows.
        seed
            Of initial parameters, splits, bootstraps and batches.
        checkpoint
            File in which the training is kept after each epoch, and from which an interrupted one goes on; or None.

        Notes
        -----
        Unequal weights weigh the likelihood. Negative ones, as of generators, do so with their sign: the expected
        loss is right, but a region where they prevail has no density to be learned. The preprocessing takes all rows
        alike, since any bijection will do.

        Raises
        ------
        InputError
            If a feature is constant or not finite, the weights do not add up to a positive number, or there are too
            few events.
        """
        _train((self,), (sample,), seed, checkpoint)
        return self

    def log_prob(self, x: FloatArray, m: FloatArray) -> FloatArray:
        """Return log p(x | m), shape (N,), of features (N, D) at masses (N,) in GeV; -inf outside the bounds."""
        bijection, _ = self._fitted()
        z, log_determinant = bijection.forward(x)
        given = self._given(m)
        flows = progress(self._flows, "densities", "flow")
        each = np.stack([self._run(lambda f, a, b: f.log_prob(a, b), flow, z, given) for flow in flows])
        mixture: FloatArray = np.logaddexp.reduce(each, axis=0) - np.log(len(self._flows))
        return mixture + log_determinant

    def sample(self, m: FloatArray, seed: int) -> FloatArray:
        """Draw features (N, D) at masses (N,) in GeV, each from one member taken in turn.

        Every value lies inside the bounds of the training rows.
        """
        bijection, _ = self._fitted()
        random = np.random.default_rng(seed)
        generator = torch.Generator().manual_seed(seed)
        given = self._given(m)
        x = random.standard_normal((len(m), len(self.names)))
        with tqdm(total=len(m), desc="sampling", unit="event", unit_scale=True, disable=None) as bar:
            for turn, flow in enumerate(self._flows):
                rows = slice(turn, None, len(self._flows))
                z = self._run(lambda f, a, b: _draw(f, a, b, generator), flow, x[rows], given[rows])
                x[rows] = bijection.inverse(z)
                bar.update(len(z))
        return x

    def member_of(self, rows: int) -> NDArray[np.intp]:
        """Return which member draws each of `rows` sampled events, shape (rows,)."""
        return (np.arange(rows) % len(self._flows)) * self.members // len(self._flows)

    def to_latent(self, x: FloatArray, m: FloatArray, member: int = 0) -> FloatArray:
        """Return the normal-distributed latent of features (N, D) at masses (N,), by one member at its best epoch.

        Raises
        ------
        ConfigError
            If the architecture has no latent, as a mixture has none.
        """
        bijection, _ = self._fitted()
        self._check_latent(member)
        z, given = bijection.forward(x)[0], self._given(m)
        return self._run(lambda f, a, b: f.transform_to_noise(a, b), self.best_flows[member], z, given)

    def from_latent(self, z: FloatArray, m: FloatArray, member: int = 0) -> FloatArray:
        """Return the features (N, D) of a latent at masses (N,), by one member at its best epoch."""
        bijection, _ = self._fitted()
        self._check_latent(member)
        return bijection.inverse(self._run(_from_normal, self.best_flows[member], z, self._given(m)))

    def state(self) -> State:
        """Return settings, preprocessing and the parameters of all kept flows.

        Raises
        ------
        ConfigError
            If it has not been trained, or architecture or preprocessing are no functions of hepflow.
        """
        bijection, context = self._fitted()
        settings = {
            "architecture": described(self.architecture, ARCHITECTURES),
            "preprocessing": described(self.preprocessing, PREPROCESSINGS),
            "plan": self.plan.portable(),
            "members": self.members,
            "features": self.names,
            "range": self._range,
        }
        return State(settings, parameters(self._flows), {"bijection": bijection, "context": context})

    @classmethod
    def from_state(cls, state: State) -> Density:
        """Make a trained density again; what its training left beside it, such as losses, is not there."""
        settings = state.settings
        names = tuple(map(str, settings["features"]))
        low, high = map(float, settings["range"])
        made = cls(
            chosen(settings["architecture"], ARCHITECTURES, state),
            TrainingPlan(**settings["plan"]),
            int(settings["members"]),
            chosen(settings["preprocessing"], PREPROCESSINGS, state),
        )
        made.names, made._range = names, (low, high)
        made._bijection = probed(state.part("bijection", Bijection), len(names))  # type: ignore[type-abstract]
        made._context = probed(state.part("context", Standardise), 1)
        made._flows = flows_from(state, lambda: made.architecture(len(names), 1), made.members)
        return made

    @property
    def bijection(self) -> Bijection:
        """The preprocessing, between features in their own units and what the flows see."""
        return self._fitted()[0]

    @property
    def context(self) -> Standardise:
        """The scaling of masses (N, 1) in GeV to what the flows see."""
        return self._fitted()[1]

    @property
    def best_flows(self) -> tuple[Any, ...]:
        """The flow of each member at its best epoch."""
        return tuple(self._flows[:: len(self._flows) // self.members])

    def _prepare(self, sample: Sample) -> tuple[Tensor, Tensor]:
        """Take preprocessing and range from training rows, and return these as the flows see them."""
        self._flows = []
        self._bijection = self.preprocessing(sample.features, sample.names)
        self.names = sample.names
        self._context = _slow_context(sample.mass)
        self._range = float(sample.mass.min()), float(sample.mass.max())
        x = tensor(self._bijection.forward(sample.features)[0])
        return x, tensor(self._context.forward(sample.mass[:, None])[0])

    def _fitted(self) -> tuple[Bijection, Standardise]:
        if not self._flows or self._bijection is None or self._context is None:
            raise ConfigError("this Density has not been trained; call fit first")
        return self._bijection, self._context

    def _given(self, m: FloatArray) -> FloatArray:
        """Return the contexts (N, 1) of masses (N,); warn where no flow was trained."""
        _, context = self._fitted()
        low, high = self._range
        slack = 0.05 * (high - low)
        outside = int(np.sum((m < low - slack) | (m > high + slack)))
        if outside:
            warnings.warn(
                f"{outside:,} of {len(m):,} masses lie outside {low:g}-{high:g} GeV, where the flow was trained: "
                "it extrapolates",
                stacklevel=3,
            )
        return context.forward(m[:, None])[0]

    def _check_latent(self, member: int) -> None:
        if isinstance(getattr(self.best_flows[member], "_distribution", None), MixtureAutoregressive):
            raise ConfigError("mixture_autoregressive has no normal latent; use another architecture")

    @staticmethod
    def _run(
        call: Callable[[Any, Tensor, Tensor], Tensor],
        flow: Any,
        x: FloatArray,
        m: FloatArray,
    ) -> FloatArray:
        """Apply a flow in chunks, which bounds the memory."""
        with torch.no_grad():
            parts = [call(flow, a, b).numpy() for a, b in chunks(x, m)]
        return np.concatenate(parts, dtype=np.float64)


def fit_apart(
    density: Density, samples: Sequence[Sample], seed: int, checkpoint: Path | None = None
) -> tuple[Density, ...]:
    """Train a density on each of several samples: what one learns, preprocessing too, is of its own sample alone.

    All their flows are trained side by side, in hardly more time than it takes to train as many on one sample.
    Arguments and errors are those of `Density.fit`. The samples are taken for shares of the same events: each density
    warns of masses beyond those of all.
    """
    densities = tuple(replace(density) for _ in samples)
    _train(densities, samples, seed, checkpoint)
    low, high = zip(*(one._range for one in densities), strict=True)
    for one in densities:
        one._range = min(low), max(high)
    return densities


@storable
@dataclass(frozen=True)
class FoldDensities:
    """The densities of an analysis, one for each fold, which it was not trained on.

    Parameters
    ----------
    each
        By the number of the fold.
    """

    each: tuple[Density, ...]

    def state(self) -> State:
        """Return all densities."""
        return State(parts={f"folds.{fold}": density for fold, density in enumerate(self.each)})

    @classmethod
    def from_state(cls, state: State) -> FoldDensities:
        """Make trained densities again."""
        return cls(state.sequence("folds", Density))


def _train(
    densities: Sequence[Density], samples: Sequence[Sample], seed: int, checkpoint: Path | None
) -> None:
    """Train densities of one recipe, each on its own sample, all flows side by side.

    Outliers are left out: one would stretch the bounds of all.
    """
    recipe = densities[0]
    samples = [sample.select(~outliers(sample)) for sample in samples]
    prepared = [density._prepare(sample) for density, sample in zip(densities, samples, strict=True)]
    x, m = (torch.cat(column) for column in zip(*prepared, strict=True))
    weight = np.concatenate([sample.weight for sample in samples])
    flows = []
    for number in range(recipe.members * len(densities)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + number)
            flows.append(recipe.architecture(x.shape[1], 1))
    trainings = train(
        FlowMembers(flows),
        (x, m),
        replace(recipe.plan, bootstrap=len(flows) > 1),
        [seed + number for number in range(len(flows))],
        "flow" if len(flows) == 1 else f"{len(flows)} flows",
        weight=None if np.all(weight == weight[:1]) else tensor(weight),
        own=own_rows([len(sample) for sample in samples], recipe.members),
        checkpoint=checkpoint,
    )
    for number, density in enumerate(densities):
        mine = slice(number * recipe.members, (number + 1) * recipe.members)
        density.trainings = tuple(trainings[mine])
        density._flows = kept_flows(flows[mine], trainings[mine])


def own_rows(sizes: Sequence[int], members: int) -> list[Tensor] | None:
    """Return the rows of each member, where samples of these sizes stand one after another; None for a single one."""
    if len(sizes) == 1:
        return None
    ends = np.cumsum(sizes)
    return [
        torch.arange(int(end) - size, int(end))
        for size, end in zip(sizes, ends, strict=True)
        for _ in range(members)
    ]


def _slow_context(mass: FloatArray) -> Standardise:
    """Scale masses to a third of a standard deviation, so that a network varies slowly with mass.

    The flow is asked for masses between those that it was trained on: slow variation interpolates best.
    """
    standard = Standardise.fit(mass[:, None])
    return Standardise(standard.mean, 3 * standard.scale)


def kept_flows(flows: Sequence[Any], trainings: Sequence[Training]) -> list[Any]:
    """Return copies of the members' flows in all their kept states, frozen: those of one member stand together."""
    kept = []
    for flow, training in zip(flows, trainings, strict=True):
        for state in training.states:
            kept.append(copy.deepcopy(flow))
            kept[-1].load_state_dict(state, strict=False)
            kept[-1].eval().requires_grad_(False)
    return kept


def _draw(flow: Any, z: Tensor, m: Tensor, generator: torch.Generator) -> Tensor:
    """Return features from normal numbers; a base that is no normal distribution draws its own instead."""
    base = getattr(flow, "_distribution", None)
    if isinstance(base, MixtureAutoregressive):
        z = base.sample_given(len(z), m, generator)
    elif hasattr(base, "_transform"):  # a flow in the place of the normal distribution
        z = _draw(base, z, m, generator)
    return _from_normal(flow, z, m)


def _from_normal(flow: Any, z: Tensor, m: Tensor) -> Tensor:
    if isinstance(flow, FlowMatching):
        return flow.sample_from(z, m)
    features: Tensor = flow._transform.inverse(z, m)[0]
    return features


def chunks(x: FloatArray, m: FloatArray) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield features (N, D) and contexts (N, C) in pieces that fit into the cache."""
    for start in range(0, max(len(x), 1), CHUNK):  # no rows make one empty chunk
        yield tensor(x[start : start + CHUNK]), tensor(m[start : start + CHUNK])


def tensor(values: FloatArray) -> Tensor:
    """Return numbers in the precision that networks compute in."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


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
) -> Density:
    """Return an untrained density of spline layers, from plain settings.

    Parameters
    ----------
    layers, hidden, bins
        Of `spline_autoregressive`.
    epochs, batch_size, learning_rate, schedule, best_epochs
        Of the `TrainingPlan`; one cycle warms up for a fifth of the steps.
    ensemble
        Number of flows.
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
    return Density(architecture, plan, members=ensemble)
