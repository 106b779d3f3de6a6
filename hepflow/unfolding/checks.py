"""Whether an unfolding can be believed: closure, refolding, stress of the prior, and the bottom line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2 as chi2_law

from hepflow.errors import ConfigError
from hepflow.events import Events, FloatArray
from hepflow.unfolding.columns import edges_of, values_of
from hepflow.unfolding.histogram import UnfoldedHistogram, chi2
from hepflow.unfolding.inputs import measured
from hepflow.unfolding.pairs import Pairs
from hepflow.unfolding.unfolded import Unfolded

Unfolding = Callable[[Pairs, Events], UnfoldedHistogram]
"""Unfolds data with pairs and returns a histogram, by any method."""


@dataclass(frozen=True, eq=False)
class Compared:
    """An unfolded, or refolded, histogram beside what it should be.

    Parameters
    ----------
    edges
        Shape ``(B + 1,)``.
    found, expected
        Yields, ``(B,)``.
    covariance
        Of their difference, ``(B, B)``.
    """

    edges: FloatArray
    found: FloatArray
    expected: FloatArray
    covariance: FloatArray

    @property
    def pulls(self) -> FloatArray:
        """Differences over their errors, shape ``(B,)``; NaN in bins without an error."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((self.found - self.expected) / np.sqrt(np.diag(self.covariance)))

    @property
    def chi2(self) -> tuple[float, int]:
        """Chi2 of the difference, and the bins that it is of."""
        return chi2(self.found - self.expected, self.covariance)

    @property
    def p_value(self) -> float:
        """Probability of a chi2 as large as this."""
        value, bins = self.chi2
        return float(chi2_law.sf(value, bins))


def closure(unfold: Unfolding, pairs: Pairs, *, of: str | None = None, seed: int) -> Compared:
    """Unfold one half of the simulation with the other, and compare with what was generated.

    Parameters
    ----------
    unfold
        Any unfolding, such as ``lambda pairs, data: OmniFold().unfold(pairs, data, seed=1).histogram(edges, "pt")``.
    pairs
        The simulation; weights count.
    of
        The generated column, or expression, that `unfold` histograms.
    seed
        Deals the halves.
    """
    return stress(unfold, pairs, None, of=of, seed=seed)


def stress(
    unfold: Unfolding,
    pairs: Pairs,
    factor: Callable[[Events], ArrayLike] | ArrayLike | None,
    *,
    of: str | None = None,
    seed: int,
) -> Compared:
    """Unfold one half of the simulation, weighted, with the other as it is: how much of a wrong prior stays.

    Parameters
    ----------
    unfold, pairs, of, seed
        As of `closure`.
    factor
        What weights of the half that stands for data are multiplied by: a function of the generated events, also of
        columns that are not unfolded (hidden variables), that returns ``(N,)``; or one number for each of the pairs.
        Events that were not generated inside their selection keep their weight.

    Raises
    ------
    ConfigError
        If the function returns another shape, or the numbers have one.
    """
    half = np.random.default_rng(seed).random(len(pairs)) < 0.5
    pretended, simulation = pairs.select(half), pairs.select(~half)
    if factor is not None:
        truth = pretended.pass_truth
        own = np.ones(len(pretended))
        if callable(factor):
            given, shape = np.asarray(factor(pretended.truth.select(truth)), np.float64), (int(truth.sum()),)
        else:
            given, shape = np.asarray(factor, dtype=np.float64), (len(pairs),)
        if given.shape != shape:
            raise ConfigError(f"stress: factors of shape {given.shape}; expected {shape}")
        own[truth] = given if callable(factor) else given[half][truth]
        pretended = pretended.weighted(own)
    found = unfold(simulation, pretended.reconstructed)
    x, weight = values_of(pretended.generated, of)[1], pretended.generated.weight
    expected, squares = (np.histogram(x, found.edges, weights=one)[0] for one in (weight, weight**2))
    # what was reconstructed of the half is in both: their common fluctuation cancels, so this is on the safe side
    return Compared(
        found.edges, found.values, expected.astype(np.float64), found.covariance + np.diag(squares)
    )


def refolded(unfolded: Unfolded, data: Any, edges: ArrayLike, *, seen: str | None = None) -> Compared:
    """Return the reconstructed histogram of the weighted simulation beside that of the data.

    Parameters
    ----------
    unfolded
        From data and pairs.
    data
        The same data.
    edges
        Of the reconstructed bins, shape ``(B + 1,)``.
    seen
        A reconstructed column, or an expression of columns.

    Notes
    -----
    Fakes have the simulation's yield. The weights were learned from the same data, so that chi2 is smaller than that
    of independent events: a large one is bad, a small one says little.
    """
    pairs, borders = unfolded.pairs, edges_of(edges)
    events, _ = measured(data, pairs)
    weight = np.where(pairs.pass_truth, unfolded.weight, pairs.weight)[pairs.pass_reco]

    def filled(table: Events, own: FloatArray) -> FloatArray:
        return np.histogram(values_of(table, seen)[1], borders, weights=own)[0].astype(np.float64)

    reco = pairs.reco.select(pairs.pass_reco)
    variance = filled(events, events.weight**2) + filled(reco, weight**2)
    return Compared(borders, filled(reco, weight), filled(events, events.weight), np.diag(variance))


@dataclass(frozen=True)
class BottomLine:
    """How well models can be told apart before and after unfolding.

    Parameters
    ----------
    before, after
        Chi2 between two models at detector level, and at particle level.
    bins
        At both levels.
    """

    before: float
    after: float
    bins: tuple[int, int]

    @property
    def passed(self) -> bool:
        """Whether unfolding tells no more than data did: one that does has errors that are too small."""
        return self.after <= self.before


def bottom_line(
    unfolded: UnfoldedHistogram,
    pairs: Pairs,
    factor: ArrayLike,
    data: Any,
    edges: ArrayLike,
    *,
    of: str | None = None,
    seen: str | None = None,
) -> BottomLine:
    """Return chi2 between the simulation and another model before and after unfolding.

    Parameters
    ----------
    unfolded
        With its covariance.
    pairs
        The simulation.
    factor
        What makes another model of its generated events, one for each of N, shape ``(N,)``.
    data
        Whose errors stand at detector level.
    edges
        Of the reconstructed bins.
    of, seen
        Columns or expressions at both levels.

    Notes
    -----
    R. Cousins, S. May, Y. Sun, arXiv:1607.07038: what is unfolded can tell models apart no better than data did.
    """
    borders = edges_of(edges)
    away = np.where(pairs.pass_truth, np.asarray(factor, dtype=np.float64) - 1, 0.0) * pairs.weight
    events, _ = measured(data, pairs)

    def filled(table: Events, column: str | None, where: FloatArray, own: FloatArray) -> FloatArray:
        return np.histogram(values_of(table, column)[1], where, weights=own)[0].astype(np.float64)

    truth, reco = pairs.pass_truth, pairs.pass_reco
    generated = filled(pairs.truth.select(truth), of, unfolded.edges, away[truth])
    seen_away = filled(pairs.reco.select(reco), seen, borders, away[reco])
    before, rows = chi2(seen_away, np.diag(filled(events, seen, borders, events.weight**2)))
    after, bins = chi2(generated, unfolded.covariance)
    return BottomLine(before, after, (rows, bins))
