"""What a histogram holds, and how many events it is worth.

A histogram of weighted events has values ``sum w`` and variances ``sum w^2`` in its bins. Its events behave like

    n = value^2 / variance

unweighted ones, each of which stands for ``variance / value`` of the histogram's (G. Bohm, G. Zech, NIM A 748 (2014)
1): a Poisson likelihood of `n` has the right errors, one of the values does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hepflow.errors import InputError
from hepflow.importance import effective_counts
from hepflow.quantity import M_JJ, Quantity
from hepflow.regions import MOST_BINS
from hepflow.sample import FloatArray

MOST_EVENTS = 1e15  # in a bin; a double counts little more one by one
_LARGEST = 1e100  # of a sum of weights: its square is a number, too
_ALIKE = 1e-6  # relative: weights that differ by less are one weight


def check_number(bins: int, where: str) -> None:
    """Refuse a histogram of more bins than anything here fits.

    Raises
    ------
    InputError
        If there are more than `MOST_BINS`.
    """
    if bins > MOST_BINS:
        raise InputError(f"{where}: {bins:,} bins; expected {MOST_BINS:,} at most: join neighbouring ones")


@dataclass(frozen=True, eq=False)
class Bins:
    """The bins of a histogram over a mass; ``edges, counts = bins`` takes what a fit of plain counts needs.

    Parameters
    ----------
    edges
        Bin edges, shape ``(B + 1,)``, GeV.
    values
        Events, or sums of weights, per bin, shape ``(B,)``.
    variances
        Sums of squared weights, shape ``(B,)``; None of plain counts, and where no error is known.
    where
        What messages call it.
    resonance
        What the mass is called; by default m_jj.

    Raises
    ------
    InputError
        If there is no bin, edges are not finite or do not increase, or a value or variance is negative or not finite.

    Examples
    --------
    A trigger that kept one event in five, each weighted with five:

    >>> import hepflow as hf
    >>> import numpy as np
    >>> bins = hf.stats.Bins(np.array([2000.0, 2500.0, 3000.0]), np.array([50.0, 20.0]), np.array([250.0, 100.0]))
    >>> edges, counts = bins
    >>> counts
    array([10.,  4.])
    >>> bins.weight
    5.0
    """

    edges: FloatArray
    values: FloatArray
    variances: FloatArray | None = None
    where: str = "histogram"
    resonance: Quantity = M_JJ

    def __post_init__(self) -> None:
        for name in ("edges", "values", "variances"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, np.asarray(given, dtype=np.float64))
        check_number(self.values.size, self.where)
        if len(self.values) == 0:
            raise InputError(f"{self.where}: no bin in it")
        variances = self.values if self.variances is None else self.variances
        if self.edges.ndim != 1 or not self.values.shape == variances.shape == (len(self.edges) - 1,):
            raise InputError(
                f"{self.where}: expected edges (B + 1,), values (B,) and variances (B,); got {self.edges.shape}, "
                f"{self.values.shape} and {variances.shape}"
            )
        bad = np.flatnonzero(
            ~(np.isfinite(self.edges[:-1]) & (self.edges[:-1] < self.edges[1:]))
            | ~np.isfinite(self.edges[1:])
        )
        if len(bad):
            raise InputError(
                f"{self.where}: bin {self.edges[bad[0]]:g} to {self.edges[bad[0] + 1]:g}; expected finite edges that "
                "increase (leave bins of under- and overflow out)"
            )
        self._check(~np.isfinite(self.values) | (self.values < 0), "{value} events", "a number, zero or more")
        self._check(
            ~np.isfinite(variances) | (variances < 0), "variance {variance}", "a number, zero or more"
        )
        most = MOST_EVENTS if self.variances is None else _LARGEST
        self._check(self.values > most, "{value:g} events", f"{most:g} at most")
        self._check(variances > _LARGEST, "variance {variance:g}", f"{_LARGEST:g} at most")

    def __iter__(self) -> Iterator[FloatArray]:
        yield from (self.edges, self.counts)

    def __repr__(self) -> str:
        what = "{:.6g} events" if self.variances is None else "weights that add up to {:.6g}"
        name = "" if self.resonance == M_JJ else f" of {self.resonance.name}"
        span = f"{len(self.values)} bins{name}, {self.edges[0]:g}-{self.edges[-1]:g} GeV"
        return f"Bins({span}, {what.format(np.sum(self.values))})"

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> FloatArray:
        return (self.edges, self.counts)[index]

    @cached_property
    def counts(self) -> FloatArray:
        """The events that the bins are worth, shape ``(B,)``; of plain counts these are the values.

        Raises
        ------
        InputError
            If a bin with events has no variance.
        """
        if self.variances is None:
            return self.values
        self._check(
            (self.variances == 0) & (self.values > 0),
            "{value} events with variance {variance}",
            "one above zero",
        )
        with np.errstate(over="ignore", under="ignore"):
            worth = effective_counts(self.values, self.variances)
        self._check(
            ~(worth <= MOST_EVENTS),
            "{value:g} events with variance {variance:g}",
            f"{MOST_EVENTS:g} events at most",
        )
        whole = np.round(worth)  # of events of one weight there is a whole number
        return np.where(np.abs(worth - whole) < _ALIKE * np.maximum(whole, 1.0), whole, worth)

    @property
    def errors(self) -> FloatArray:
        """Standard deviations of the values, shape ``(B,)``; zero where none is known."""
        return np.zeros_like(self.values) if self.variances is None else np.sqrt(self.variances)

    @property
    def weight(self) -> float:
        """What one of the `counts` stands for in values, on average over the bins: one of plain counts."""
        if self.variances is None or not np.any(self.values):
            return 1.0
        filled = self.values > 0
        return float(np.sum(self.variances[filled]) / np.sum(self.values))

    @cached_property
    def exposure(self) -> FloatArray | None:
        """Counts for an event of the mean weight, shape ``(B,)``; None where all bins have one weight.

        A bin without events has the exposure of its neighbours.
        """
        if self.variances is None:
            return None
        filled = np.flatnonzero(self.counts)  # which says what is wrong with a variance
        if not len(filled):
            return None
        weights = self.variances[filled] / self.values[filled]
        if np.ptp(weights) <= _ALIKE * self.weight:
            return None
        centres = 0.5 * (self.edges[1:] + self.edges[:-1])
        return self.weight / np.interp(centres, centres[filled], weights)

    def called(self, resonance: Quantity) -> Bins:
        """Return the same events over a mass of this name, with edges in GeV if it has another unit.

        Raises
        ------
        ConfigError
            If its unit is none of energy.
        """
        found, factor = resonance.in_gev()
        return replace(self, edges=factor * self.edges, resonance=found)

    def scaled(self, factor: float) -> Bins:
        """Return the same events with their weights times a factor."""
        variances = None if self.variances is None else factor**2 * self.variances
        return replace(self, values=factor * self.values, variances=variances)

    def _check(self, bad: NDArray[np.bool_], found: str, expected: str) -> None:
        for i in np.flatnonzero(bad)[:1]:
            variance = None if self.variances is None else self.variances[i]
            raise InputError(
                f"{self.where}: {found.format(value=self.values[i], variance=variance)} in bin {self.edges[i]:g}-"
                f"{self.edges[i + 1]:g}; expected {expected}"
            )
