"""Normalizing flows: conditional densities of features given the mass."""

from hepflow.flows.architectures import SplineAutoregressive, spline_autoregressive
from hepflow.flows.density import Density

__all__ = ["Density", "SplineAutoregressive", "spline_autoregressive"]
