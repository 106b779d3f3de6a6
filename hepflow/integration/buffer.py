"""Evaluated points, kept with the densities of all that drew them: no call of an integrand is used only once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepflow.events import FloatArray
from hepflow.integration.proposals import log_mixture
from hepflow.integration.weights import Point
from hepflow.weights import storable


@storable
@dataclass(frozen=True, eq=False)
class Drawn:
    """Points of all channels with what the integrand is there.

    Parameters
    ----------
    channel
        Which channel drew each of N points, shape ``(N,)``.
    u
        Where, in the unit cube of that channel, ``(N, D)``.
    value
        The integrand times the Jacobian of the channel's mapping, ``(N,)``.
    log_given, seen
        Of `Point`: ``(N, C)`` and ``(N, K)``.
    log_density
        Of the proposal of the point's channel in each of R rounds, ``(R, N)``.
    sizes
        How many points each channel drew in each round, ``(R, C)``.
    """

    channel: NDArray[np.int64]
    u: FloatArray
    value: FloatArray
    log_given: FloatArray
    seen: FloatArray
    log_density: FloatArray
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.value)

    @classmethod
    def of(cls, channel: NDArray[np.int64], u: FloatArray, value: FloatArray, point: Point, log_density: FloatArray,
           channels: int) -> Drawn:  # fmt: skip
        """Collect the points of one round."""
        sizes = np.bincount(channel, minlength=channels)[None]
        return cls(channel, u, value, point.log_given, point.seen, log_density, sizes)

    def log_mixture(self) -> FloatArray:
        """Return the log density (N,) of each point in the mixture of all that drew points of its channel."""
        found = np.empty(len(self))
        for channel in range(self.sizes.shape[1]):
            rows = self.channel == channel
            sizes = self.sizes[:, channel].tolist()
            if rows.any():
                found[rows] = log_mixture(self.log_density[:, rows], sizes)
        return found

    def only(self, channels: Sequence[int]) -> Drawn:
        """Return the points of some channels; those of others count as not drawn."""
        rows = np.isin(self.channel, list(channels))
        sizes = np.where(np.isin(np.arange(self.sizes.shape[1]), list(channels)), self.sizes, 0)
        kept = {name: getattr(self, name)[rows] for name in ("channel", "u", "value", "log_given", "seen")}
        return Drawn(**kept, log_density=self.log_density[:, rows], sizes=sizes)

    def joined(self, other: Drawn, here_by_theirs: FloatArray, theirs_by_ours: FloatArray) -> Drawn:
        """Return these points and those of one more round.

        Parameters
        ----------
        other
            One round.
        here_by_theirs
            Log densities of these points under its proposals, ``(N,)``.
        theirs_by_ours
            Log densities of its points under those of the rounds here, ``(R, M)``.
        """
        density = np.block([[self.log_density, theirs_by_ours], [here_by_theirs[None], other.log_density]])
        columns = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("channel", "u", "value", "log_given", "seen", "sizes")
        }
        return Drawn(**columns, log_density=density)
