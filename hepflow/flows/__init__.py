"""Normalizing flows: conditional densities of any table, and of features given the mass."""

from hepflow.flows.apart import FoldDensities
from hepflow.flows.architectures import (
    affine_autoregressive,
    flow_matching,
    mixture_autoregressive,
    spline_autoregressive,
    spline_coupling,
)
from hepflow.flows.autoregressive import AffineAutoregressive, SplineAutoregressive
from hepflow.flows.chained import ChainedDensity
from hepflow.flows.conditional import ConditionalDensity
from hepflow.flows.coupling import SplineCoupling
from hepflow.flows.density import Density
from hepflow.flows.discrepancy import Discrepancy
from hepflow.flows.matching import FlowMatching
from hepflow.flows.mixture import MixtureAutoregressive
from hepflow.flows.transport import Transport
from hepflow.shown import show_briefly
from hepflow.training import TrainingPlan

__all__ = [
    "AffineAutoregressive",
    "ChainedDensity",
    "ConditionalDensity",
    "Density",
    "Discrepancy",
    "FlowMatching",
    "FoldDensities",
    "MixtureAutoregressive",
    "SplineAutoregressive",
    "SplineCoupling",
    "TrainingPlan",
    "Transport",
    "affine_autoregressive",
    "flow_matching",
    "mixture_autoregressive",
    "spline_autoregressive",
    "spline_coupling",
]

show_briefly([globals()[name] for name in __all__])
