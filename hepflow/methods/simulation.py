"""What a simulation must offer to the methods that start from one: the data's features, regions and support."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.regions import Windows
from hepflow.sample import Sample

MOST_OUTSIDE = 0.03  # share of the data that may lie where there is no simulation, per feature
STRAY = 5e-4  # share of the simulation at each end that does not count as its range


def check_simulation(simulation: Sample | None, data: Sample, windows: Windows, what: str) -> Sample:
    """Return the simulation with the features of the data, in their order, and without truth.

    Parameters
    ----------
    simulation
        Simulated background, N events; it may have features that the data do not have.
    data
        Data, whose events in the sidebands alone are looked at.
    windows
        The regions.
    what
        Names the method in an error.

    Raises
    ------
    ConfigError
        If there is no simulation, or it lacks a feature of the data.
    InputError
        If a feature of it is not finite, a region holds none of its events, or more than 3 % of the data in the
        sidebands lie outside its range in a feature: no weight and no transport brings an event where none is.
    """
    if simulation is None:
        raise ConfigError(
            f"{what} starts from simulated background and was given none; name its files under inputs.simulation, "
            "or choose a method that needs none"
        )
    columns = []
    for name in data.names:
        if name not in simulation.names:
            raise ConfigError(
                f"{what}: the simulation lacks the feature {name!r} of the data: "
                f"{did_you_mean(name, simulation.names)} Give both samples the same features"
            )
        columns.append(simulation.names.index(name))
    events = replace(simulation.without_truth(), features=simulation.features[:, columns], names=data.names)
    for low, high in (windows.signal, *windows.sidebands):
        if not np.any((events.mass >= low) & (events.mass < high)):
            raise InputError(
                f"{what}: the simulation holds no event in {low:g}-{high:g} GeV; simulate all regions, "
                "with masses in GeV"
            )
    _check_support(
        events.select(windows.in_sidebands(events.mass)), data.select(windows.in_sidebands(data.mass)), what
    )
    return events


def _check_support(simulation: Sample, data: Sample, what: str) -> None:
    """Refuse data of which more than a few per cent lie beyond the simulation in a feature."""
    for name in data.names:
        simulated, observed = simulation.feature(name), data.feature(name)
        if not np.isfinite(simulated).all():
            raise InputError(
                f"{what}: feature {name!r} of the simulation holds NaN or infinite values; drop those events first"
            )
        low, high = np.quantile(simulated, [STRAY, 1 - STRAY])
        outside = float(np.mean((observed < low) | (observed > high))) if len(observed) else 0.0
        if outside > MOST_OUTSIDE:
            raise InputError(
                f"{what}: {outside:.1%} of the data in the sidebands lie outside the simulation in feature {name!r}, "
                f"which reaches from {low:g} to {high:g} there; expected at most {MOST_OUTSIDE:.0%}. Check units and "
                "selections of both, or choose a method that needs no simulation"
            )
