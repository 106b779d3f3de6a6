"""Selections: scores, cuts, the spectra behind them, and how well the template closes."""

from hepflow.classifiers.area import Closure
from hepflow.selection.agreement import Agreement, mass_correlation, score_correlation, selection_overlap
from hepflow.selection.closure import closure, closure_by_band
from hepflow.selection.combination import combine, score_together
from hepflow.selection.cuts import Cut, cuts, inclusive
from hepflow.selection.efficiency import signal_efficiency
from hepflow.selection.feature_closure import FeatureClosure, feature_closure
from hepflow.selection.non_closure import NonClosure, non_closure
from hepflow.selection.overlap import check_no_overlap
from hepflow.selection.scores import (
    CrossFitScores,
    Scored,
    Scorer,
    Scores,
    crossfit_scores,
    load_classifiers,
    save_classifiers,
    score,
    train_without,
)
from hepflow.selection.supervised import supervised
from hepflow.selection.truth import Truth, significance_improvement
from hepflow.selection.validation import (
    Validation,
    enough_simulation,
    validate,
    validate_in_simulation,
)
from hepflow.shown import show_briefly
from hepflow.weights import load_weights, save_weights

__all__ = [
    "Agreement",
    "Closure",
    "CrossFitScores",
    "Cut",
    "FeatureClosure",
    "NonClosure",
    "Scored",
    "Scorer",
    "Scores",
    "Truth",
    "Validation",
    "check_no_overlap",
    "closure",
    "closure_by_band",
    "combine",
    "crossfit_scores",
    "cuts",
    "enough_simulation",
    "feature_closure",
    "inclusive",
    "load_classifiers",
    "load_weights",
    "mass_correlation",
    "non_closure",
    "save_classifiers",
    "save_weights",
    "score",
    "score_correlation",
    "score_together",
    "selection_overlap",
    "signal_efficiency",
    "significance_improvement",
    "supervised",
    "train_without",
    "validate",
    "validate_in_simulation",
]

show_briefly([globals()[name] for name in __all__])
