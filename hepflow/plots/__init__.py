"""Plots: results in, figures out. Nothing is computed here but where to draw."""

from hepflow.plots.bias import bias
from hepflow.plots.brazil import brazil
from hepflow.plots.bumphunter import bumphunter
from hepflow.plots.cls_scan import cls_scan
from hepflow.plots.correlations import correlations
from hepflow.plots.f_test import f_test
from hepflow.plots.figure import Figure, save_all
from hepflow.plots.global_toys import global_toys
from hepflow.plots.goodness import goodness
from hepflow.plots.impacts import impacts
from hepflow.plots.likelihood_scan import likelihood_scan
from hepflow.plots.mjj import spectrum
from hepflow.plots.p_scan import p_scan
from hepflow.plots.post_fit import post_fit
from hepflow.plots.pulls import pulls
from hepflow.plots.smooth_fits import smooth_fits

__all__ = [
    "Figure",
    "bias",
    "brazil",
    "bumphunter",
    "cls_scan",
    "correlations",
    "f_test",
    "global_toys",
    "goodness",
    "impacts",
    "likelihood_scan",
    "p_scan",
    "post_fit",
    "pulls",
    "save_all",
    "smooth_fits",
    "spectrum",
]
