"""Normalizing flows: conditional densities of features given the mass."""

from hepflow.flows.architectures import SplineAutoregressive, spline_autoregressive
from hepflow.flows.density import Density
from hepflow.training import TrainingPlan

__all__ = ["Density", "SplineAutoregressive", "TrainingPlan", "spline_autoregressive"]
