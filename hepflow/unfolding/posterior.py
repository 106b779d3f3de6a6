"""Posteriors: what one event may have been, p(truth | reco), by a conditional flow (arXiv:2006.06685)."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from hepflow.classifiers import DensityRatio, SmoothRatio, table
from hepflow.errors import ConfigError
from hepflow.events import Events, FloatArray
from hepflow.flows import ConditionalDensity, TrainingPlan, spline_autoregressive
from hepflow.unfolding.inputs import measured, refuse_negative
from hepflow.unfolding.iterations import check_worth, history
from hepflow.unfolding.omnifold import DEGREE
from hepflow.unfolding.pairs import Pairs
from hepflow.unfolding.unfolded import Pushed, Unfolded
from hepflow.weights import State, storable

PLAN = TrainingPlan(epochs=10, batch_size=512, learning_rate=3e-3)
LEVELS = np.arange(1, 20) / 20  # of the central intervals whose coverage is counted
DRAWS = 200  # of each posterior, in which the truth has its rank


def posterior_density() -> ConditionalDensity:
    """Return the untrained density of a posterior."""
    return ConditionalDensity(partial(spline_autoregressive, layers=3, hidden=64), PLAN, members=2)


@dataclass(frozen=True, eq=False)
class Coverage:
    """How often central intervals of posteriors hold the truth.

    Parameters
    ----------
    names
        The generated columns.
    levels
        Nominal, shape ``(L,)``.
    found
        Share of events whose truth lies in the interval, shape ``(L, D)``.
    events
        How many were looked at.
    """

    names: tuple[str, ...]
    levels: FloatArray
    found: FloatArray
    events: int

    @property
    def largest_error(self) -> float:
        """The largest difference of found and nominal coverage, over all levels and columns."""
        return float(np.abs(self.found - self.levels[:, None]).max())

    @property
    def statistical(self) -> float:
        """The largest statistical error of a coverage."""
        return float(np.sqrt(0.25 / self.events))


@storable
@dataclass
class Posterior:
    """The density of generated columns given the reconstructed ones, of events that pass both selections.

    A posterior depends on the distribution that was simulated, its prior: `unfold` iterates that away.

    Parameters
    ----------
    density
        Untrained.

    Examples
    --------
    >>> from functools import partial
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> generated = random.normal(0.0, 1.0, 3000)
    >>> table = {"x": generated, "measured": random.normal(generated, 0.5)}
    >>> pairs = hf.unfolding.Pairs.of(table, truth=["x"], reco=["measured"])
    >>> small = partial(hf.flows.affine_autoregressive, layers=2, hidden=16)
    >>> plan = hf.flows.TrainingPlan(epochs=5, batch_size=128, learning_rate=0.02)
    >>> posterior = hf.unfolding.Posterior(hf.flows.ConditionalDensity(small, plan, members=1)).fit(pairs, seed=1)
    >>> drawn = posterior.sample({"measured": np.array([1.0])}, draws=500, seed=1)
    >>> drawn.shape, round(float(drawn.mean()), 1)  # exactly, 0.8
    ((1, 500, 1), 0.8)
    """

    density: ConditionalDensity = field(default_factory=posterior_density)

    def fit(self, pairs: Pairs, *, seed: int) -> Posterior:
        """Train on the events of pairs that pass both selections; raises as `ConditionalDensity.fit`."""
        both = pairs.both
        self.density.fit(
            pairs.truth.features[both],
            pairs.reco.features[both],
            pairs.weight[both],
            pairs.truth.names,
            seed,
            given=pairs.reco.names,
        )
        return self

    def sample(self, data: Any, *, draws: int, seed: int) -> FloatArray:
        """Return draws from the posterior of each event, shape ``(N, draws, D)``.

        Parameters
        ----------
        data
            A table with the reconstructed columns, `Events`, or an array ``(N, C)``.
        draws
            How many for each event.
        seed
            Of the draws.
        """
        if draws < 1:
            raise ConfigError(f"Posterior: {draws} draws; expected one or more")
        given = self._contexts(data)
        drawn = self.density.sample(np.repeat(given, draws, axis=0), seed)
        return drawn.reshape(len(given), draws, -1)

    def unfold(
        self,
        pairs: Pairs,
        data: Any,
        *,
        iterations: int = 3,
        ratio: DensityRatio | None = None,
        replicas: int = 10,
        seed: int,
    ) -> tuple[Posterior, Unfolded]:
        """Unfold data event by event, and take the dependence on the prior away by iterations.

        Each iteration trains on the simulation as the one before weighted it, draws a generated event for each of the
        data, and learns the ratio of these to the generated events that pass both selections (arXiv:2212.08674). That
        ratio weighs all generated events: the efficiency cancels as in `OmniFold`. Of the data, the share that is
        fakes is taken off by a ratio of reconstructed columns.

        Parameters
        ----------
        pairs, data
            As of `OmniFold.unfold`, which says what is raised.
        iterations
            Trainings.
        ratio
            Untrained; a smooth one by default.
        replicas
            Bootstraps of data and simulation, with draws of their own; the flow is not trained anew in them.
        seed
            Of trainings, draws and bootstraps.

        Returns
        -------
        posterior, unfolded
            The posterior of the last iteration, which is one of the data, and the weighted generated events.
        """
        if iterations < 1 or replicas < 0 or 0 < replicas < 3:
            raise ConfigError(
                f"Posterior: {iterations} iterations and {replicas} replicas; expected one or more, and three or "
                "more or 0"
            )
        events, outside = measured(data, pairs)
        refuse_negative(events, pairs, "a flow learns densities, which are positive")
        step = SmoothRatio(DEGREE, moments=True) if ratio is None else ratio
        own = events.weight * _genuine(pairs, events, step, seed)
        both, truth, names = pairs.both, pairs.pass_truth, pairs.truth.names
        every = table(pairs.truth.features[truth], names=names)
        push, posterior = np.ones(len(pairs)), self
        weights = np.zeros((iterations, len(pairs)))
        bootstraps = np.zeros((replicas, iterations, len(pairs)), np.float32)
        distances, ratios, yields = [], [], []
        for iteration in range(iterations):
            posterior = Posterior(deepcopy(self.density)).fit(pairs.weighted(push), seed=seed + iteration)

            def pushed(
                data: FloatArray, simulated: FloatArray, step: DensityRatio, seed: int
            ) -> tuple[FloatArray, Any]:
                drawn = posterior.sample(events, draws=1, seed=seed)[:, 0]  # noqa: B023
                kept, there = data > 0, both & (simulated > 0)
                fitted = deepcopy(step).fit(
                    table(drawn[kept], data[kept], names),
                    table(pairs.truth.features[there], simulated[there], names),
                    seed,
                )
                found = np.zeros(len(pairs))
                found[truth] = np.exp(fitted.log_ratio(every))
                scale = float(data.sum() / (simulated[both] @ found[both]))
                return scale * found, (fitted, scale)

            before = push
            push, (fitted, scale) = pushed(own, pairs.weight, step, seed + iteration)
            weights[iteration] = pairs.weight * push
            check_worth("generated", weights[iteration][truth], pairs.weight[truth], iteration)
            moved = np.log(push[truth] / before[truth])
            distances.append(float(np.average(moved**2, weights=weights[iteration][truth])))
            ratios.append(fitted)
            yields.append(scale)
            stiff = _as_stiff(step, fitted)
            for replica in range(replicas):
                random = np.random.default_rng([seed, replica])
                drawn = [one * random.poisson(1.0, len(one)) for one in (own, pairs.weight)]
                factor, _ = pushed(drawn[0], drawn[1], stiff, seed + 1 + replica)
                bootstraps[replica, iteration] = drawn[1] * factor
        unfolded = Unfolded(
            pairs,
            weights,
            bootstraps,
            history(pairs, weights, distances, bootstraps),
            iterations,
            outside,
            Pushed(tuple(ratios), np.array(yields), names),
        )
        return posterior, unfolded

    def log_prob(self, truth: Any, data: Any) -> FloatArray:
        """Return the log density of generated values ``(N, D)`` in the posterior of each event, shape ``(N,)``."""
        return self.density.log_prob(np.asarray(truth, dtype=np.float64), self._contexts(data))

    def coverage(self, pairs: Pairs, *, seed: int, draws: int = DRAWS, narrower: float = 1.0) -> Coverage:
        """Return how often the posteriors hold the truth, on pairs that were not trained on.

        Parameters
        ----------
        pairs
            Simulated as those of the training; weights count.
        seed
            Of the draws.
        draws
            From each posterior; the truth's rank among them says in which intervals it lies.
        narrower
            Posteriors are drawn together by this number around their mean: 2 halves every error, and must fail.
        """
        both = pairs.both
        drawn = self.sample(pairs.reco.features[both], draws=draws, seed=seed)
        if narrower != 1:
            middle = drawn.mean(axis=1, keepdims=True)
            drawn = middle + (drawn - middle) / narrower
        truth = pairs.truth.features[both]
        below = np.sum(drawn < truth[:, None], axis=1)
        spread = np.random.default_rng([seed, 1]).random(
            below.shape
        )  # ranks are whole numbers, levels are not
        away = np.abs(2 * (below + spread) / (draws + 1) - 1)
        weight = pairs.weight[both]
        found = np.array([np.average(away <= level, axis=0, weights=weight) for level in LEVELS])
        return Coverage(pairs.truth.names, LEVELS, found, len(away))

    def _contexts(self, data: Any) -> FloatArray:
        names = self.density.given
        if isinstance(data, np.ndarray) and data.dtype.names is None:
            return np.asarray(data, dtype=np.float64)
        events = data if isinstance(data, Events) else Events.of(data, names)
        return np.column_stack([events.feature(name) for name in names])

    def state(self) -> State:
        """Return what was learned."""
        return State({}, {}, {"density": self.density})

    @classmethod
    def from_state(cls, state: State) -> Posterior:
        """Make a trained posterior again."""
        return cls(state.part("density", ConditionalDensity))


def _as_stiff(ratio: DensityRatio, fitted: DensityRatio) -> DensityRatio:
    """Return an untrained ratio that is as stiff as the fitted one, if it is a smooth one."""
    if isinstance(ratio, SmoothRatio) and isinstance(fitted, SmoothRatio):
        return replace(ratio, ridge=fitted.chosen)
    return ratio


def _genuine(pairs: Pairs, data: Events, ratio: DensityRatio, seed: int) -> FloatArray:
    """Return which share of data at each place was generated inside the selection, as the simulation has it, (N,)."""
    if not pairs.fakes.any():
        return np.ones(len(data))
    seen, both = pairs.reconstructed, pairs.both
    fitted = deepcopy(ratio).fit(
        table(pairs.reco.features[both], pairs.weight[both], pairs.reco.names),
        table(seen.features, seen.weight, seen.names),
        seed,
    )
    share = (1 - pairs.fake_share) * np.exp(fitted.log_ratio(table(data.features, names=data.names)))
    return np.asarray(np.minimum(share, 1.0))
