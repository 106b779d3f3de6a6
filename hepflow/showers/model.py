"""ShowerModel: showers from chained flows, layer energies first, then layer by layer what each voxel has of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial, reduce
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from hepflow.errors import ConfigError, InputError
from hepflow.events import FloatArray
from hepflow.flows import ChainedDensity, ConditionalDensity, TrainingPlan, spline_autoregressive
from hepflow.flows.chained import Learned
from hepflow.flows.ensemble import Architecture
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.showers.files import Showers, check_incident
from hepflow.showers.geometry import Geometry, check_same
from hepflow.showers.shares import Shares, spread
from hepflow.training import Losses
from hepflow.weights import State, storable

LAYERS = 2
HIDDEN = 64
EPOCHS = 12
BATCHES = 100  # of an epoch, as far as a batch then has
BATCH_SIZES = (64, 256)  # showers
LEARNING_RATE = 3e-3
LAG = 6  # the parameters are averaged over the steps divided by this
BLOCK = 10_000  # showers drawn at a time; what they are depends on it
GIVEN = ("incident",)


def default_architecture() -> Architecture:
    """Return what builds the flows if nothing else is said."""
    return partial(spline_autoregressive, layers=LAYERS, hidden=HIDDEN)


def plan_for(showers: int, epochs: int = EPOCHS, batch_size: int | None = None) -> TrainingPlan:
    """Return how each flow is trained on so many showers if nothing else is said."""
    batch = batch_size or int(np.clip(showers // BATCHES, *BATCH_SIZES))
    steps = max(epochs * showers // batch, LAG + 1)
    return TrainingPlan(
        epochs=epochs,
        batch_size=batch,
        learning_rate=LEARNING_RATE,
        best_epochs=1,
        average=1 - LAG / steps,
    )


@storable
@dataclass
class ShowerModel:
    """A density of showers given the incident energy, as a chain of conditional flows.

    First the visible energy and how layers share it; then, layer by layer, how its voxels share its energy, given
    the incident energy, all layers, and the voxels of all layers before. A visible energy is matched exactly by the
    sum of its voxels (after CaloFlow, arXiv:2106.05285).

    Parameters
    ----------
    architecture
        Builds a flow from the numbers of features and contexts; of `hepflow.flows`.
    plan
        How each is trained; left out, as `plan_for` says for the number of showers.
    threshold
        In GeV; voxels below it are zero. Left out, the smallest energy above zero of the training showers.

    Examples
    --------
    >>> from functools import partial, reduce
    >>> import hepflow as hf
    >>> from hepflow.showers import ShowerModel, simulate, toy_detector
    >>> showers = simulate(toy_detector(), 1000, seed=1)
    >>> small = partial(hf.flows.spline_autoregressive, layers=1, hidden=8)
    >>> plan = hf.flows.TrainingPlan(epochs=1, batch_size=100)
    >>> model = ShowerModel(small, plan).fit(showers, seed=1)
    >>> made = model.sample([10.0, 50.0], seed=2)
    >>> made.voxels.shape
    (2, 27)
    """

    architecture: Architecture = field(default_factory=default_architecture)
    plan: TrainingPlan | None = None
    threshold: float | None = None

    losses: dict[str, Losses] = field(default_factory=dict, init=False, repr=False)
    _geometry: Geometry | None = field(default=None, init=False, repr=False)
    _shares: tuple[Shares, ...] = field(default=(), init=False, repr=False)
    _density: Learned | None = field(default=None, init=False, repr=False)

    def fit(self, showers: Showers, seed: int, checkpoint: Path | None = None) -> ShowerModel:
        """Train flow after flow.

        Parameters
        ----------
        showers
            What is learned from.
        seed
            Of all that is drawn.
        checkpoint
            Each flow keeps its training after each epoch in a file of its own beside this path, with its name and
            the layer's; an interrupted training goes on from there. None keeps nothing.

        Raises
        ------
        InputError
            If the incident energies are all the same, no shower has any energy, or there are too few showers.
        ConfigError
            If the threshold is not above zero.
        """
        threshold, plan = self._cut(showers), self.plan or plan_for(len(showers))
        voxels = np.where(showers.voxels >= threshold, showers.voxels, 0.0)
        self._geometry, self.losses = showers.geometry, {}
        self._shares = tuple(
            Shares.fit(parts, threshold)
            for parts in (_of_layers(voxels, showers.geometry), *_split(voxels, showers.geometry))
        )
        context, factors = np.log(showers.energy)[:, None], list[Learned]()
        names: tuple[str, ...] = ()
        for own, columns in self._steps(showers.energy, voxels, np.random.default_rng([seed, 0])):
            density = ConditionalDensity(
                self.architecture, plan, 1, partial(logit_preprocessing, ranks="smooth")
            )
            place = (
                None
                if checkpoint is None
                else checkpoint.with_name(f"{checkpoint.stem}-{own[0]}.safetensors")
            )
            density.fit(columns, context, None, own, seed, place, given=(*names, *GIVEN))
            self.losses[own[0]] = density.trainings[0].losses
            factors.append(density)
            names = (*names, *own)
            context = np.hstack([context[:, :-1], columns, context[:, -1:]])
        self._density = reduce(ChainedDensity, factors)
        return self

    def sample(self, energy: ArrayLike, seed: int) -> Showers:
        """Return a shower for each incident energy (N,) in GeV; see `blocks`."""
        return Showers.concat(self.blocks(energy, seed))

    def blocks(self, energy: ArrayLike, seed: int) -> Iterator[Showers]:
        """Yield a shower for each incident energy (N,) in GeV, in pieces, the same whatever becomes of them.

        Raises
        ------
        ConfigError
            If there is no training yet, or no energy.
        InputError
            If an energy is not above zero.
        """
        density, geometry = self._fitted()
        asked = check_incident(energy)
        for number, first in enumerate(range(0, len(asked), BLOCK)):
            own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
            part = asked[first : first + BLOCK]
            columns = density.sample(np.log(part)[:, None], own)
            yield Showers(part, self._voxels(columns, part), geometry)

    def log_prob(self, showers: Showers, seed: int) -> FloatArray:
        """Return the log density (N,) of what the flows see of showers given their incident energies.

        That is the logarithm of the response and log-ratios; zeros are spread out below the threshold with this seed.

        Raises
        ------
        ConfigError
            If there is no training yet, or the showers are of another geometry.
        """
        density, geometry = self._fitted()
        check_same(geometry, showers.geometry, "log_prob")
        voxels = np.where(showers.voxels >= self._shares[0].threshold, showers.voxels, 0.0)
        steps = self._steps(showers.energy, voxels, np.random.default_rng(seed))
        columns = np.hstack([columns for _, columns in steps])
        return density.log_prob(columns, np.log(showers.energy)[:, None])

    @property
    def geometry(self) -> Geometry:
        """Where the voxels are."""
        return self._fitted()[1]

    def _cut(self, showers: Showers) -> float:
        """Return the threshold, in GeV."""
        if self.threshold is not None and not (np.isfinite(self.threshold) and self.threshold > 0):
            raise ConfigError(f"showers: a threshold of {self.threshold:g} GeV; expected more than zero")
        least = self.threshold or 0.0
        seen = showers.voxels[(showers.voxels > 0) & (showers.voxels >= least)]
        if not len(seen):
            raise InputError(
                f"showers: no voxel of {len(showers):,} showers shows more than {least:g} GeV; expected showers with "
                "energy, or a lower threshold"
            )
        return self.threshold or float(seen.min())

    def _steps(
        self, energy: FloatArray, voxels: FloatArray, random: np.random.Generator
    ) -> Iterator[tuple[tuple[str, ...], FloatArray]]:
        """Yield names and columns of each flow: energies of layers, then shares of their voxels."""
        geometry, (layers, *each) = self._geometry, self._shares
        assert geometry is not None
        total = spread(voxels.sum(axis=1), layers.threshold, random)
        ratios = layers.ratios(_of_layers(voxels, geometry), random)
        numbers = [layer.number for layer in geometry.filled]
        names = ("response", *(f"layer_{number}" for number in np.delete(numbers, layers.reference)))
        yield names, np.column_stack([np.log(total / energy), ratios])
        for number, shares, parts in zip(numbers, each, _split(voxels, geometry), strict=True):
            if parts.shape[1] > 1:
                places = np.delete(np.arange(parts.shape[1]), shares.reference)
                yield tuple(f"layer_{number}_{place}" for place in places), shares.ratios(parts, random)

    def _voxels(self, columns: FloatArray, energy: FloatArray) -> FloatArray:
        """Return voxels (N, V) in GeV of the columns of all flows."""
        geometry, (layers, *each) = self._geometry, self._shares
        assert geometry is not None
        total = np.exp(columns[:, 0]) * energy
        total = np.where(total >= layers.threshold, total, 0.0)
        first = len(geometry.filled)
        energies = layers.parts(columns[:, 1:first], total)
        found = []
        for number, (layer, shares) in enumerate(zip(geometry.filled, each, strict=True)):
            last = first + layer.voxels - 1
            found.append(shares.parts(columns[:, first:last], energies[:, number]))
            first = last
        return np.hstack(found)

    def _fitted(self) -> tuple[Learned, Geometry]:
        if self._density is None or self._geometry is None:
            raise ConfigError("these showers have no model yet; call fit first")
        return self._density, self._geometry

    def state(self) -> State:
        """Return geometry, thresholds and flows."""
        density, geometry = self._fitted()
        parts = {f"shares.{number}": one for number, one in enumerate(self._shares)}
        return State({"geometry": geometry.plain()}, {}, {"density": density, **parts})

    @classmethod
    def from_state(cls, state: State) -> ShowerModel:
        """Make a trained model again."""
        made = cls()
        made._geometry = Geometry.of(state.settings["geometry"])
        made._shares = state.sequence("shares", Shares)
        made._density = state.part("density", Learned)  # type: ignore[type-abstract]
        made.threshold = made._shares[0].threshold
        return made


def _split(voxels: FloatArray, geometry: Geometry) -> list[FloatArray]:
    return [voxels[:, place] for place in geometry.slices]


def _of_layers(voxels: FloatArray, geometry: Geometry) -> FloatArray:
    """Return the energy of each layer (N, L)."""
    return np.stack([part.sum(axis=1) for part in _split(voxels, geometry)], axis=1)
