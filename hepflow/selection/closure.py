"""Closure: whether a classifier can tell the template from the background it stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from hepflow.classifiers import BoostedTrees, crossfit
from hepflow.sample import Sample


@dataclass(frozen=True)
class Closure:
    """Area under the ROC curve of a classifier that tells data from template (0.5: it cannot), and its error."""

    auc: float
    error: float


def closure(data: Sample, template: Sample, seed: int) -> Closure:
    """Train boosted trees on data against template, cross-fitted in two halves, and return their AUC.

    Parameters
    ----------
    data, template
        Background events and the template for the same masses; four times the data's number of template events are
        used at most.
    seed
        Of the folds and the trees.

    Notes
    -----
    The error is that of Hanley and McNeil (Radiology 143 (1982) 29, eq. 2).
    """
    enough = 4 * len(data)
    if len(template) > enough:
        template = template.select(np.random.default_rng(seed).choice(len(template), enough, replace=False))
    fit = crossfit(BoostedTrees(members=2), data, template, folds=2, seed=seed)
    halves = np.concatenate([np.ones(len(data)), np.zeros(len(template))])
    auc = float(roc_auc_score(halves, np.concatenate([fit.numerator, fit.denominator])))
    return Closure(auc, auc_error(auc, len(data), len(template)))


def auc_error(auc: float, positives: int, negatives: int) -> float:
    """Return the standard error of an AUC from two sample sizes (Hanley and McNeil 1982, eq. 2)."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return float(np.sqrt(variance / (positives * negatives)))
