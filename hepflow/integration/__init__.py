"""Integration: integrals and events by neural importance sampling with learned channels."""

from hepflow.integration.channels import Channel
from hepflow.integration.drell_yan import drell_yan, muon_momenta
from hepflow.integration.integral import Integral
from hepflow.integration.integrand import Integrand
from hepflow.integration.integrate import integrate
from hepflow.integration.known import KnownIntegral, camel, ring, two_resonances
from hepflow.integration.mappings import AxisMap, BreitWigner, PowerLaw, Uniform, massless
from hepflow.integration.proposals import Flow, Grid, Proposal
from hepflow.integration.recipe import Recipe
from hepflow.integration.sampler import Points, Sampler
from hepflow.shown import show_briefly

__all__ = [
    "AxisMap",
    "BreitWigner",
    "Channel",
    "Flow",
    "Grid",
    "Integral",
    "Integrand",
    "KnownIntegral",
    "Points",
    "PowerLaw",
    "Proposal",
    "Recipe",
    "Sampler",
    "Uniform",
    "camel",
    "drell_yan",
    "integrate",
    "massless",
    "muon_momenta",
    "ring",
    "two_resonances",
]

show_briefly([globals()[name] for name in __all__])
