"""Multiplicative scales (`normsys`): each moves a sample of a channel as a whole, whatever its number of bins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from hepflow.sample import FloatArray
from hepflow.stats.expansion import IndexArray
from hepflow.stats.interpolation import code4, code4_coefficients

Ends = tuple[float, float]  # the scale one standard deviation up, and down


@dataclass(frozen=True, eq=False)
class Scales:
    """What each of `E` entries, a parameter's scale of one sample in one channel, does to `S` samples in `N` bins.

    Parameters
    ----------
    parameter, sample
        Of each entry, in the order of `block`, shape ``(E,)``.
    up, down, coefficients
        The arrays of `code4`, shapes ``(E,)``, ``(E,)`` and ``(6, E)``.
    starts
        Where the entries of each scaled sample of a channel begin, shape ``(M,)``.
    block
        Which of these a sample has in each bin, shape ``(S, N)``; `M` where nothing scales it.
    channels
        The bins of each channel with entries, and which entries these are.
    """

    parameter: IndexArray
    sample: IndexArray
    up: FloatArray
    down: FloatArray
    coefficients: FloatArray
    starts: IndexArray
    block: IndexArray
    channels: tuple[tuple[slice, IndexArray], ...]

    @classmethod
    def of(cls, ends: Mapping[tuple[int, int, int], Ends], channels: list[slice], samples: int) -> Self:
        """Return the scales by channel, sample and parameter; those that are one either way are left out."""
        kept = sorted(key for key, pair in ends.items() if pair != (1.0, 1.0))
        channel, sample, parameter = np.array(kept, dtype=np.intp).reshape(-1, 3).T
        up, down = np.array([ends[key] for key in kept], dtype=np.float64).reshape(-1, 2).T
        blocks, starts = np.unique(channel * samples + sample, return_index=True)
        block = np.full((samples, channels[-1].stop), len(blocks))
        for number, (one, row) in enumerate(zip(*np.divmod(blocks, samples), strict=True)):
            block[row, channels[one]] = number
        return cls(
            parameter,
            sample,
            up,
            down,
            code4_coefficients(up, down),
            starts,
            block,
            tuple((channels[one], np.flatnonzero(channel == one)) for one in np.unique(channel)),
        )

    def __call__(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the product of all scales (..., S, N), and the logarithmic slope of each entry (..., E)."""
        if not len(self.parameter):
            return np.ones(self.block.shape), np.zeros(0)
        each, slopes = code4(x[..., self.parameter], self.up, self.down, self.coefficients)
        products = np.multiply.reduceat(each, self.starts, axis=-1)
        padded = np.concatenate([products, np.ones((*products.shape[:-1], 1))], axis=-1)
        return padded[..., self.block], slopes / each

    def add_slopes(
        self, jacobian: FloatArray, columns: IndexArray, slopes: FloatArray, events: FloatArray
    ) -> None:
        """Add the derivatives of the rates to a table (..., N, Q).

        Parameters
        ----------
        jacobian
            The table.
        columns
            The column of each parameter in it, shape ``(P,)``.
        slopes, events
            The logarithmic slopes (..., E), and the events of each sample in each bin (..., S, N).
        """
        for bins, entries in self.channels:
            moved, row = np.unique(self.parameter[entries], return_inverse=True)
            by_sample = np.zeros((*slopes.shape[:-1], len(moved), len(self.block)))
            by_sample[..., row, self.sample[entries]] = slopes[..., entries]
            jacobian[..., bins, columns[moved]] += np.swapaxes(by_sample @ events[..., bins], -1, -2)
