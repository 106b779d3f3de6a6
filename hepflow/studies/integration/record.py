"""An integral as a record: its value, what its events are worth, and what figures show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from hepflow.records import Record

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class WeightRecord:
    """The spectrum of the points' weights, as `hepflow.plots.WeightSpectrum`."""

    edges: Numbers
    shares: Numbers
    tops: tuple[float, float]
    efficiencies: tuple[float, float]
    below: float


@dataclass(frozen=True)
class MarginalRecord:
    """Integrand and proposals along an axis, as `hepflow.plots.Marginal`."""

    axis: str
    edges: Numbers
    integrand: Numbers
    proposal: Numbers
    error: Numbers


@dataclass(frozen=True)
class IntegrationRecord(Record):
    """An integral, schema ``hepflow-integration-2``.

    Parameters
    ----------
    name, seed, config_hash, versions
        Which integration this is.
    function
        What was integrated.
    bounds
        Lowest and highest value of each axis.
    value, error
        The integral and its standard deviation, from calls that no training saw.
    chi2, dof, iterations
        Of the iterations about their mean; value and error of each.
    calls, training_calls
        Those behind the value, and those of the training.
    relative_sigma
        Standard deviation of the weights over their mean; None where the integral is zero.
    effective_size
        How many events of equal weight the points are worth.
    efficiency, efficiency_overweight
        Unweighting efficiency at no and at 0.1 % overweight.
    negative_share
        Of the integral of ``|f|``.
    channels, dropped
        Names of the channels, and of those that were left out.
    how
        How it was made, in words.
    unweighted
        Events of equal weight that were written.
    losses
        Training and validation loss of each round.
    weights, marginals
        Of the figures; none where the integrand is zero.
    warnings
        What puts value or events in doubt.
    """

    schema: ClassVar[str] = "hepflow-integration-2"
    remedy: ClassVar[str] = "`hepflow integrate` with the same settings writes it anew"

    name: str
    seed: int
    config_hash: str
    versions: Mapping[str, str]
    function: str
    bounds: tuple[tuple[float, float], ...]
    value: float
    error: float
    chi2: float
    dof: int
    iterations: tuple[tuple[float, float], ...]
    calls: int
    training_calls: int
    relative_sigma: float | None
    effective_size: float
    efficiency: float
    efficiency_overweight: float
    negative_share: float
    channels: tuple[str, ...]
    dropped: tuple[str, ...]
    how: str
    unweighted: int
    losses: tuple[Mapping[str, Numbers], ...]
    weights: WeightRecord | None = None
    marginals: tuple[MarginalRecord, ...] = ()
    warnings: tuple[str, ...] = ()
