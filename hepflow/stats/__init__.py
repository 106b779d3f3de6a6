"""Spectra to significance and limits, with pyhf models and our own fits."""

from hepflow.stats.bump_hunt import BumpHunt, bump_hunt, dijet_spectrum, hunt_spectrum, hunt_workspace
from hepflow.stats.fit import Discovery, FitOutcome, discovery, fit
from hepflow.stats.histfactory import HistFactory
from hepflow.stats.likelihood import Likelihood
from hepflow.stats.limits import CLs, UpperLimit, cls, upper_limit
from hepflow.stats.model import open_workspace, workspace
from hepflow.stats.profile import Profile
from hepflow.stats.signal import (
    MassPoint,
    SignalMorph,
    SignalShape,
    SignalTemplate,
    counting_signal,
    crystal_ball_signal,
    gaussian_signal,
    with_luminosity,
    with_mass_scale,
    with_rate,
    with_resolution,
)
from hepflow.stats.spectra import is_workspace, read_spectrum

__all__ = [
    "BumpHunt",
    "CLs",
    "Discovery",
    "FitOutcome",
    "HistFactory",
    "Likelihood",
    "MassPoint",
    "Profile",
    "SignalMorph",
    "SignalShape",
    "SignalTemplate",
    "UpperLimit",
    "bump_hunt",
    "cls",
    "counting_signal",
    "crystal_ball_signal",
    "dijet_spectrum",
    "discovery",
    "fit",
    "gaussian_signal",
    "hunt_spectrum",
    "hunt_workspace",
    "is_workspace",
    "open_workspace",
    "read_spectrum",
    "upper_limit",
    "with_luminosity",
    "with_mass_scale",
    "with_rate",
    "with_resolution",
    "workspace",
]
