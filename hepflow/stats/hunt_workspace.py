"""The bump hunt in a pyhf workspace of the user's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hepflow.stats.bump_hunt import BumpHunt, numbers_of, without_error
from hepflow.stats.calculators import Calculator
from hepflow.stats.model import BLINDED
from hepflow.stats.opening import open_workspace
from hepflow.stats.profile import Profile
from hepflow.stats.spectra import workspace_of


def hunt_workspace(
    spec: Mapping[str, Any] | str | Path,
    *,
    level: float = 0.95,
    calculator: Calculator = "auto",
    toys: int | None = None,
    seed: int = 0,
) -> BumpHunt:
    """Run the same tests on a pyhf workspace (its first measurement), or the path of its JSON file.

    The signal strength is bounded below only by positive rates and not above, and pyhf's default bounds of
    other parameters are lifted. A workspace that was made of a blinded spectrum gives a blinded result.

    Raises
    ------
    InputError
        If pyhf cannot open the workspace.
    ConfigError
        If its signal is degenerate or zero.
    FitError
        If a fit does not converge or no limit exists.
    """
    spec = workspace_of(spec)
    model, data = open_workspace(spec)
    profile = Profile(model, data)
    blind = spec["measurements"][0]["name"] == BLINDED
    poi = profile.model.poi
    rates, jacobian = profile.model.rates(profile.model.at(0.0))
    felt = jacobian[:, poi] ** 2 / np.maximum(rates, 1.0)
    signal = float(np.sum(profile.model.rates(profile.model.at(1.0))[0] - rates))
    slices = model.config.channel_slices.values()
    region = np.zeros(len(rates), dtype=bool)
    region[max(slices, key=lambda bins: float(np.sum(felt[bins])))] = True
    expected, error = profile.background(region)
    numbers = numbers_of(profile, blind, level, calculator, toys, seed)
    numbers["problems"] += without_error(error)
    return BumpHunt(
        expected,
        error,
        workspace=dict(spec),
        post_fit=True,
        signal_unit=f"the workspace's signal, {signal:.4g} events",
        n_obs=None if blind else float(np.sum(profile.data[: len(region)][region])),
        **numbers,
    )
