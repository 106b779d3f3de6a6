"""Showers in calorimeters: files and geometry, a generator, chained flows that learn them, and their judgement."""

from hepflow.showers.files import Showers, read_showers, write_showers
from hepflow.showers.geometry import Geometry, Layer, read_geometry, write_geometry
from hepflow.showers.judgement import Judgement, Told, judge, seconds_per_shower
from hepflow.showers.model import ShowerModel
from hepflow.showers.observables import observables
from hepflow.showers.published import PUBLISHED, Published
from hepflow.showers.simulate import Detector, photon_detector, simulate, toy_detector
from hepflow.shown import show_briefly

__all__ = [
    "PUBLISHED",
    "Detector",
    "Geometry",
    "Judgement",
    "Layer",
    "Published",
    "ShowerModel",
    "Showers",
    "Told",
    "judge",
    "observables",
    "photon_detector",
    "read_geometry",
    "read_showers",
    "seconds_per_shower",
    "simulate",
    "toy_detector",
    "write_geometry",
    "write_showers",
]

show_briefly([globals()[name] for name in __all__ if name != "PUBLISHED"])
