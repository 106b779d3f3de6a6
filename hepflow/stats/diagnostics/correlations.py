"""Correlations of the parameters of a fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hepflow.errors import ConfigError
from hepflow.sample import FloatArray
from hepflow.stats.diagnostics.record import Record
from hepflow.stats.profile import Profile


@dataclass(frozen=True, eq=False)
class Correlations(Record):
    """Correlation coefficients of `K` parameters.

    Parameters
    ----------
    names
        Parameters in the order of the model, length `K`.
    matrix
        Their correlation coefficients, shape ``(K, K)``.
    """

    names: tuple[str, ...]
    matrix: FloatArray


def correlations(profile: Profile, *, threshold: float = 0.0) -> Correlations:
    """Return the correlations of the signal strength and all nuisance parameters in the free fit.

    A parameter without a finite error of its own has none: fixed, held by a bound, or not determined by the data.

    Parameters
    ----------
    profile
        The fit.
    threshold
        Leave out nuisance parameters whose largest coefficient is below it in size; between 0 and 1.

    Raises
    ------
    ConfigError
        If `threshold` is not between 0 and 1.
    FitError
        If the fit does not converge.
    """
    if not 0.0 <= threshold <= 1.0:
        raise ConfigError(f"threshold {threshold}: expected a correlation between 0 and 1, such as 0.1")
    variances = np.diag(profile.covariance)
    index = np.flatnonzero(np.isfinite(variances) & (variances > 0))
    errors = np.sqrt(variances[index])
    matrix = profile.covariance[np.ix_(index, index)] / np.outer(errors, errors)
    np.fill_diagonal(matrix, 1.0)
    largest = np.max(np.abs(matrix - np.eye(len(index))), axis=1, initial=0.0)
    kept = np.flatnonzero((largest >= threshold) | (index == profile.model.poi))
    names = tuple(profile.model.names[i] for i in index[kept])
    return Correlations(names, matrix[np.ix_(kept, kept)])
