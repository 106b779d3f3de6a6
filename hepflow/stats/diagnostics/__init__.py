"""Diagnostics of a fit, as experiments show them: pulls, impacts, correlations, likelihood scan, yields."""

from hepflow.stats.diagnostics.correlations import Correlations, correlations
from hepflow.stats.diagnostics.impacts import Impacts, impacts
from hepflow.stats.diagnostics.likelihood_scan import Interval, LikelihoodScan, likelihood_scan
from hepflow.stats.diagnostics.post_fit import ChannelYields, PostFit, Yields, post_fit
from hepflow.stats.diagnostics.pulls import Pulls, pulls

__all__ = [
    "ChannelYields",
    "Correlations",
    "Impacts",
    "Interval",
    "LikelihoodScan",
    "PostFit",
    "Pulls",
    "Yields",
    "correlations",
    "impacts",
    "likelihood_scan",
    "post_fit",
    "pulls",
]
