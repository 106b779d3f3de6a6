"""Detector: what scores events by how unlike most others they are, and the tables that it is learned from."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from hepflow.classifiers.ratio import Rows, known, table
from hepflow.errors import ConfigError, InputError
from hepflow.sample import FloatArray, Sample


@runtime_checkable
class Detector(Protocol):
    """A score of how unlike most events one is, learned from one sample without labels.

    It is no density ratio: what is rare depends on the coordinates, and a signal need not be rare in any of them.
    """

    def fit(self, sample: Rows, seed: int) -> Detector:
        """Learn from N events what is usual; weights are respected."""
        ...

    def score(self, sample: Rows) -> FloatArray:
        """Return how anomalous each event is, shape ``(N,)``; larger is more anomalous."""
        ...


def learned(rows: Rows, what: str) -> Sample:
    """Return a table that a detector can learn from as a sample without truth.

    Parameters
    ----------
    rows
        A sample, or a plain table (`hepflow.classifiers.table`).
    what
        Names the detector in an error.

    Raises
    ------
    ConfigError
        If there are fewer than two features: one column has tails, and no outliers in any other sense.
    InputError
        If a feature is not finite or constant, or a weight is negative, or all are zero.
    """
    sample = table(rows).without_truth()
    if len(sample.names) < 2:
        raise ConfigError(
            f"{what}: got the features {', '.join(sample.names) or 'none'}; expected at least two. Of a single one, "
            "the outliers are its tails: cut on it"
        )
    if not len(sample):
        raise InputError(f"{what}: no events to learn from")
    _check_finite(sample, what)
    for name, column in zip(sample.names, sample.features.T, strict=True):
        if np.ptp(column) == 0:
            raise InputError(
                f"{what}: feature {name!r} is {column[0]:g} in every training event; leave it out"
            )
    weight = sample.weight
    if not (np.isfinite(weight).all() and weight.min() >= 0 and weight.sum() > 0):
        raise InputError(
            f"{what}: event weights from {weight.min():g} to {weight.max():g}; expected finite weights, none "
            "negative, and some above zero"
        )
    return sample


def asked(names: tuple[str, ...], rows: Rows, what: str) -> Sample:
    """Return a table of the features that a detector learned, all finite.

    Raises
    ------
    ConfigError
        If it has others.
    InputError
        If a value is not finite.
    """
    sample = known(names, rows, what)
    _check_finite(sample, what)
    return sample


def _check_finite(sample: Sample, what: str) -> None:
    for name, column in zip(sample.names, sample.features.T, strict=True):
        bad = int(np.sum(~np.isfinite(column)))
        if bad:
            raise InputError(
                f"{what}: feature {name!r} holds NaN or infinite values in {bad:,} of {len(column):,} events; drop "
                "those events first"
            )
