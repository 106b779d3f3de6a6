"""Unfolding: data at particle level, by weights of generated events, in bins, or as posteriors."""

from hepflow.shown import show_briefly
from hepflow.unfolding.binned import IterativeBayes, Tikhonov
from hepflow.unfolding.checks import BottomLine, Compared, bottom_line, closure, refolded, stress
from hepflow.unfolding.files import load_unfolded, save_unfolded
from hepflow.unfolding.histogram import UnfoldedHistogram
from hepflow.unfolding.iterations import Iteration
from hepflow.unfolding.omnifold import OmniFold
from hepflow.unfolding.pairs import Pairs
from hepflow.unfolding.posterior import Coverage, Posterior
from hepflow.unfolding.response import Response
from hepflow.unfolding.unfolded import Pushed, Unfolded

__all__ = [
    "BottomLine",
    "Compared",
    "Coverage",
    "Iteration",
    "IterativeBayes",
    "OmniFold",
    "Pairs",
    "Posterior",
    "Pushed",
    "Response",
    "Tikhonov",
    "Unfolded",
    "UnfoldedHistogram",
    "bottom_line",
    "closure",
    "load_unfolded",
    "refolded",
    "save_unfolded",
    "stress",
]

show_briefly([globals()[name] for name in __all__])
