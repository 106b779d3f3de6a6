"""Density: p(features | mass) learned from a sample, in physical units."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from nflows.flows.base import Flow
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from hepflow.errors import ConfigError
from hepflow.flows.architectures import spline_autoregressive
from hepflow.flows.preprocess import Chain, Standardise, logit_preprocessing
from hepflow.flows.stack import FlowMembers
from hepflow.sample import FloatArray, Sample
from hepflow.training import Training, TrainingPlan, train

Architecture = Callable[[int, int], Flow]
CHUNK = 8192  # events at a time: what a layer holds of them stays in the cache


@dataclass
class Density:
    """An ensemble of flows for p(x | m), and the preprocessing around them.

    Parameters
    ----------
    architecture
        Builds a flow from the numbers of features and contexts.
    plan
        How each member is trained.
    members
        Number of flows. Several differ by seed and by a bootstrap of the training rows: their spread shows what the
        training events leave open. Each keeps ``plan.best_epochs`` of its epochs; the density is the mean of all.
    """

    architecture: Architecture = spline_autoregressive
    plan: TrainingPlan = field(default_factory=TrainingPlan)
    members: int = 8

    trainings: tuple[Training, ...] = field(default=(), init=False)
    _flows: list[Flow] = field(default_factory=list, init=False, repr=False)
    _preprocessing: Chain | None = field(default=None, init=False, repr=False)
    _size: int = field(default=0, init=False, repr=False)
    _context: Standardise | None = field(default=None, init=False, repr=False)

    def fit(self, sample: Sample, seed: int) -> Density:
        """Train on a sample (features and masses; weights must be equal, and truth is not looked at).

        Raises
        ------
        ConfigError
            If the weights differ from event to event.
        InputError
            If a feature is constant or not finite, or there are too few events.
        """
        if np.ptp(sample.weight) > 0:
            raise ConfigError(
                "Density.fit: the events carry different weights, and the flow would ignore them"
            )
        self._flows = []
        self._preprocessing = logit_preprocessing(sample.features, sample.names)
        self._size = len(sample.names)
        self._context = _slow_context(sample.mass)
        x = _tensor(self._preprocessing.forward(sample.features)[0])
        m = _tensor(self._context.forward(sample.mass[:, None])[0])
        flows = []
        for member in range(self.members):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed + member)
                flows.append(self.architecture(x.shape[1], 1))
        plan = replace(self.plan, bootstrap=self.members > 1)
        title = "flow" if self.members == 1 else f"{self.members} flows"
        seeds = [seed + member for member in range(self.members)]
        trainings = train(FlowMembers(flows), (x, m), plan, seeds, title)
        kept = []
        for flow, training in zip(flows, trainings, strict=True):
            for state in training.states:
                kept.append(copy.deepcopy(flow))
                kept[-1].load_state_dict(state, strict=False)
                kept[-1].eval().requires_grad_(False)
        self._flows, self.trainings = kept, tuple(trainings)
        return self

    def log_prob(self, x: FloatArray, m: FloatArray) -> FloatArray:
        """Return log p(x | m), shape (N,), of features (N, D) at masses (N,) in GeV; -inf outside the bounds."""
        preprocessing, context = self._fitted()
        z, log_determinant = preprocessing.forward(x)
        given = context.forward(m[:, None])[0]
        each = np.stack([self._run(lambda f, a, b: f.log_prob(a, b), flow, z, given) for flow in self._flows])
        mixture: FloatArray = np.logaddexp.reduce(each, axis=0) - np.log(len(self._flows))
        return mixture + log_determinant

    def sample(self, m: FloatArray, seed: int) -> FloatArray:
        """Draw features (N, D) at masses (N,) in GeV, each from one member taken in turn.

        Every value lies inside the bounds of the training rows.
        """
        preprocessing, context = self._fitted()
        random = np.random.default_rng(seed)
        given = context.forward(m[:, None])[0]
        z = random.standard_normal((len(m), self._size))
        x = np.empty_like(z)
        with tqdm(total=len(m), desc="sampling", unit="event", unit_scale=True, disable=None) as bar:
            for turn, flow in enumerate(self._flows):
                rows = slice(turn, None, len(self._flows))
                x[rows] = self._run(_from_normal, flow, z[rows], given[rows])
                bar.update(len(x[rows]))
        return preprocessing.inverse(x)

    def member_of(self, rows: int) -> NDArray[np.intp]:
        """Return which member draws each of `rows` sampled events, shape (rows,)."""
        return (np.arange(rows) % len(self._flows)) * self.members // len(self._flows)

    def to_latent(self, x: FloatArray, m: FloatArray, member: int = 0) -> FloatArray:
        """Return the normal-distributed latent of features (N, D) at masses (N,), by one member."""
        preprocessing, context = self._fitted()
        z, given = preprocessing.forward(x)[0], context.forward(m[:, None])[0]
        return self._run(lambda f, a, b: f.transform_to_noise(a, b), self._flows[member], z, given)

    def from_latent(self, z: FloatArray, m: FloatArray, member: int = 0) -> FloatArray:
        """Return the features (N, D) of a latent at masses (N,), by one member."""
        preprocessing, context = self._fitted()
        given = context.forward(m[:, None])[0]
        return preprocessing.inverse(self._run(_from_normal, self._flows[member], z, given))

    def _fitted(self) -> tuple[Chain, Standardise]:
        if not self._flows or self._preprocessing is None or self._context is None:
            raise ConfigError("this Density has not been trained; call fit first")
        return self._preprocessing, self._context

    @staticmethod
    def _run(
        call: Callable[[Flow, Tensor, Tensor], Tensor],
        flow: Flow,
        x: FloatArray,
        m: FloatArray,
    ) -> FloatArray:
        """Apply a flow in chunks, which bounds the memory."""
        with torch.no_grad():
            parts = [call(flow, a, b).numpy() for a, b in _chunks(x, m)]
        return np.concatenate(parts, dtype=np.float64)


def _slow_context(mass: FloatArray) -> Standardise:
    """Scale masses to a third of a standard deviation, so that a network varies slowly with mass.

    The flow is asked for masses between those that it was trained on: slow variation interpolates best.
    """
    standard = Standardise.fit(mass[:, None])
    return Standardise(standard.mean, 3 * standard.scale)


def _from_normal(flow: Flow, z: Tensor, m: Tensor) -> Tensor:
    features: Tensor = flow._transform.inverse(z, m)[0]
    return features


def _chunks(x: FloatArray, m: FloatArray) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, max(len(x), 1), CHUNK):  # no rows make one empty chunk
        yield _tensor(x[start : start + CHUNK]), _tensor(m[start : start + CHUNK])


def _tensor(values: FloatArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
