"""Event subtraction: the difference of two samples as weighted events of the first (arXiv:1912.08824)."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.classifiers import DensityRatio, Folds, SmoothRatio, crossfit, deal
from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.events import Events, FloatArray
from hepflow.generation.operands import as_sample, operands
from hepflow.importance import effective_size, unweighting_efficiency
from hepflow.progress import progress
from hepflow.quantity import Quantity
from hepflow.readers.expressions import Expression
from hepflow.sample import Sample
from hepflow.text import aligned, number, with_error

LEAST = 2  # replicas: of fewer there is no spread
ALL = 1e9  # in a cross-fit, all events train
LESS_STIFF = 10.0  # times: the smooth ratio whose difference from the chosen one stands for its bias
SURE = 4.0  # sigma from which a region is called negative


@dataclass(frozen=True, eq=False)
class SubtractedHistogram:
    """A histogram of a difference, beside that of counting, with the errors of both.

    Parameters
    ----------
    quantity
        What is histogrammed.
    edges
        Shape ``(B + 1,)``.
    values, covariance
        Sums of the signed weights, ``(B,)``, and their covariance, ``(B, B)``: that over the replicas, whose rank is
        below their number, and the bias as a mode of its own.
    both, minus
        Sums of weights of the two samples, ``(B,)``.
    both_error, minus_error
        Their statistical errors, ``(B,)``.
    outside
        Share of the difference that lies beyond the edges.
    """

    quantity: Quantity
    edges: FloatArray
    values: FloatArray
    covariance: FloatArray
    both: FloatArray
    both_error: FloatArray
    minus: FloatArray
    minus_error: FloatArray
    outside: float

    @property
    def error(self) -> FloatArray:
        """Errors of the values, shape ``(B,)``."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def binned(self) -> FloatArray:
        """What counting gives: the difference of the two histograms, shape ``(B,)``."""
        return self.both - self.minus

    @property
    def binned_error(self) -> FloatArray:
        """Its statistical error, shape ``(B,)``."""
        return np.hypot(self.both_error, self.minus_error)

    def text(self) -> str:
        """Return a line for each bin."""
        head = (self.quantity.plain, "both", "minus", "difference", "binned")
        rows = [head]
        for low, high, *found in zip(
            self.edges[:-1],
            self.edges[1:],
            self.both,
            self.minus,
            self.values,
            self.error,
            self.binned,
            self.binned_error,
            strict=True,
        ):
            both, minus, value, error, binned, its = found
            difference, counted = with_error(value, error), with_error(binned, its)
            rows.append(
                (f"{number(low)} to {number(high)}", number(both), number(minus), difference, counted)
            )
        return "\n".join(aligned(rows))


@dataclass(frozen=True, eq=False)
class Subtracted:
    """The difference of two samples as events of the first with signed weights.

    Parameters
    ----------
    events
        The events of `both`, with weights that add up to the difference of the totals.
    both, minus
        What went in.
    replicas
        The weights of the events in each replica, shape ``(R, N)``; zero where the bootstrap left an event out.
    others
        The weights by a second ratio, ten times less stiff, shape ``(N,)``: what changes with it estimates the bias
        that smoothing leaves. None of a ratio that has no stiffness.
    normalisation, normalisation_error
        What the learned ratio was before it was made to remove exactly what `minus` weighs: over that, 1 where the
        ratio is one of densities.
    """

    events: Events
    both: Events
    minus: Events
    replicas: NDArray[np.float32]
    others: FloatArray | None
    normalisation: float
    normalisation_error: float

    def __len__(self) -> int:
        return len(self.events)

    @property
    def total(self) -> float:
        """Sum of the weights: that of `both` less that of `minus`."""
        return float(self.events.weight.sum())

    @property
    def effective_size(self) -> float:
        """How many events of equal weight say as much."""
        return effective_size(self.events.weight)

    @property
    def negative_events(self) -> float:
        """Share of events with a negative weight."""
        return float(np.mean(self.events.weight < 0))

    @property
    def negative_share(self) -> float:
        """What negative weights add up to, in units of the difference; zero or less."""
        weight = self.events.weight
        return float(weight[weight < 0].sum() / self.total)

    def __repr__(self) -> str:
        return (
            f"Subtracted({len(self):,} events, total {self.total:.6g}, worth {self.effective_size:,.0f}, "
            f"{100 * self.negative_events:.2g} % with negative weights, {len(self.replicas)} replicas)"
        )

    def histogram(self, edges: ArrayLike, of: str | None = None) -> SubtractedHistogram:
        """Return the difference in bins.

        Parameters
        ----------
        edges
            Rising, shape ``(B + 1,)``; the last bin holds its upper edge.
        of
            A column, or an expression of columns; may be left out where there is one column.

        Raises
        ------
        ConfigError
            If the edges do not rise, or there is no such column.
        """
        borders = np.asarray(edges, dtype=np.float64)
        if borders.ndim != 1 or len(borders) < 2 or not np.all(np.diff(borders) > 0):
            raise ConfigError(f"a histogram: expected two or more rising edges; got {borders}")
        quantity, x = self._values(self.both, of)
        _, other = self._values(self.minus, of)

        def filled(values: FloatArray, weight: Any) -> FloatArray:
            return np.histogram(values, borders, weights=weight)[0].astype(np.float64)

        values = filled(x, self.events.weight)
        every = np.stack([filled(x, one.astype(np.float64)) for one in self.replicas])
        covariance = np.cov(every, rowvar=False).reshape(len(values), len(values))
        if self.others is not None:
            bias = filled(x, self.others) - values
            covariance += np.outer(bias, bias)
        return SubtractedHistogram(
            quantity,
            borders,
            values,
            covariance,
            filled(x, self.both.weight),
            np.sqrt(filled(x, self.both.weight**2)),
            filled(other, self.minus.weight),
            np.sqrt(filled(other, self.minus.weight**2)),
            1 - float(values.sum()) / self.total,
        )

    def positive(self, seed: int) -> Events:
        """Return events of equal, positive weight that are drawn by their weights, without those of negative ones.

        The weights add up to the difference. What is left out stands in the cutflow, with its cause.

        Parameters
        ----------
        seed
            Of the draws.

        Raises
        ------
        InputError
            If `both` has negative weights itself, or the difference is negative in a whole region, so that leaving
            negative weights out would change what is described.
        """
        weight = self.events.weight
        negative = weight < 0
        if (self.both.weight < 0).any():
            raise InputError(
                f"subtract: {int((self.both.weight < 0).sum()):,} events of `both` have negative weights themselves; "
                "their difference cannot be drawn event by event"
            )
        self._check_negative(negative)
        drawn = np.random.default_rng(seed).random(len(weight)) * weight.max() < weight
        kept = int(drawn.sum())
        causes = (
            (f"negative weight, {100 * self.negative_share:.2g} % of the difference", int(negative.sum())),
            (
                f"not drawn, at {100 * unweighting_efficiency(np.maximum(weight, 0.0)):.2g} % efficiency",
                len(weight) - kept - int(negative.sum()),
            ),
        )
        events = self.events.select(drawn)
        cutflow = (*self.events.cutflow, *causes)
        return replace(events, weight=np.full(kept, self.total / kept), cutflow=cutflow)

    def _check_negative(self, negative: NDArray[np.bool_]) -> None:
        if not negative.any():
            return
        sums = self.replicas[:, negative].astype(np.float64).sum(axis=1)
        value, error = float(self.events.weight[negative].sum()), float(sums.std(ddof=1))
        if -value > SURE * error:
            x = self.events.features[negative]
            where = ", ".join(
                f"{name} {low:.4g} to {high:.4g}"
                for name, low, high in zip(
                    self.events.names, *np.quantile(x, (0.05, 0.95), axis=0), strict=True
                )
            )
            raise InputError(
                f"subtract: the difference is negative in a whole region, {with_error(value, error)} of "
                f"{self.total:.4g} in all (90 % of it at {where}): more is subtracted than there is, or the "
                "difference has another sign there. Keep the signed weights, or cut the region away"
            )

    def _values(self, events: Events, of: str | None) -> tuple[Quantity, FloatArray]:
        if of is None:
            if len(events.names) > 1:
                raise ConfigError(f"a histogram of which column? {did_you_mean('', events.names)}")
            of = events.names[0]
        if of in events.names:
            return events.quantity(of), events.feature(of)
        expression = Expression(of)
        for name in expression.names:
            if name not in events.names:
                raise ConfigError(
                    f"a histogram of {of!r}: no column {name!r} that the weights know: "
                    f"{did_you_mean(name, events.names)}"
                )
        columns = {name: ak.Array(events.feature(name)) for name in expression.names}
        return Quantity(of), expression.numbers(columns, len(events))


def subtract(
    both: Any,
    minus: Any,
    *,
    names: Sequence[str] | None = None,
    ratio: DensityRatio | None = None,
    folds: int | None = None,
    replicas: int = 20,
    seed: int,
) -> Subtracted:
    """Subtract one sample from another, event by event.

    Each event of `both` at x gets the weight ``1 - (n_S / n_B) p_S(x) / p_B(x)``, times its own, where n are sums of
    weights and the ratio of the densities of `minus` (S) and `both` (B) is learned. The events then follow
    ``n_B p_B - n_S p_S`` in all columns at once, without bins, and with less noise than the difference of histograms.

    Parameters
    ----------
    both, minus
        Events or samples (with their resonant variable), data frames or dictionaries of columns, of which one may be
        called "weight", or arrays ``(N, D)`` and ``(M, D)``. Weights are yields; they may be negative as long as no
        region is. No event may stand in both.
    names
        The columns that the ratio knows, and that histograms can be made of; all by default. Of arrays, their names.
    ratio
        An untrained classifier; by default `hepflow.classifiers.SmoothRatio`.
    folds
        None: all events train, as a smooth ratio of few terms allows. A number cross-fits, so that no event's weight
        knows the event: trees and networks need that, and get five folds if nothing is said.
    replicas
        Trainings on bootstrapped samples, from which errors come; a covariance has a rank below their number.
    seed
        Of replicas, folds and trainings.

    Raises
    ------
    ConfigError
        If the columns differ, or there are fewer than two replicas or folds.
    InputError
        If values or weights are not finite; a sample weighs nothing, or is worth less than 200 events; `minus` weighs
        as much as `both`, or lies where `both` has no events; a column is constant, or of another precision in one
        of the two.
    FitError
        If the ratio cannot be fitted.

    Notes
    -----
    A. Butter, T. Plehn, R. Winterhalder, arXiv:1912.08824, subtract by a generative network. Replicas weigh each
    event by a Poisson number of mean one, so that totals fluctuate as counts do. The bias that smoothing leaves is
    not in the replicas; it is taken from a second fit, ten times less stiff.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> both = np.concatenate([random.exponential(1.0, 20_000), random.normal(2.0, 0.2, 5_000)])
    >>> minus = random.exponential(1.0, 20_000)
    >>> difference = hf.subtract({"x": both}, {"x": minus}, replicas=4, seed=1)
    >>> round(difference.total)
    5000
    >>> found = difference.histogram([0.0, 1.0, 1.5, 2.5, 5.0])
    >>> bool(abs(found.values[2] - 4938) < 5 * found.error[2])
    True
    """
    if replicas < LEAST:
        raise ConfigError(
            f"subtract: {replicas} replicas; expected {LEAST} or more, of which errors are made"
        )
    first, second = operands(both, minus, names)
    chosen = SmoothRatio() if ratio is None else ratio
    if folds is None and not isinstance(chosen, SmoothRatio):
        folds = 5
    if folds is not None and folds < 2:
        raise ConfigError(f"subtract: {folds} folds; expected two or more, or None")
    b, s = as_sample(first).without_truth(), as_sample(second).without_truth()
    dealt = None if folds is None else (deal(len(s), folds, seed), deal(len(b), folds, seed + 1))
    log_ratio, fitted = _trained(chosen, s, b, dealt, seed)
    removed, normalisation = _removed(b.weight, s.weight, log_ratio)
    stiff, less_stiff = _as_stiff(chosen, fitted)
    others = None
    if less_stiff is not None:
        others = first.weight - _removed(b.weight, s.weight, _trained(less_stiff, s, b, dealt, seed)[0])[0]
    found = np.zeros((replicas, len(b)), dtype=np.float32)
    norms = []
    for replica in progress(range(replicas), "replicas", "replica"):
        random = np.random.default_rng([seed, replica])
        counts = [random.poisson(1.0, len(one)) for one in (s, b)]
        drawn = [
            replace(one.select(n > 0), weight=(one.weight * n)[n > 0])
            for one, n in zip((s, b), counts, strict=True)
        ]
        parts = None if dealt is None else tuple(fold[n > 0] for fold, n in zip(dealt, counts, strict=True))
        log_ratio, _ = _trained(stiff, drawn[0], drawn[1], parts, seed + 1 + replica)
        less, norm = _removed(drawn[1].weight, drawn[0].weight, log_ratio)
        found[replica, counts[1] > 0] = drawn[1].weight - less
        norms.append(norm)
    events = replace(first, weight=first.weight - removed)
    return Subtracted(events, first, second, found, others, normalisation, float(np.std(norms, ddof=1)))


def _trained(
    ratio: DensityRatio, s: Sample, b: Sample, folds: tuple[Folds, ...] | None, seed: int
) -> tuple[FloatArray, tuple[DensityRatio, ...]]:
    """Return the log ratio at each event of `b`, and what was trained for it."""
    if folds is None:
        fitted = deepcopy(ratio).fit(s, b, seed)
        return fitted.log_ratio(b), (fitted,)
    own, other = folds
    number = int(max(own.max(), other.max())) + 1
    fit = crossfit(ratio, s, b, folds=number, training_ratio=ALL, fold_of=(own, other), seed=seed)
    return fit.denominator, fit.classifiers


def _removed(b: FloatArray, s: FloatArray, log_ratio: FloatArray) -> tuple[FloatArray, float]:
    """Return what is taken from each event of `both`, in all what `minus` weighs, and the mean ratio."""
    share = b * np.exp(log_ratio)
    return share * (s.sum() / share.sum()), float(share.sum() / b.sum())


def _as_stiff(
    ratio: DensityRatio, fitted: Sequence[DensityRatio]
) -> tuple[DensityRatio, DensityRatio | None]:
    """Return a smooth ratio as stiff as the fitted ones, for replicas, and one less stiff; others as they are."""
    if not isinstance(ratio, SmoothRatio):
        return ratio, None
    smooth = [one for one in fitted if isinstance(one, SmoothRatio)]
    ridge = float(np.median([one.chosen for one in smooth if one.chosen is not None]))
    both = deepcopy(smooth[0]), deepcopy(smooth[0])  # trained: others start from there
    both[0].ridge, both[1].ridge = ridge, ridge / LESS_STIFF
    return both
