"""Plots: results in, figures out. Nothing is computed here but where to draw."""

from hepflow.plots.bumphunter import bumphunter
from hepflow.plots.correlations import correlations
from hepflow.plots.figure import Figure
from hepflow.plots.impacts import impacts
from hepflow.plots.likelihood_scan import likelihood_scan
from hepflow.plots.mjj import spectrum
from hepflow.plots.post_fit import post_fit
from hepflow.plots.pulls import pulls
from hepflow.plots.run import draw_run

__all__ = [
    "Figure",
    "bumphunter",
    "correlations",
    "draw_run",
    "impacts",
    "likelihood_scan",
    "post_fit",
    "pulls",
    "spectrum",
]
