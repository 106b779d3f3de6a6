"""The response of a detector in bins: where generated events are reconstructed, and what else is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.errors import InputError
from hepflow.events import FloatArray
from hepflow.quantity import Quantity
from hepflow.unfolding.columns import edges_of, values_of
from hepflow.unfolding.inputs import measured
from hepflow.unfolding.pairs import Pairs

STRAY = 1e-3  # share of the data that may lie where nothing is simulated, and
SOME = 20  # events, of which the same is allowed


@dataclass(frozen=True, eq=False)
class Response:
    """A histogram of data, and what the simulation says of it.

    Parameters
    ----------
    quantity
        What is unfolded.
    truth_edges, reco_edges
        Of the bins at both levels, shapes ``(B + 1,)`` and ``(M + 1,)``. Bins below and above, which go to infinity,
        are unfolded with the others as long as there are events.
    data, data_squares
        Weights of the data in the reconstructed bins and their squares, ``(M,)``.
    joint, joint_squares
        The same of the simulated events that are in a bin of both levels, ``(M, B)``.
    truth, truth_squares
        Of generated events that are in no reconstructed bin, ``(B,)``.
    fakes, fakes_squares
        Of reconstructed events that are in no generated bin, ``(M,)``.
    """

    quantity: Quantity
    truth_edges: FloatArray
    reco_edges: FloatArray
    data: FloatArray
    data_squares: FloatArray
    joint: FloatArray
    joint_squares: FloatArray
    truth: FloatArray
    truth_squares: FloatArray
    fakes: FloatArray
    fakes_squares: FloatArray

    @property
    def prior(self) -> FloatArray:
        """Generated yields, ``(B,)``."""
        return np.asarray(self.joint.sum(axis=0) + self.truth)

    @property
    def matrix(self) -> FloatArray:
        """Probability of each reconstructed bin for events of each generated one, ``(M, B)``."""
        return np.asarray(self.joint / self.prior)

    @classmethod
    def of(
        cls,
        pairs: Pairs,
        data: Any,
        edges: ArrayLike,
        reco_edges: ArrayLike | None = None,
        *,
        of: str | None = None,
        seen: str | None = None,
    ) -> Response:
        """Fill the bins.

        Parameters
        ----------
        pairs, data
            Simulation and data, as `hepflow.unfolding.OmniFold.unfold` takes them.
        edges, reco_edges
            Of the bins at both levels; the same for both if the second are left out. What lies below or above is in
            bins of its own, so that nothing is assumed of it.
        of, seen
            The generated and the reconstructed column, or expressions of columns; may be left out where there is one.

        Raises
        ------
        ConfigError
            If edges do not rise or a column is missing.
        InputError
            If data and simulation cannot be used together, a bin of the simulation weighs less than nothing, no
            event of a generated bin is reconstructed, or data lie in bins without simulated events.
        """
        events, _ = measured(data, pairs)
        low, high = (
            np.concatenate([[-np.inf], edges_of(one), [np.inf]])
            for one in (edges, edges if reco_edges is None else reco_edges)
        )
        truth, reco, weight = pairs.pass_truth, pairs.pass_reco, pairs.weight
        quantity, values = values_of(pairs.truth.select(truth), of)
        at_truth, at_reco = np.full(len(pairs), -1), np.full(len(pairs), -1)
        at_truth[truth] = _place(values, low)
        at_reco[reco] = _place(values_of(pairs.reco.select(reco), seen)[1], high)
        at_data = _place(values_of(events, seen)[1], high)
        bins, rows = len(low) - 1, len(high) - 1
        inside = (at_truth >= 0) & (at_reco >= 0)
        cell = at_reco[inside] * bins + at_truth[inside]
        lost, fake = (at_truth >= 0) & (at_reco < 0), (at_truth < 0) & (at_reco >= 0)

        def both(place: NDArray[np.intp], own: FloatArray, size: int) -> tuple[FloatArray, FloatArray]:
            sums = (np.bincount(place, one, size).astype(np.float64) for one in (own, own**2))
            return next(sums), next(sums)

        joint, squares = (one.reshape(rows, bins) for one in both(cell, weight[inside], rows * bins))
        kept = at_data >= 0
        made = cls(
            quantity,
            low,
            high,
            *both(at_data[kept], events.weight[kept], rows),
            joint,
            squares,
            *both(at_truth[lost], weight[lost], bins),
            *both(at_reco[fake], weight[fake], rows),
        )
        made = made._without_empty_ends()
        made._check()
        return made

    @property
    def inner(self) -> slice:
        """The generated bins that were asked for, without those below and above."""
        first, last = (int(np.isinf(edge)) for edge in (self.truth_edges[0], self.truth_edges[-1]))
        return slice(first, len(self.truth_edges) - 1 - last)

    def _without_empty_ends(self) -> Response:
        """Return the same without the generated bins below and above in which nothing is reconstructed."""
        there = self.joint.sum(axis=0) > 0
        first, last = int(not there[0]), len(there) - int(not there[-1])
        return replace(
            self,
            truth_edges=self.truth_edges[first : last + 1],
            joint=self.joint[:, first:last],
            joint_squares=self.joint_squares[:, first:last],
            truth=self.truth[first:last],
            truth_squares=self.truth_squares[first:last],
        )

    def _check(self) -> None:
        for what, sums in (("generated", self.prior), ("reconstructed", self.joint.sum(axis=1) + self.fakes)):
            edges = self.truth_edges if what == "generated" else self.reco_edges
            for at in np.flatnonzero(sums < 0):
                raise InputError(
                    f"unfolding: the {what} events of bin {edges[at]:g} to {edges[at + 1]:g} weigh {sums[at]:g}, "
                    "less than nothing: join it with its neighbours"
                )
        for at in np.flatnonzero(self.joint.sum(axis=0) <= 0):
            raise InputError(
                f"unfolding: no event generated in bin {self.truth_edges[at]:g} to {self.truth_edges[at + 1]:g} is "
                "reconstructed: data say nothing of it. Join it with its neighbours, or leave it out"
            )
        empty = (self.joint.sum(axis=1) + self.fakes <= 0) & (self.data != 0)
        share = float(np.abs(self.data[empty]).sum() / max(float(np.abs(self.data).sum()), 1e-300))
        if share > STRAY and np.abs(self.data[empty]).sum() > SOME:
            largest = int(np.flatnonzero(empty)[np.argmax(np.abs(self.data[empty]))])
            raise InputError(
                f"unfolding: {100 * share:.3g} % of the data lies in reconstructed bins without simulated events, "
                f"as {self.reco_edges[largest]:g} to {self.reco_edges[largest + 1]:g}: join them, or simulate more "
                "events"
            )
        if not self.data.sum() > 0:
            raise InputError(
                f"unfolding: the data weigh {self.data.sum():g} inside the reconstructed bins "
                f"{self.reco_edges[0]:g} to "
                f"{self.reco_edges[-1]:g}; expected more than zero"
            )

    def toy(self, random: np.random.Generator) -> Response:
        """Return the same with data and simulation drawn anew, each bin by a scaled Poisson distribution.

        Notes
        -----
        G. Bohm and G. Zech, Nucl. Instrum. Meth. A 748 (2014) 1: it has the mean and the variance of a sum of
        weights.
        """
        drawn: dict[str, Any] = {
            name: _drawn(getattr(self, name), getattr(self, f"{name}_squares"), random)
            for name in ("data", "joint", "truth", "fakes")
        }
        return replace(self, **drawn)


def _place(values: FloatArray, edges: FloatArray) -> NDArray[np.intp]:
    """Return the bin of each value, -1 outside; the last bin holds its upper edge."""
    bins = len(edges) - 1
    place = np.searchsorted(edges, values, side="right") - 1
    place[values == edges[-1]] = bins - 1
    return np.where((place >= 0) & (place < bins), place, -1)


def _drawn(sums: FloatArray, squares: FloatArray, random: np.random.Generator) -> FloatArray:
    unit = np.divide(squares, np.abs(sums), out=np.zeros_like(sums), where=sums != 0)
    expected = np.divide(np.abs(sums), unit, out=np.zeros_like(sums), where=unit > 0)
    return np.asarray(np.sign(sums) * unit * random.poisson(expected))
