"""Pulls and constraints of nuisance parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hepflow.sample import FloatArray
from hepflow.stats.diagnostics.record import Record
from hepflow.stats.profile import Profile


@dataclass(frozen=True, eq=False)
class Pulls(Record):
    """Where a fit put its `K` nuisance parameters, in the order of the model.

    Parameters
    ----------
    names
        Parameters that the fit moved, the signal strength left out; length `K`.
    values, errors
        Best fit and its standard deviation, in the parameter's own unit, shape ``(K,)``; an infinite error where the
        data do not determine it.
    pulls
        Best fit less the centre of the constraint, over the standard deviation of the constraint, shape ``(K,)``; NaN
        for a parameter without one, such as a free normalisation.
    constraints
        Post-fit over pre-fit standard deviation, shape ``(K,)``: 1 where the data say nothing, below 1 where they
        measure the parameter; NaN as above.
    """

    names: tuple[str, ...]
    values: FloatArray
    errors: FloatArray
    pulls: FloatArray
    constraints: FloatArray


def pulls(profile: Profile) -> Pulls:
    """Return pulls and constraints of all nuisance parameters in the free fit.

    The pre-fit values are those of the constraints: 0 +- 1 for histosys and normsys, 1 +- its relative error for
    staterror and lumi, and ``1 +- 1 / sqrt(tau)`` for a shapesys whose Poisson constraint stands for `tau` events.

    Raises
    ------
    FitError
        If the fit does not converge.
    """
    index = nuisances(profile)
    values = profile.free.x[index]
    errors = np.sqrt(np.diag(profile.covariance)[index])
    centres, widths = (column[index] for column in profile.model.priors())
    held = np.isfinite(widths)
    widths = np.where(held, widths, np.nan)
    names = tuple(profile.model.names[i] for i in index)
    return Pulls(names, values, errors, (values - centres) / widths, errors / widths)


def nuisances(profile: Profile) -> list[int]:
    """Return the indices of the parameters that a fit moves beside the signal strength."""
    return [int(i) for i in np.flatnonzero(profile.movable(fix_poi=True))]
