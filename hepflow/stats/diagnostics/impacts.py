"""Impacts: how far each nuisance parameter moves the signal strength."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hepflow.errors import FitError
from hepflow.progress import progress
from hepflow.sample import FloatArray
from hepflow.stats.diagnostics.pulls import Pulls, nuisances, pulls
from hepflow.stats.diagnostics.record import Record
from hepflow.stats.profile import Profile


@dataclass(frozen=True, eq=False)
class Impacts(Record):
    """Impacts of `K` nuisance parameters on the signal strength, the largest post-fit impact first.

    Parameters
    ----------
    mu_hat, mu_hat_error
        Best-fit signal strength and its error.
    parameters
        Names, pulls and constraints, in the order of the impacts.
    pre_fit, post_fit
        Change of `mu_hat` with the parameter one standard deviation below and above its best fit, shape ``(K, 2)``;
        the standard deviation is that of its constraint, or that of the fit. NaN where there is none, or where the
        fit failed.
    failures
        The message of each parameter whose fit failed.
    """

    mu_hat: float
    mu_hat_error: float
    parameters: Pulls
    pre_fit: FloatArray
    post_fit: FloatArray
    failures: Mapping[str, str]


def impacts(profile: Profile) -> Impacts:
    """Return the impact of every nuisance parameter on the signal strength.

    Each parameter is fixed to its best fit less and plus one standard deviation, and everything else is fitted anew.
    For a Gaussian likelihood the post-fit impact is the correlation with the signal strength times its error. A value
    beyond the bounds of the parameter is moved onto them. One fit that fails does not stop the others.

    Raises
    ------
    FitError
        If the free fit does not converge, or the data do not determine the signal strength.
    """
    index, widths = nuisances(profile), profile.model.priors()[1]
    parameters = pulls(profile)
    found, failures = np.full((len(index), 2, 2), np.nan), {}
    bar = progress(parameters.names, "impacts", "parameter")
    for row, (i, name) in enumerate(zip(index, bar, strict=True)):
        steps = np.array([widths[i], parameters.errors[row]])
        try:
            for kind in np.flatnonzero(np.isfinite(steps)):
                found[row, kind] = [_shift(profile, i, sign * steps[kind]) for sign in (-1.0, 1.0)]
        except FitError as error:
            failures[name] = str(error)
    size = np.max(np.abs(found[:, 1]), axis=1)
    order = np.argsort(np.where(np.isnan(size), np.inf, -size), kind="stable")
    return Impacts(
        profile.mu_hat,
        profile.mu_hat_error,
        Pulls(
            tuple(parameters.names[row] for row in order),
            parameters.values[order],
            parameters.errors[order],
            parameters.pulls[order],
            parameters.constraints[order],
        ),
        found[order, 0],
        found[order, 1],
        failures,
    )


def _shift(profile: Profile, parameter: int, step: float) -> float:
    """Return how far the signal strength moves when a parameter moves by `step` from its best fit."""
    if step == 0.0:
        return 0.0
    fitted = profile.fixing(parameter, float(profile.free.x[parameter]) + step)
    return float(fitted.x[profile.model.poi]) - profile.mu_hat
