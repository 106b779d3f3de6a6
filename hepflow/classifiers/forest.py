"""Trained trees as tables of nodes, which can be kept in files and score as fast as scikit-learn's own objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from joblib import cpu_count  # it and threadpoolctl come with scikit-learn
from sklearn.ensemble import HistGradientBoostingClassifier

# scikit-learn evaluates tables of nodes, but has no public name for it. All that is private is used in this file:
# these two, and of a trained classifier `_predictors` and `_baseline_prediction`. Hence the upper end of its range.
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from threadpoolctl import threadpool_info

from hepflow.errors import InputError
from hepflow.progress import progress
from hepflow.sample import FloatArray
from hepflow.weights import Array, State, storable

# what a prediction needs of a node (the rest is what the training counted), and the type it has in a file
COLUMNS: dict[str, type[np.generic]] = {
    "value": np.float64,
    "num_threshold": np.float64,
    "feature_idx": np.int64,
    "left": np.int64,
    "right": np.int64,
    "is_leaf": np.uint8,
    "missing_go_to_left": np.uint8,
}
NO_CATEGORIES = np.zeros((0, 8), dtype=np.uint32)


@storable
@dataclass(frozen=True, eq=False)
class Forest:
    """The trees of M boosted classifiers of D features.

    Parameters
    ----------
    features
        Number of features D.
    baselines
        Where each classifier starts, shape ``(M,)``; its trees are added to it.
    members
        The trees of each, M sequences. A tree is scikit-learn's table of nodes, the root first and children behind
        their parents.
    """

    features: int
    baselines: FloatArray
    members: tuple[tuple[TreePredictor, ...], ...]

    @classmethod
    def of(cls, trained: Sequence[HistGradientBoostingClassifier]) -> Forest:
        """Take the trees of trained classifiers of two classes, without categories."""
        return cls(
            trained[0].n_features_in_,
            np.array([one._baseline_prediction.item() for one in trained]),
            tuple(tuple(tree for (tree,) in one._predictors) for one in trained),
        )

    def score(self, x: FloatArray) -> FloatArray:
        """Return the mean log-odds (N,) of features (N, D)."""
        total = np.zeros(len(x))
        for raw in self.each(x):
            total += raw
        return total / len(self.members)

    def each(self, x: FloatArray) -> Iterator[FloatArray]:
        """Yield the log-odds (N,) of features (N, D) by each classifier."""
        threads = _threads()
        rows = np.zeros(self.features, dtype=np.uint32)  # of each feature in the table of categories
        for baseline, trees in zip(self.baselines, progress(self.members, "trees", "member"), strict=True):
            raw = np.full(len(x), baseline)
            for tree in trees:
                raw += tree.predict(x, NO_CATEGORIES, rows, threads)
            yield raw

    def state(self) -> State:
        """Return the nodes of all trees, one behind another, and how many each tree and each member has."""
        trees = [tree for member in self.members for tree in member]
        nodes = np.concatenate([np.empty(0, PREDICTOR_RECORD_DTYPE), *(tree.nodes for tree in trees)])
        return State(
            {"features": self.features},
            {
                "baselines": self.baselines,
                "nodes_of_tree": np.array([len(tree.nodes) for tree in trees], dtype=np.int64),
                "trees_of_member": np.array([len(member) for member in self.members], dtype=np.int64),
                **{name: nodes[name].astype(kind) for name, kind in COLUMNS.items()},
            },
        )

    @classmethod
    def from_state(cls, state: State) -> Forest:
        """Make the trees again.

        Raises
        ------
        InputError
            If a node leads anywhere but to a later one of its own tree, or asks for a feature that is not there.
        """
        features = int(state.settings["features"])
        baselines = state.array("baselines", np.float64, (None,))
        trees_of_member = state.array("trees_of_member", np.int64, (len(baselines),))
        nodes_of_tree = state.array("nodes_of_tree", np.int64, (None,))
        columns = {name: state.array(name, kind, (None,)) for name, kind in COLUMNS.items()}
        total = len(columns["value"])
        whole = (nodes_of_tree >= 1).all() and (trees_of_member >= 0).all() and len(baselines) > 0
        sums = int(nodes_of_tree.sum()), int(trees_of_member.sum())
        if (
            not whole
            or any(len(column) != total for column in columns.values())
            or sums != (total, len(nodes_of_tree))
        ):
            raise InputError("trees: the numbers of nodes, trees and members do not add up")
        starts = np.cumsum(nodes_of_tree) - nodes_of_tree
        _check_nodes(columns, starts, nodes_of_tree, features)
        nodes = np.zeros(total, dtype=PREDICTOR_RECORD_DTYPE)
        for name, column in columns.items():
            nodes[name] = column
        none = np.zeros((0, 8), dtype=np.uint32)
        trees = [TreePredictor(one, none, none) for one in np.split(nodes, starts[1:])] if total else []
        ends = np.cumsum(trees_of_member)
        members = tuple(
            tuple(trees[end - count : end]) for end, count in zip(ends, trees_of_member, strict=True)
        )
        return cls(features, baselines, members)


def _threads() -> int:
    """Return how many threads OpenMP may take here, but no more than there are cores."""
    pools = (pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp")
    return int(min([*pools, cpu_count(only_physical_cores=True)]))


def _check_nodes(columns: dict[str, Array], starts: Array, sizes: Array, features: int) -> None:
    """Refuse nodes from which an event would not come to a leaf of its own tree."""
    own = np.arange(len(columns["value"])) - np.repeat(starts, sizes)
    size, inner = np.repeat(sizes, sizes), columns["is_leaf"] == 0
    for child in ("left", "right"):
        to = columns[child]
        if np.any(inner & ((to <= own) | (to >= size))):
            raise InputError(f"trees: a node's {child!r} leads out of its tree or back")
    asked = columns["feature_idx"]
    if np.any(inner & ((asked < 0) | (asked >= features))):
        raise InputError(f"trees: a node asks for a feature beyond the {features} there are")
