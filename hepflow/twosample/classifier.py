"""The classifier two-sample test: whether trees, or any classifier, can tell two samples apart."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from hepflow.classifiers import BoostedTrees, DensityRatio, crossfit
from hepflow.errors import ConfigError, InputError
from hepflow.progress import progress
from hepflow.sample import FloatArray, Sample
from hepflow.twosample.pooled import Pooled
from hepflow.twosample.statistic import Measure, Statistic

Chosen = NDArray[np.bool_]


def _trees() -> DensityRatio:
    return BoostedTrees(
        members=1, max_leaf_nodes=8, min_samples_leaf=20, max_iter=50, validation_fraction=0.2
    )


@dataclass(frozen=True)
class ClassifierTest(Statistic):
    """How well a classifier that is trained on some events tells others apart.

    Parameters
    ----------
    classifier
        Untrained. Small trees by default: a difference that is worth a test is faint.
    score
        The area under the ROC curve, or the accuracy at equal numbers of both; 0.5 where it cannot tell.
    folds
        None: half of the events train, the other half is tried, and its labels are exchanged at the same scores,
        which is exact. Else the classifier is cross-fitted in so many folds, so that all events are tried; as each
        training then shares events with what others are tried on, exchanging labels of given scores would give
        p-values that are too small, and the whole cross-fit is trained anew on each replica.

    Notes
    -----
    D. Lopez-Paz and M. Oquab, arXiv:1610.06545. Events with negative weights do not train, but are tried.
    """

    classifier: DensityRatio = field(default_factory=_trees)
    score: Literal["auc", "accuracy"] = "auc"
    folds: int | None = None

    label: ClassVar[str] = "classifier"
    least: ClassVar[int] = 200  # events of each sample: half of them train

    def __post_init__(self) -> None:
        if self.score not in ("auc", "accuracy"):
            raise ConfigError(f"ClassifierTest: score {self.score!r}; expected 'auc' or 'accuracy'")
        if self.folds is not None and self.folds < 2:
            raise ConfigError(f"ClassifierTest: {self.folds} folds; expected 2 or more, or None")

    def prepare(self, pooled: Pooled, seed: int) -> Measure:
        """Train.

        Raises
        ------
        InputError
            If a sample has fewer than 200 events.
        ConfigError
            If weighted events are to be cross-fitted.
        """
        sizes = pooled.size, len(pooled) - pooled.size
        if min(sizes) < self.least:
            raise InputError(
                f"two_sample: the classifier needs {self.least} events of each sample; there are {sizes[0]:,} and "
                f"{sizes[1]:,}. Leave 'classifier' out of tests"
            )
        if self.folds is not None:
            if not pooled.flat:
                raise ConfigError(
                    "two_sample: a cross-fitted classifier is trained anew on exchanged labels, which events of "
                    "different weights do not allow; use folds=None"
                )
            return self._measure(self._crossfitted(pooled, pooled.u > 0, seed), slice(None))
        learned = ~pooled.tried
        numerator, denominator = (_rows(pooled, learned & (side > 0), side) for side in (pooled.u, pooled.v))
        trained = deepcopy(self.classifier).fit(numerator, denominator, seed)
        scores = trained.log_ratio(_rows(pooled, pooled.tried, np.ones(len(pooled))))
        return self._measure(scores, pooled.tried)

    def anew(self, pooled: Pooled, measure: Measure, seed: int) -> Measure:
        """Train a cross-fit anew on the labels of each replica; of held-out events the scores stay."""
        if self.folds is None:
            return measure

        def trained(u: FloatArray, v: FloatArray) -> FloatArray:
            found = []
            for replica in progress(range(u.shape[1]), "cross-fits", "replica"):
                scores = self._crossfitted(pooled, u[:, replica] > 0, seed)
                found.append(self._measure(scores, slice(None))(u[:, [replica]], v[:, [replica]]))
            return np.concatenate(found)

        return trained

    def _crossfitted(self, pooled: Pooled, first: Chosen, seed: int) -> FloatArray:
        ones = np.ones(len(pooled))
        fit = crossfit(
            self.classifier,
            _rows(pooled, first, ones),
            _rows(pooled, ~first, ones),
            folds=self.folds or 2,
            seed=seed,
        )
        scores = np.empty(len(pooled))
        scores[first], scores[~first] = fit.numerator, fit.denominator
        return scores

    def _measure(self, scores: FloatArray, rows: Chosen | slice) -> Measure:
        """Return the score of the rows that were tried as a function of weights of all rows."""
        order = np.argsort(scores, kind="stable")
        starts = np.append(0, np.flatnonzero(np.diff(scores[order]) > 0) + 1)
        above = scores > 0

        def measure(u: FloatArray, v: FloatArray) -> FloatArray:
            u, v = u[rows] / u[rows].sum(axis=0), v[rows] / v[rows].sum(axis=0)
            if self.score == "accuracy":
                return np.asarray(0.5 * (u[above].sum(axis=0) + v[~above].sum(axis=0)))
            u, v = (np.add.reduceat(side[order], starts, axis=0) for side in (u, v))
            return np.asarray(np.sum(u * (np.cumsum(v, axis=0) - 0.5 * v), axis=0))

        return measure


def _rows(pooled: Pooled, chosen: Chosen, weight: FloatArray) -> Sample:
    return Sample(np.zeros(int(chosen.sum())), pooled.x[chosen], pooled.names, weight[chosen])
