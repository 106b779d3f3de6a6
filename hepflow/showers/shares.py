"""Shares of an energy as log-ratios, with values below a threshold spread out, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hepflow.events import FloatArray
from hepflow.weights import storable


@storable
@dataclass(frozen=True)
class Shares:
    """Maps K parts of a total, many of them zero, to K - 1 logarithms of ratios, and back given the total.

    Shares add up to one and have no density; the logarithms of their ratios to one of them have. A zero has no
    logarithm: it becomes a number drawn evenly below the threshold, which on the way back is zero again.

    Parameters
    ----------
    reference
        The part that the others are divided by; of the training rows, that which is seldom zero.
    threshold
        In GeV: what is below counts as zero.
    """

    reference: int
    threshold: float

    @classmethod
    def fit(cls, parts: FloatArray, threshold: float) -> Shares:
        """Take the reference from parts (N, K) of training rows in GeV."""
        logs = np.log(np.maximum(parts, threshold))
        return cls(int(np.argmax(logs.mean(axis=0))), threshold)

    def ratios(self, parts: FloatArray, random: np.random.Generator) -> FloatArray:
        """Return log-ratios (N, K - 1) of parts (N, K) in GeV."""
        logs = np.log(spread(parts, self.threshold, random))
        return np.delete(logs, self.reference, axis=1) - logs[:, [self.reference]]

    def parts(self, ratios: FloatArray, total: FloatArray) -> FloatArray:
        """Return parts (N, K) in GeV of log-ratios (N, K - 1), which add up to the total (N,).

        Notes
        -----
        With the shares in falling order, the k largest are kept and scaled to the total; k is the largest number with
        which the k-th is still above the threshold. So the parts that made the ratios come back.
        """
        logs = np.insert(ratios, self.reference, 0.0, axis=1)
        shares = np.exp(logs - logs.max(axis=1, keepdims=True))
        order = np.argsort(-shares, axis=1)
        falling = np.take_along_axis(shares, order, axis=1)
        sums = np.cumsum(falling, axis=1)
        above = falling * total[:, None] > self.threshold * sums
        count = np.maximum(np.sum(np.logical_and.accumulate(above, axis=1), axis=1), 1)
        last = count[:, None] - 1
        kept = shares >= np.take_along_axis(falling, last, axis=1)
        return np.where(kept, shares * (total[:, None] / np.take_along_axis(sums, last, axis=1)), 0.0)


def spread(energy: FloatArray, threshold: float, random: np.random.Generator) -> FloatArray:
    """Return energies, those of zero replaced by numbers evenly drawn between zero and the threshold."""
    low = threshold * (1 - random.random(energy.shape))  # never zero itself
    return np.where(energy > 0, energy, low)
