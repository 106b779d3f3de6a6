"""Boosted decision trees as a density ratio (arXiv:2309.13111: robust where features say nothing)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from hepflow.classifiers.factor import relative
from hepflow.classifiers.forest import Forest
from hepflow.classifiers.ratio import Rows, known, pair
from hepflow.classifiers.settings import options, untrained
from hepflow.errors import InputError
from hepflow.progress import progress
from hepflow.replicas import RETRAINED, check_posterior
from hepflow.sample import FloatArray, Sample
from hepflow.weights import Array, State, storable

BINS = 255  # the most that the trees can tell apart


@storable
@dataclass
class BoostedTrees:
    """An ensemble of histogram gradient-boosted trees, by default ones that differ by their validation split.

    Parameters
    ----------
    members
        Size of the ensemble; its score is the mean of the members' log-ratios.
    max_leaf_nodes, learning_rate, max_iter
        As in scikit-learn's `HistGradientBoostingClassifier`.
    min_samples_leaf
        Fewest training events in a leaf. By default the square root of the number of events in the numerator: as many
        as a faint signal would have, and a larger sample has larger leaves.
    validation_fraction, patience
        Each member stops when the loss on its validation rows has not fallen for `patience` iterations. Members that
        learn from halves of the events differ more, and their mean is the better for it.
    posterior
        What the members are draws of: ``ensemble``, or ``bootstrap``, where each also learns from events drawn with
        replacement. The spread of the latter is the error that the training leaves.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> data, template = random.normal(1.0, 1.0, (600, 1)), random.normal(0.0, 1.0, (600, 1))
    >>> trees = hf.classifiers.BoostedTrees(members=2).fit(data, template, seed=1)
    >>> low, high = trees.log_ratio([[-1.0], [2.0]])
    >>> bool(low < 0 < high)
    True
    """

    members: int = 20
    max_leaf_nodes: int = 31
    min_samples_leaf: int | None = None
    learning_rate: float = 0.1
    max_iter: int = 100
    validation_fraction: float = 0.5
    patience: int = 10
    posterior: str = "ensemble"

    names: tuple[str, ...] = field(default=(), init=False, repr=False)
    edges: tuple[FloatArray, ...] = field(default=(), init=False, repr=False)
    forest: Forest | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        check_posterior(self.posterior, self.members, RETRAINED, "trees have no weights to draw")

    @classmethod
    def of(cls, *, ensemble: int, **options: Any) -> Self:
        """Return an untrained ensemble of this size, from plain settings."""
        return cls(members=ensemble, **options)

    def fit(self, numerator: Rows, denominator: Rows, seed: int) -> BoostedTrees:
        """Train on N events against M; their weights are scaled to the same sum.

        Parameters
        ----------
        numerator, denominator
            Samples, or plain tables (`hepflow.classifiers.table`) such as arrays ``(N, D)`` and ``(M, D)``.
        seed
            Of the validation splits.

        Raises
        ------
        ConfigError
            If the columns of the two differ.
        InputError
            If a value is not finite, or the weights of a sample do not add up to a positive number.
        """
        numerator, denominator = pair(numerator, denominator)
        x = np.concatenate([numerator.features, denominator.features])
        y = np.repeat([1, 0], [len(numerator), len(denominator)])
        half = 0.5 * len(x)
        w = np.concatenate([half * each.weight / each.weight.sum() for each in (numerator, denominator)])
        leaf = self.min_samples_leaf or math.isqrt(len(numerator))
        return self._train(
            partial(HistGradientBoostingClassifier, min_samples_leaf=leaf), numerator.names, x, y, w, seed
        )

    def fit_factor(self, sample: Sample, factor: FloatArray, seed: int) -> BoostedTrees:
        """Train on N events by what their weights are multiplied, as `hepflow.classifiers.fit_factor` says.

        The trees are those of a regression with the deviance of Poisson, of which the logarithm of the mean factor is
        the minimum.
        """
        sample, _ = pair(sample, sample)
        leaf = self.min_samples_leaf or math.isqrt(len(sample))
        made = partial(HistGradientBoostingRegressor, loss="poisson", min_samples_leaf=leaf)
        w = sample.weight * (len(sample) / sample.weight.sum())
        return self._train(made, sample.names, sample.features, relative(sample, factor), w, seed)

    def _train(
        self,
        made: Callable[..., Any],
        names: tuple[str, ...],
        x: FloatArray,
        y: Array,
        weight: FloatArray,
        seed: int,
    ) -> BoostedTrees:
        # binned once here: for weighted rows scikit-learn would take most of its time to do it anew in each member
        quantiles = np.linspace(0, 1, BINS + 1)[1:-1]
        self.names = names
        self.edges = tuple(np.unique(np.quantile(column, quantiles)) for column in x.T)
        binned = self._binned(x)
        trained = []
        for member in progress(range(self.members), "ensemble", "member"):
            tree = made(
                max_iter=self.max_iter,
                max_leaf_nodes=self.max_leaf_nodes,
                learning_rate=self.learning_rate,
                early_stopping=True,
                validation_fraction=self.validation_fraction,
                n_iter_no_change=self.patience,
                random_state=seed + member,
            )
            trained.append(tree.fit(binned, y, sample_weight=self._drawn(weight, seed + member)))
        self.forest = Forest.of(trained)
        return self

    def _drawn(self, weight: FloatArray, seed: int) -> FloatArray:
        """Return weights (N,) times how often a bootstrap has each event, where that is asked for."""
        if self.posterior == "ensemble":
            return weight
        drawn = np.random.default_rng(seed).integers(len(weight), size=len(weight))
        return np.asarray(weight * np.bincount(drawn, minlength=len(weight)))

    def log_ratio(self, sample: Rows) -> FloatArray:
        """Return the mean log density ratio of each event of a sample or plain table, shape ``(N,)``.

        Raises
        ------
        ConfigError
            If there was no training yet, or it had other features.
        """
        if self.forest is None:
            raise untrained(self)
        return self.forest.score(self._binned(known(self.names, sample).features))

    def log_ratios(self, sample: Rows) -> FloatArray:
        """Return the log density ratio of each event by each member, shape ``(members, N)``; errors as there."""
        if self.forest is None:
            raise untrained(self)
        return np.stack(list(self.forest.each(self._binned(known(self.names, sample).features))))

    def state(self) -> State:
        """Return settings, bin edges and trees."""
        if self.forest is None:
            raise untrained(self)
        edges = {f"edges.{number}": each for number, each in enumerate(self.edges)}
        return State({"options": options(self), "features": self.names}, edges, {"forest": self.forest})

    @classmethod
    def from_state(cls, state: State) -> BoostedTrees:
        """Make trained trees again."""
        made = cls(**state.settings["options"])
        made.names = tuple(map(str, state.settings["features"]))
        made.edges = tuple(
            state.array(f"edges.{number}", np.float64, (None,)) for number in range(len(made.names))
        )
        made.forest = state.part("forest", Forest)
        rising = all(np.all(np.diff(each) > 0) for each in made.edges)
        if made.forest.features != len(made.names) or not rising:
            raise InputError(
                f"trees of {made.forest.features} features, bins of {len(made.names)}; expected as many, rising edges"
            )
        return made

    def _binned(self, x: FloatArray) -> FloatArray:
        """Return the number of the bin of each value, shape (N, D)."""
        columns = [np.searchsorted(edges, column) for edges, column in zip(self.edges, x.T, strict=True)]
        return np.stack(columns, axis=1).astype(np.float64)
