"""Smooth background spectra: the dijet function and its alternatives, fitted to bin integrals."""

from hepflow.shown import show_briefly
from hepflow.smooth.functions import DIJET, FUNCTIONS, MODIFIED_EXPONENTIAL, UA2, Function, function_of
from hepflow.smooth.integrals import SQRT_S, BinIntegrals, as_pairs
from hepflow.smooth.order import FTest, SmoothFit, fit_smooth, refit

__all__ = [
    "DIJET",
    "FUNCTIONS",
    "MODIFIED_EXPONENTIAL",
    "SQRT_S",
    "UA2",
    "BinIntegrals",
    "FTest",
    "Function",
    "SmoothFit",
    "as_pairs",
    "fit_smooth",
    "function_of",
    "refit",
]

show_briefly([globals()[name] for name in __all__])
