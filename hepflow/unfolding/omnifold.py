"""OmniFold: unfolding without bins, in any number of dimensions (arXiv:1911.09107)."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hepflow.classifiers import DensityRatio, SmoothRatio, fit_factor, table
from hepflow.errors import ConfigError, InputError
from hepflow.events import Events, FloatArray
from hepflow.precision import check_precision
from hepflow.progress import progress
from hepflow.sample import Sample
from hepflow.unfolding.inputs import measured, refuse_negative
from hepflow.unfolding.iterations import check_worth, history, settled
from hepflow.unfolding.pairs import Flags, Pairs
from hepflow.unfolding.unfolded import Pushed, Unfolded

Ridges = tuple[float | None, ...]  # of steps 1 and 2

DEGREE = 12  # of the polynomials of the smooth ratio: weights that are unfolded have no finer structure
LARGEST = 1e4  # of a ratio: one event more than that is a statement on a single event
LESS_STIFF = 10.0  # times: what predicts best is biased by as much as its error, which no bootstrap sees
FAKES = ("subtract", "model")


@dataclass
class OmniFold:
    r"""Iterative reweighting of generated events until what they look like reconstructed is what data look like.

    Step 1 learns the ratio of data to weighted simulation from reconstructed columns; step 2 learns from it, as a
    function of generated columns, the weight of every generated event. Step 2 looks at events that pass both
    selections alone, with the new weights against those of the simulation: since the efficiency is the same for
    both, it cancels, and events that were not reconstructed get the weight of those that look like them.

    Parameters
    ----------
    ratio
        Untrained classifier of step 1, `hepflow.classifiers.SmoothRatio` by default; trees and networks with their
        ensembles can be given. A ratio that cannot change faster than data tell is what regularises best.
    second
        The same of step 2; that of step 1 if left out.
    iterations
        How many at most. More of them lower the dependence on the simulation and raise the variance.
    stop
        Choose the iteration after which generated distributions change by less than their errors; all are kept either
        way, and `Unfolded.text` shows the trade-off. Without, or without replicas, the last one counts.
    fakes
        Reconstructed events that were not generated inside their selection: "subtract" takes them off the data with
        negative weights, which a smooth ratio can use; "model" leaves them in the simulation of step 1, unchanged.
        Both take the yield from the simulation's weights.
    replicas
        Unfoldings of bootstraps of data and simulation together, each with a seed of its own, from which covariances
        come; three at least, or none.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> generated = random.normal(0.0, 1.0, 5000)
    >>> table = {"x": generated, "measured": random.normal(generated, 0.5)}
    >>> pairs = hf.unfolding.Pairs.of(table, truth=["x"], reco=["measured"])
    >>> data = {"measured": random.normal(random.normal(0.2, 0.8, 5000), 0.5)}
    >>> unfolded = hf.unfolding.OmniFold(iterations=3, replicas=3).unfold(pairs, data, seed=1)
    >>> round(float(np.average(unfolded.events["x"], weights=unfolded.events.weight)), 1)
    0.2
    >>> unfolded.histogram([-1.0, 0.0, 1.0], "x").values.shape
    (2,)
    """

    ratio: DensityRatio = field(default_factory=lambda: SmoothRatio(DEGREE, moments=True))
    second: DensityRatio | None = None
    iterations: int = 5
    stop: bool = True
    fakes: str = "subtract"
    replicas: int = 20

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.replicas < 0 or 0 < self.replicas < 3:
            raise ConfigError(
                f"OmniFold: {self.iterations} iterations and {self.replicas} replicas; expected one iteration or "
                "more, and three replicas or more, or 0 for none"
            )
        if self.fakes not in FAKES:
            raise ConfigError(f"OmniFold: fakes={self.fakes!r}; expected 'subtract' or 'model'")

    def unfold(self, pairs: Pairs, data: Any, *, seed: int) -> Unfolded:
        """Unfold data.

        Parameters
        ----------
        pairs
            The simulation.
        data
            Reconstructed events: a table with the reconstructed columns of the pairs, `Events`, or an array ``(N,
            D)``.
        seed
            Of trainings and bootstraps.

        Raises
        ------
        ConfigError
            If columns are missing.
        InputError
            If data and simulation cannot be used together (`hepflow.unfolding.Pairs` and what lies outside), or have
            negative weights that the ratio cannot use, or a column was rounded in one of them, which trees and
            networks would learn.
        FitError
            If a ratio cannot be fitted.
        CheckError
            If the weighted simulation is worth less than 1 % of its events.
        """
        folded = self.folded(pairs, data, seed=seed)
        replicas = np.zeros((self.replicas, self.iterations, len(pairs)), np.float32)
        for replica in progress(range(self.replicas), "replicas", "replica"):
            replicas[replica] = self.replica(pairs, data, folded, replica, seed=seed)
        return self.joined(pairs, folded, replicas)

    def folded(self, pairs: Pairs, data: Any, *, seed: int) -> Folded:
        """Return what `unfold` finds without replicas, for these to be made one by one; raises as that."""
        run, outside = self._run(pairs, data)
        first, second = self._steps()
        found = run.fold(first, second, run.data.weight, pairs.weight, seed)
        names = pairs.truth.names
        models = Pushed(tuple(found.ratios), np.array(found.yields), names)
        return Folded(
            found.weights,
            tuple(found.distances),
            found.ridges,
            outside,
            models,
            Pushed((first, second), np.ones(2), names),
        )

    def replica(
        self, pairs: Pairs, data: Any, folded: Folded, number: int, *, seed: int
    ) -> NDArray[np.float32]:
        """Return the weights (I, N) of one replica, of those that are numbered from 0; arguments as of `unfold`."""
        run, _ = self._run(pairs, data)
        random = np.random.default_rng([seed, number])
        drawn, simulated = (one.weight * random.poisson(1.0, len(one)) for one in (run.data, pairs))
        first, second = deepcopy(folded.start.ratios)
        own = run.fold(first, second, drawn, simulated, seed + 1 + number, folded.ridges)
        return own.weights.astype(np.float32)

    def joined(self, pairs: Pairs, folded: Folded, replicas: NDArray[np.float32]) -> Unfolded:
        """Return what `unfold` does, of its parts: `folded`, and replicas (R, I, N)."""
        trade_off = history(pairs, folded.weights, folded.distances, replicas)
        return Unfolded(
            pairs,
            folded.weights,
            replicas,
            trade_off,
            settled(trade_off) if self.stop else self.iterations,
            folded.outside,
            folded.models,
        )

    def _run(self, pairs: Pairs, data: Any) -> tuple[_Run, float]:
        events, outside = measured(data, pairs)
        smooth = isinstance(self.ratio, SmoothRatio) and isinstance(self.second, SmoothRatio | None)
        if not smooth:
            refuse_negative(events, pairs, "take a SmoothRatio, which can use them, or events without")
            simulated = pairs.reco.features[pairs.pass_reco]
            check_precision(events.features, simulated, pairs.reco.names, ("measured", "simulated"))
            if self.fakes == "subtract" and pairs.fakes.any():
                raise ConfigError(
                    f"OmniFold: fakes='subtract' gives data negative weights, which a {type(self.ratio).__name__} "
                    "cannot use; take fakes='model', or a SmoothRatio"
                )
        return _Run(pairs, events, self.fakes, self.iterations), outside

    def _steps(self) -> tuple[DensityRatio, DensityRatio]:
        """Return the untrained ratios of both steps."""
        return deepcopy(self.ratio), deepcopy(self.ratio if self.second is None else self.second)


@dataclass(frozen=True, eq=False)
class Folded:
    """An unfolding without its replicas.

    Parameters
    ----------
    weights
        Of generated events after each iteration, shape ``(I, N)``.
    distances
        Of data and simulation in each.
    ridges
        How stiff smooth ratios are, which replicas take over.
    outside
        Share of the data that lies where nothing is simulated.
    models
        The ratios behind the weights.
    start
        Those of both steps as they were last: smooth ones of replicas start there, which saves time.
    """

    weights: FloatArray
    distances: tuple[float, ...]
    ridges: Ridges
    outside: float
    models: Pushed
    start: Pushed


@dataclass
class _Found:
    """What an unfolding gave: weights (I, N), and for each iteration distance, ratio of step 2 and its yield."""

    weights: FloatArray
    distances: list[float] = field(default_factory=list)
    ratios: list[DensityRatio] = field(default_factory=list)
    yields: list[float] = field(default_factory=list)
    ridges: Ridges = ()


@dataclass(frozen=True, eq=False)
class _Run:
    pairs: Pairs
    data: Events
    fakes: str
    iterations: int

    def fold(
        self,
        first: DensityRatio,
        second: DensityRatio,
        data: FloatArray,
        weight: FloatArray,
        seed: int,
        ridges: Ridges | None = None,
    ) -> _Found:
        """Unfold with these weights of data (M,) and simulation (N,); events of weight zero take no part.

        Smooth ratios are as stiff as `ridges` say, or in all iterations a tenth of what the first one found right:
        later ones would stop where what is left to learn is no longer significant, short of the truth by their
        errors.
        """
        pairs = self.pairs
        both, truth = pairs.both & (weight != 0), pairs.pass_truth
        push = np.ones(len(pairs))
        found = _Found(np.zeros((self.iterations, len(pairs))))
        seen, generated = _rows(pairs.reco, both), _rows(pairs.truth, both)
        every = _rows(pairs.truth, truth)
        numerator, fakes, total = self._numerator(data, weight)
        for iteration in range(self.iterations):
            own = weight * push
            denominator = _weighted(seen, own[both])
            if fakes is not None:
                denominator = Sample.concat([denominator, fakes])
            if ridges is not None or iteration:
                _set_ridges((first, second), ridges or found.ridges)
            first.fit(numerator, denominator, seed + iteration)
            step1 = _bounded(first.log_ratio(denominator))
            # of densities: the mean over the simulation is one, and its yield becomes that of the data
            pulled = denominator.weight * np.exp(step1)
            pull = (pulled * (total / pulled.sum()))[: len(seen)]
            check_worth("reconstructed", pull, weight[both], iteration)
            found.distances.append(float(np.average(step1**2, weights=np.maximum(pulled, 0.0))))
            fit_factor(second, _weighted(generated, weight[both]), pull / weight[both], seed + iteration)
            ratio = np.exp(_bounded(second.log_ratio(every)))
            # it was learned where both pass: there, its yield is that of the pulled weights
            scale = float(pull.sum() / (weight[both] @ ratio[both[truth]]))
            push[truth] = scale * ratio
            found.weights[iteration] = np.where(truth, weight * push, 0.0)
            found.ratios.append(deepcopy(second))
            found.yields.append(scale)
            found.ridges = found.ridges or _ridges((first, second))
            check_worth("generated", found.weights[iteration][truth], weight[truth], iteration)
        return found

    def _numerator(self, data: FloatArray, weight: FloatArray) -> tuple[Sample, Sample | None, float]:
        """Return data as they are told from the simulation, fakes that stand beside this, and the yield of data."""
        kept = data != 0
        sample = _weighted(_rows(self.data, kept), data[kept])
        there = self.pairs.fakes & (weight != 0)
        if not there.any():
            return sample, None, float(data.sum())
        fakes = _weighted(_rows(self.pairs.reco, there), weight[there])
        if self.fakes == "model":
            return sample, fakes, float(data.sum())
        total = float(data.sum() - fakes.weight.sum())
        if not total > 0:
            raise InputError(
                f"OmniFold: fakes of the simulation weigh {fakes.weight.sum():g}, the data {data.sum():g}: nothing "
                "is left. Weights are yields: cross-section times luminosity over the number of generated events"
            )
        return Sample.concat([sample, replace(fakes, weight=-fakes.weight)]), None, total


def _rows(events: Events, keep: Flags) -> Sample:
    return table(events.features[keep], names=events.names)


def _weighted(sample: Sample, weight: FloatArray) -> Sample:
    return replace(sample, weight=weight)


def _bounded(log_ratio: FloatArray) -> FloatArray:
    return np.minimum(log_ratio, np.log(LARGEST))


def _ridges(steps: Sequence[DensityRatio]) -> Ridges:
    """Return how stiff smooth ratios are to be from here on: less than what predicts best, which is biased."""
    chosen = (one.chosen if isinstance(one, SmoothRatio) else None for one in steps)
    return tuple(None if ridge is None else ridge / LESS_STIFF for ridge in chosen)


def _set_ridges(steps: Sequence[DensityRatio], ridges: Ridges) -> None:
    for one, ridge in zip(steps, ridges, strict=True):
        if isinstance(one, SmoothRatio):
            one.ridge = ridge
