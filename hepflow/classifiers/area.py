"""The area under the ROC curve: how well two weighted samples can be told apart by a score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from hepflow.importance import effective_size
from hepflow.sample import FloatArray


@dataclass(frozen=True)
class Closure:
    """Area under the ROC curve of a classifier that tells data from template (0.5: it cannot), and its error."""

    auc: float
    error: float

    @classmethod
    def of(cls, scores: tuple[FloatArray, FloatArray], weights: tuple[FloatArray, FloatArray]) -> Closure:
        """Measure the area from the scores of N events and of M, and their weights, shapes ``(N,)`` and ``(M,)``."""
        truth = np.repeat([1.0, 0.0], [len(scores[0]), len(scores[1])])
        auc = float(roc_auc_score(truth, np.concatenate(scores), sample_weight=np.concatenate(weights)))
        return cls(auc, auc_error(auc, effective_size(weights[0]), effective_size(weights[1])))


def auc_error(auc: float, positives: float, negatives: float) -> float:
    """Return the standard error of an AUC from two sample sizes (Hanley and McNeil 1982, eq. 2)."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return float(np.sqrt(variance / (positives * negatives)))
