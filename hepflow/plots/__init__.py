"""Plots: results in, figures out. Nothing is computed here but where to draw.

Figures of single studies are at home with their records, above this room; they are imported when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hepflow.plots.bias import bias
from hepflow.plots.bin_correlations import bin_correlations
from hepflow.plots.bottom_line import bottom_line
from hepflow.plots.brazil import brazil
from hepflow.plots.bumphunter import bumphunter
from hepflow.plots.closure import closure
from hepflow.plots.cls_scan import cls_scan
from hepflow.plots.correlation_differences import correlation_differences
from hepflow.plots.correlations import correlations
from hepflow.plots.event_weights import event_weights
from hepflow.plots.f_test import f_test
from hepflow.plots.figure import Figure, save_all
from hepflow.plots.generated import Panel, generated_features
from hepflow.plots.global_toys import global_toys
from hepflow.plots.goodness import goodness
from hepflow.plots.impacts import impacts
from hepflow.plots.integral_iterations import integral_iterations
from hepflow.plots.integral_marginals import Marginal, integral_marginals
from hepflow.plots.integral_weights import WeightSpectrum, integral_weights
from hepflow.plots.iterations import iterations
from hepflow.plots.label import Label
from hepflow.plots.likelihood_scan import likelihood_scan
from hepflow.plots.limits import cross_sections, limits
from hepflow.plots.limits_against_events import EventLimit, limits_against_events
from hepflow.plots.mjj import spectrum
from hepflow.plots.overlay import spectra
from hepflow.plots.p_scan import p_scan
from hepflow.plots.post_fit import post_fit
from hepflow.plots.posterior_coverage import posterior_coverage
from hepflow.plots.power import power
from hepflow.plots.pulls import pulls
from hepflow.plots.refolded import refolded
from hepflow.plots.scores import scores
from hepflow.plots.significance import significance
from hepflow.plots.smooth_fits import smooth_fits
from hepflow.plots.subtraction import subtraction
from hepflow.plots.training import flow_losses, losses
from hepflow.plots.truth import improvement, rejection
from hepflow.plots.two_sample import two_sample
from hepflow.plots.unfolded import unfolded

if TYPE_CHECKING:
    from hepflow.studies.comparison.figures.agreement import agreement
    from hepflow.studies.comparison.figures.closure_bands import closure_bands
    from hepflow.studies.comparison.figures.injection_scan import injection_scan
    from hepflow.studies.comparison.figures.sic_by_method import sic_by_method
    from hepflow.studies.comparison.figures.sic_curves import sic_curves
    from hepflow.studies.limits.figures import efficiency_curves, retrained_limits
    from hepflow.studies.tuning.figures import importances
    from hepflow.studies.windows.figures import window_limits, window_scan

_ELSEWHERE = {
    "agreement": "hepflow.studies.comparison.figures.agreement",
    "closure_bands": "hepflow.studies.comparison.figures.closure_bands",
    "efficiency_curves": "hepflow.studies.limits.figures",
    "importances": "hepflow.studies.tuning.figures",
    "injection_scan": "hepflow.studies.comparison.figures.injection_scan",
    "retrained_limits": "hepflow.studies.limits.figures",
    "sic_by_method": "hepflow.studies.comparison.figures.sic_by_method",
    "sic_curves": "hepflow.studies.comparison.figures.sic_curves",
    "window_limits": "hepflow.studies.windows.figures",
    "window_scan": "hepflow.studies.windows.figures",
}

__all__ = [
    "EventLimit",
    "Figure",
    "Label",
    "Marginal",
    "Panel",
    "WeightSpectrum",
    "agreement",
    "bias",
    "bin_correlations",
    "bottom_line",
    "brazil",
    "bumphunter",
    "closure",
    "closure_bands",
    "cls_scan",
    "correlation_differences",
    "correlations",
    "cross_sections",
    "efficiency_curves",
    "event_weights",
    "f_test",
    "flow_losses",
    "generated_features",
    "global_toys",
    "goodness",
    "impacts",
    "importances",
    "improvement",
    "injection_scan",
    "integral_iterations",
    "integral_marginals",
    "integral_weights",
    "iterations",
    "likelihood_scan",
    "limits",
    "limits_against_events",
    "losses",
    "p_scan",
    "post_fit",
    "posterior_coverage",
    "power",
    "pulls",
    "refolded",
    "rejection",
    "retrained_limits",
    "save_all",
    "scores",
    "sic_by_method",
    "sic_curves",
    "significance",
    "smooth_fits",
    "spectra",
    "spectrum",
    "subtraction",
    "two_sample",
    "unfolded",
    "window_limits",
    "window_scan",
]


def __getattr__(name: str) -> Any:
    """Import the figure of a study on its first use (PEP 562)."""
    if name in _ELSEWHERE:
        value = getattr(importlib.import_module(_ELSEWHERE[name]), name)
        globals()[name] = value
        return value
    if name.startswith("__"):
        raise AttributeError(f"module 'hepflow.plots' has no attribute {name!r}")
    from hepflow.errors import did_you_mean

    raise AttributeError(f"module 'hepflow.plots' has no attribute {name!r}; {did_you_mean(name, __all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
