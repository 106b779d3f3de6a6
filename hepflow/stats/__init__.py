"""Spectra to significance and limits, with pyhf models and our own fits."""

from hepflow.shown import show_briefly
from hepflow.stats.amplification import LimitCurve, limit_against_events
from hepflow.stats.behind_cut import SmoothBehindCut, smooth_behind_cut
from hepflow.stats.bias import BiasTest, bias_test
from hepflow.stats.bins import Bins
from hepflow.stats.bump_hunt import BumpHunt, bump_hunt
from hepflow.stats.bumphunter import BumpHunterResult, bumphunter
from hepflow.stats.cross_sections import curve_at, expected_p0, in_femtobarn, read_curve
from hepflow.stats.diagnostics import (
    ChannelYields,
    Correlations,
    Impacts,
    Interval,
    LikelihoodScan,
    PostFit,
    Pulls,
    Yields,
    correlations,
    impacts,
    likelihood_scan,
    post_fit,
    pulls,
)
from hepflow.stats.fit import Discovery, FitOutcome, discovery, expected_significance, fit
from hepflow.stats.global_p import GlobalSignificance, global_significance, toy_scans
from hepflow.stats.goodness import GoodnessOfFit, goodness_of_fit
from hepflow.stats.histfactory import HistFactory
from hepflow.stats.hunt_spectrum import hunt_spectrum, smooth_spectrum
from hepflow.stats.hunt_workspace import hunt_workspace
from hepflow.stats.likelihood import Likelihood
from hepflow.stats.limits import CLs, CLsScan, UpperLimit, cls, cls_scan, upper_limit
from hepflow.stats.model import workspace
from hepflow.stats.opening import open_workspace
from hepflow.stats.profile import Profile
from hepflow.stats.retrained import EfficiencyCurve, mean_efficiency
from hepflow.stats.scan import MassScan, Scan
from hepflow.stats.signal import (
    MassPoint,
    SignalFamily,
    SignalMorph,
    SignalShape,
    SignalTemplate,
    counting_signal,
    crystal_ball_signal,
    gaussian_family,
    gaussian_signal,
    scan_masses,
    with_luminosity,
    with_mass_scale,
    with_rate,
    with_resolution,
    with_samples,
)
from hepflow.stats.smooth_model import SmoothModel
from hepflow.stats.smooth_toys import SmoothToys
from hepflow.stats.spectra import is_workspace, read_spectrum
from hepflow.stats.toy_limits import upper_limit_toys
from hepflow.stats.toys import ToyPValue, p0_toys
from hepflow.stats.trials import Trials, trials_of_cuts
from hepflow.stats.window_trials import WindowTrials, trials_of_windows

__all__ = [
    "BiasTest",
    "Bins",
    "BumpHunt",
    "BumpHunterResult",
    "CLs",
    "CLsScan",
    "ChannelYields",
    "Correlations",
    "Discovery",
    "EfficiencyCurve",
    "FitOutcome",
    "GlobalSignificance",
    "GoodnessOfFit",
    "HistFactory",
    "Impacts",
    "Interval",
    "Likelihood",
    "LikelihoodScan",
    "LimitCurve",
    "MassPoint",
    "MassScan",
    "PostFit",
    "Profile",
    "Pulls",
    "Scan",
    "SignalFamily",
    "SignalMorph",
    "SignalShape",
    "SignalTemplate",
    "SmoothBehindCut",
    "SmoothModel",
    "SmoothToys",
    "ToyPValue",
    "Trials",
    "UpperLimit",
    "WindowTrials",
    "Yields",
    "bias_test",
    "bump_hunt",
    "bumphunter",
    "cls",
    "cls_scan",
    "correlations",
    "counting_signal",
    "crystal_ball_signal",
    "curve_at",
    "discovery",
    "expected_p0",
    "expected_significance",
    "fit",
    "gaussian_family",
    "gaussian_signal",
    "global_significance",
    "goodness_of_fit",
    "hunt_spectrum",
    "hunt_workspace",
    "impacts",
    "in_femtobarn",
    "is_workspace",
    "likelihood_scan",
    "limit_against_events",
    "mean_efficiency",
    "open_workspace",
    "p0_toys",
    "post_fit",
    "pulls",
    "read_curve",
    "read_spectrum",
    "scan_masses",
    "smooth_behind_cut",
    "smooth_spectrum",
    "toy_scans",
    "trials_of_cuts",
    "trials_of_windows",
    "upper_limit",
    "upper_limit_toys",
    "with_luminosity",
    "with_mass_scale",
    "with_rate",
    "with_resolution",
    "with_samples",
    "workspace",
]

show_briefly([globals()[name] for name in __all__])
