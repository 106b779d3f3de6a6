"""The signal of a resonance: templates, shapes, mass points between simulated ones, and their errors."""

from hepflow.stats.signal.families import SignalFamily, gaussian_family, scan_masses
from hepflow.stats.signal.morphing import MassPoint, SignalMorph
from hepflow.stats.signal.nuisances import (
    with_luminosity,
    with_mass_scale,
    with_rate,
    with_resolution,
    with_samples,
)
from hepflow.stats.signal.shapes import counting_signal, crystal_ball_signal, gaussian_signal
from hepflow.stats.signal.template import SignalShape, SignalTemplate

__all__ = [
    "MassPoint",
    "SignalFamily",
    "SignalMorph",
    "SignalShape",
    "SignalTemplate",
    "counting_signal",
    "crystal_ball_signal",
    "gaussian_family",
    "gaussian_signal",
    "scan_masses",
    "with_luminosity",
    "with_mass_scale",
    "with_rate",
    "with_resolution",
    "with_samples",
]
