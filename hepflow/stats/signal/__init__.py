"""The signal of a resonance: templates, shapes, mass points between simulated ones, and their errors."""

from hepflow.stats.signal.morphing import MassPoint, SignalMorph
from hepflow.stats.signal.nuisances import with_luminosity, with_mass_scale, with_rate, with_resolution
from hepflow.stats.signal.shapes import counting_signal, crystal_ball_signal, gaussian_signal
from hepflow.stats.signal.template import SignalShape, SignalTemplate

__all__ = [
    "MassPoint",
    "SignalMorph",
    "SignalShape",
    "SignalTemplate",
    "counting_signal",
    "crystal_ball_signal",
    "gaussian_signal",
    "with_luminosity",
    "with_mass_scale",
    "with_rate",
    "with_resolution",
]
