"""Boosted decision trees as a density ratio (arXiv:2309.13111: robust where features say nothing)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from hepflow.sample import FloatArray, Sample

BINS = 255  # the most that the trees can tell apart


@dataclass
class BoostedTrees:
    """An ensemble of histogram gradient-boosted trees, which differ by their validation split.

    Parameters
    ----------
    members
        Size of the ensemble; its score is the mean of the members' log-ratios.
    max_leaf_nodes, min_samples_leaf, learning_rate, max_iter
        As in scikit-learn's `HistGradientBoostingClassifier`.
    validation_fraction, patience
        Each member stops when the loss on its validation rows has not fallen for `patience` iterations. A small
        fraction leaves more of a faint signal to learn from.
    """

    members: int = 10
    max_leaf_nodes: int = 31
    min_samples_leaf: int = 100
    learning_rate: float = 0.1
    max_iter: int = 100
    validation_fraction: float = 0.2
    patience: int = 10
    _edges: list[FloatArray] = field(default_factory=list, init=False, repr=False)
    _trees: list[HistGradientBoostingClassifier] = field(default_factory=list, init=False, repr=False)

    def fit(self, numerator: Sample, denominator: Sample, seed: int) -> BoostedTrees:
        """Train on the features of N events against those of M; their weights are scaled to the same sum."""
        x = np.concatenate([numerator.features, denominator.features])
        # binned once here: for weighted rows scikit-learn would take most of its time to do it anew in each member
        self._edges = [np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)[1:-1])) for column in x.T]
        x = self._binned(x)
        y = np.repeat([1, 0], [len(numerator), len(denominator)])
        half = 0.5 * len(x)
        w = np.concatenate([half * each.weight / each.weight.sum() for each in (numerator, denominator)])
        self._trees = []
        for member in range(self.members):
            tree = HistGradientBoostingClassifier(
                max_iter=self.max_iter,
                max_leaf_nodes=self.max_leaf_nodes,
                learning_rate=self.learning_rate,
                early_stopping=True,
                validation_fraction=self.validation_fraction,
                n_iter_no_change=self.patience,
                min_samples_leaf=self.min_samples_leaf,
                random_state=seed + member,
            )
            self._trees.append(tree.fit(x, y, sample_weight=w))
        return self

    def log_ratio(self, sample: Sample) -> FloatArray:
        """Return the mean log density ratio of each event, shape ``(N,)``."""
        x = self._binned(sample.features)
        total = np.zeros(len(x))
        for tree in self._trees:
            total += tree.decision_function(x)
        return total / len(self._trees)

    def _binned(self, x: FloatArray) -> FloatArray:
        """Return the number of the bin of each value, shape (N, D)."""
        columns = [np.searchsorted(edges, column) for edges, column in zip(self._edges, x.T, strict=True)]
        return np.stack(columns, axis=1).astype(np.float64)
