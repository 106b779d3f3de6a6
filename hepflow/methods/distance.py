"""Distance: how far a method had to move its events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hepflow.sample import Sample


@dataclass(frozen=True)
class Distance:
    """Mean distance |x' - x| that events travelled, one number for each feature (arXiv:2309.06472).

    Parameters
    ----------
    names
        The features.
    mean
        In their own units.
    relative
        In units of each feature's standard deviation before the transport.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    relative: tuple[float, ...]

    @classmethod
    def between(cls, before: Sample, after: Sample) -> Distance:
        """Measure the distance between the same N events before and after, by their weights."""
        mean = np.average(np.abs(after.features - before.features), axis=0, weights=before.weight)
        centre = np.average(before.features, axis=0, weights=before.weight)
        variance = np.average((before.features - centre) ** 2, axis=0, weights=before.weight)
        return cls(before.names, tuple(mean.tolist()), tuple((mean / np.sqrt(variance)).tolist()))
