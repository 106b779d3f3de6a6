"""Strays: events so far from all others in a feature that no density of these reaches them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hepflow.sample import FloatArray, Sample

FAR = 5.0  # times as far from the median as any other event
RARE = 1e-3  # of all events, at most; more of them are a part of the distribution


def stray(values: FloatArray) -> NDArray[np.bool_]:
    """Return which values are strays: on either side of the median, few, with nothing near them.

    Parameters
    ----------
    values
        Shape ``(N,)``.

    Returns
    -------
    ndarray of bool
        True where a value, and all beyond it, are more than `FAR` times as far from the median as any other on that
        side, and no more than `RARE` of all, or one.
    """
    found = np.zeros(len(values), dtype=bool)
    if len(values) < 3:
        return found
    distance = values - np.median(values)
    most = max(1, int(RARE * len(values)))
    for side in (distance, -distance):
        ends = np.sort(np.partition(side, -most - 1)[-most - 1 :])
        (gaps,) = np.nonzero((ends[:-1] > 0) & (ends[1:] > FAR * ends[:-1]))
        if len(gaps):
            found |= side > ends[gaps[0]]
    return found


def strays(sample: Sample) -> NDArray[np.bool_]:
    """Return which events of a sample are strays in any feature, shape ``(N,)``."""
    found = np.zeros(len(sample), dtype=bool)
    for column in sample.features.T:
        found |= stray(column)
    return found


def sentences(sample: Sample) -> Iterator[str]:
    """Yield, for each feature with outliers, how many there are, where, and what to do."""
    for name, column in zip(sample.names, sample.features.T, strict=True):
        far = stray(column)
        if far.any():
            there, others = column[far], column[~far]
            yield (
                f"{name}: {far.sum():,} of {len(far):,} events at {there.min():g} to {there.max():g}, far from all "
                f"others ({others.min():g} to {others.max():g}): no density is trained on them, and a classifier may "
                "take them for signal. If they are no physics, leave them out with a `selection`"
            )
