"""Isolation forest: how few random cuts set an event apart (Liu, Ting and Zhou, ICDM 2008, 413)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from sklearn.ensemble import IsolationForest as Trained

from hepflow.classifiers.ratio import Rows
from hepflow.classifiers.settings import options, untrained
from hepflow.errors import ConfigError, InputError
from hepflow.outliers.detector import asked, learned
from hepflow.progress import progress
from hepflow.sample import FloatArray
from hepflow.weights import Array, State, storable

WHAT = "isolation forest"
CHUNK = 16384  # events at a time, whose nodes stay in the cache


@storable
@dataclass
class IsolationForest:
    r"""scikit-learn's `IsolationForest`, its trees kept as tables of nodes.

    Trees cut a few events at random in a feature at random until each stands alone. An outlier stands alone after few
    cuts: the score is :math:`2^{-d / c}` of the mean depth d, in units of that of a random search, c. It lies between
    0 and 1, and no shift or scale of a feature changes it.

    Parameters
    ----------
    trees
        How many.
    sampled
        Events that each tree is grown of, or all if there are fewer.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> events = np.random.default_rng(1).normal(size=(1000, 2))
    >>> forest = hf.outliers.IsolationForest(trees=20).fit(events, seed=1)
    >>> usual, rare = forest.score([[0.0, 0.0], [4.0, -4.0]])
    >>> bool(usual < rare)
    True
    """

    trees: int = 200
    sampled: int = 256

    names: tuple[str, ...] = field(default=(), init=False, repr=False)
    forest: Isolation | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.trees < 1 or self.sampled < 2:
            raise ConfigError(
                f"{WHAT}: {self.trees} trees of {self.sampled} events; expected at least one, of two events "
                "or more"
            )

    def fit(self, sample: Rows, seed: int) -> Self:
        """Grow the trees of N events.

        Raises
        ------
        ConfigError, InputError
            If there are fewer than two features, one is constant or not finite, or weights are negative.
        """
        events = learned(sample, WHAT)
        weight = events.weight if np.ptp(events.weight) > 0 else None
        grown = Trained(
            n_estimators=self.trees, max_samples=min(self.sampled, len(events)), random_state=seed
        ).fit(events.features, sample_weight=weight)
        self.names, self.forest = events.names, Isolation.of(grown)
        return self

    def score(self, sample: Rows) -> FloatArray:
        """Return how anomalous each event is, between 0 and 1, shape ``(N,)``.

        Raises
        ------
        ConfigError
            If there was no training yet, or it had other features.
        InputError
            If a feature is not finite.
        """
        if self.forest is None:
            raise untrained(self)
        return self.forest.score(asked(self.names, sample, WHAT).features)

    def state(self) -> State:
        """Return settings and trees."""
        if self.forest is None:
            raise untrained(self)
        return State({"options": options(self), "features": self.names}, {}, {"forest": self.forest})

    @classmethod
    def from_state(cls, state: State) -> IsolationForest:
        """Make a grown forest again."""
        made = cls(**state.settings["options"])
        made.names = tuple(map(str, state.settings["features"]))
        made.forest = state.part("forest", Isolation)
        if int(made.forest.feature.max()) >= len(made.names):
            raise InputError(f"trees ask for a feature beyond the {len(made.names)} there are")
        return made


@storable
@dataclass(frozen=True, eq=False)
class Isolation:
    """The nodes of T trees, one tree behind another; children stand behind their parents.

    Parameters
    ----------
    roots
        The place of each tree's first node, shape ``(T,)``.
    feature, threshold
        What each of the M nodes asks; a leaf has the feature -1.
    left, right
        Where an event at or below the threshold goes, and where any other; at a leaf, to the leaf.
    depth
        Of a leaf, with the mean depth that its training events would still have; shape ``(M,)``.
    unit
        The mean depth of a random search, in which the sum over the trees is counted.
    """

    roots: Array
    feature: Array
    threshold: FloatArray
    left: Array
    right: Array
    depth: FloatArray
    unit: float

    @classmethod
    def of(cls, grown: Trained) -> Isolation:
        """Take the trees of a trained forest that has no subsets of features."""
        trees = [one.tree_ for one in grown.estimators_]
        sizes = np.array([tree.node_count for tree in trees])
        roots = np.cumsum(sizes) - sizes
        feature, threshold, left, right, depth = ([] for _ in range(5))
        for root, tree in zip(roots, trees, strict=True):
            leaf, own = tree.children_left < 0, np.arange(tree.node_count)
            feature.append(np.where(leaf, -1, tree.feature))
            threshold.append(np.where(leaf, 0.0, tree.threshold))
            left.append(root + np.where(leaf, own, tree.children_left))
            right.append(root + np.where(leaf, own, tree.children_right))
            depth.append(_levels(tree) + _mean_depth(tree.n_node_samples) - 1.0)
        whole = [np.concatenate(one).astype(np.int64) for one in (feature, left, right)]
        unit = float(_mean_depth(np.array([grown.max_samples_]))[0])
        return cls(
            roots.astype(np.int64),
            whole[0],
            np.concatenate(threshold),
            whole[1],
            whole[2],
            np.concatenate(depth),
            unit,
        )

    def __post_init__(self) -> None:
        """Refuse nodes of a file from which an event would not come to a leaf."""
        count, leaf = len(self.feature), self.feature < 0
        own = np.arange(count)
        columns = (self.threshold, self.left, self.right, self.depth)
        if not count or not len(self.roots) or any(column.shape != (count,) for column in columns):
            raise InputError("trees: columns of nodes differ in length, or there are none")
        if not np.all((self.roots >= 0) & (self.roots < count)):
            raise InputError("trees: a root is no node")
        for to in (self.left, self.right):
            if np.any(to >= count) or np.any(np.where(leaf, to != own, to <= own)):
                raise InputError("trees: a node leads out of the trees or back")
        if not self.unit > 0:
            raise InputError(f"trees: a unit of {self.unit:g}; expected a positive number")

    def score(self, x: FloatArray) -> FloatArray:
        """Return the score (N,) of features (N, D), which trees look at in single precision."""
        single = x.astype(np.float32)
        parts = [single[start : start + CHUNK] for start in range(0, len(x), CHUNK)]
        depths = [self._depth(part) for part in progress(parts, "trees", "chunk")]
        total = np.concatenate([np.empty(0), *depths])
        score: FloatArray = 2 ** (-total / (len(self.roots) * self.unit))
        return score

    def _depth(self, x: Array) -> FloatArray:
        total, rows = np.zeros(len(x)), np.arange(len(x))
        for root in self.roots:
            node = np.full(len(x), root)
            while (self.feature[node] >= 0).any():
                below = x[rows, np.maximum(self.feature[node], 0)] <= self.threshold[node]
                node = np.where(below, self.left[node], self.right[node])
            total += self.depth[node]
        return total


def _levels(tree: Any) -> Array:
    """Return the level of each node of a tree, the root's being 1."""
    level = np.ones(tree.node_count, dtype=np.int64)
    for node in range(tree.node_count):
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                level[child] = level[node] + 1
    return level


def _mean_depth(events: Array) -> FloatArray:
    """Return the mean depth of random searches among so many events, eq. 1 of the paper."""
    count = np.maximum(events.astype(np.float64), 3)
    many = 2.0 * (np.log(count - 1.0) + np.euler_gamma) - 2.0 * (count - 1.0) / count
    return np.where(events <= 1, 0.0, np.where(events == 2, 1.0, many))
