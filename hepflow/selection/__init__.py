"""Selections: scores, cuts, the spectra behind them, and how well the template closes."""

from hepflow.selection.closure import Closure, closure
from hepflow.selection.cuts import Cut, cuts, inclusive
from hepflow.selection.scores import Scored, Scores, score
from hepflow.selection.truth import Truth, significance_improvement

__all__ = [
    "Closure",
    "Cut",
    "Scored",
    "Scores",
    "Truth",
    "closure",
    "cuts",
    "inclusive",
    "score",
    "significance_improvement",
]
