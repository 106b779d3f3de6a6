"""Factors of weights: the ratio of a sample to itself with other weights, learned on the same events."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from hepflow.classifiers.ratio import DensityRatio
from hepflow.sample import FloatArray, Sample


@runtime_checkable
class LearnsFactors(Protocol):
    """A ratio that can be told that both of its samples hold the same events."""

    def fit_factor(self, sample: Sample, factor: FloatArray, seed: int) -> DensityRatio:
        """Train on N events by what their weights are multiplied, ``(N,)``, none of it negative."""
        ...


def fit_factor(ratio: DensityRatio, sample: Sample, factor: FloatArray, seed: int) -> DensityRatio:
    """Learn the mean factor of weights as a function of the features, over that of all events.

    It is the density ratio of the sample with weights times the factor to the sample as it is. Told apart as if they
    were two samples, what a training takes for validation of one and of the other are different events, and their
    fluctuations stay in the ratio; a training that knows better has one target for each event.

    Parameters
    ----------
    ratio
        Untrained; it is trained in place.
    sample
        N events with their weights.
    factor
        Of each event, ``(N,)``.
    seed
        Of the training.
    """
    if isinstance(ratio, LearnsFactors):
        return ratio.fit_factor(sample, factor, seed)
    return ratio.fit(replace(sample, weight=sample.weight * factor), sample, seed)


def relative(sample: Sample, factor: FloatArray) -> FloatArray:
    """Return factors ``(N,)`` over their mean."""
    return np.asarray(factor / np.average(factor, weights=sample.weight))
