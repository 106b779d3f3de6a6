"""The integral: its value with an error, what its events are worth, and events."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hepflow.errors import ConfigError, FitError, InputError
from hepflow.events import Events, FloatArray
from hepflow.importance import effective_size, unweighting_efficiency
from hepflow.integration.sampler import Points, Sampler, means_and_spreads
from hepflow.text import aligned, number, with_error
from hepflow.training import Losses

OVERWEIGHT = 0.001  # share of the integral above the weight at which events are always kept
PIECE = 100_000  # points drawn at a time
PATIENCE = 100  # pieces without an event that is kept, before one gives up


@dataclass(frozen=True, eq=False)
class Integral:
    """An integral, and what draws events of its integrand.

    Parameters
    ----------
    value, error
        The integral and its standard deviation, from calls that no training saw.
    chi2, dof
        Of the iterations' values about their mean, and its degrees of freedom.
    iterations
        Value and error of each iteration, shape ``(K, 2)``.
    calls, training_calls
        Calls of the integrand: those behind the value, and those of the training before.
    sampler
        What draws points.
    points
        Those behind the value.
    names
        Of the channels.
    dropped
        Names of the channels that were left out, since they had nearly no share.
    losses
        Of each round of training.
    described
        How it was made, in words.
    """

    value: float
    error: float
    chi2: float
    dof: int
    iterations: FloatArray
    calls: int
    training_calls: int
    sampler: Sampler
    points: Points
    names: tuple[str, ...]
    dropped: tuple[str, ...] = ()
    losses: tuple[Losses, ...] = ()
    described: str = ""

    def __repr__(self) -> str:
        return f"Integral({with_error(self.value, self.error)}, {self.calls:,} calls)"

    @property
    def relative_sigma(self) -> float:
        """Standard deviation of the weights over their mean, of one call: ``error sqrt(calls) / |value|``."""
        return self.error * math.sqrt(self.calls) / abs(self.value) if self.value else math.inf

    @property
    def weight(self) -> FloatArray:
        """Weight of each point behind the value, shape ``(N,)``; they add up to it."""
        counts = np.bincount(self.points.channel, minlength=len(self.names))
        return np.asarray(self.points.weight / counts[self.points.channel])

    @property
    def effective_size(self) -> float:
        """How many events of equal weight the points are worth."""
        return effective_size(self.weight)

    @property
    def negative_share(self) -> float:
        """Share of the integral of ``|f|`` where the integrand is negative; zero where it is not signed."""
        weight = self.weight
        return float(-weight[weight < 0].sum() / np.abs(weight).sum()) if np.any(weight) else 0.0

    def efficiency(self, overweight: float = 0.0) -> float:
        """Return the share of events that stay if all are to have one weight.

        Parameters
        ----------
        overweight
            Share of the integral that may lie above the weight that is always kept; 0 takes the largest weight.
        """
        return unweighting_efficiency(self.weight_by_share(), overweight)

    def always_kept(self, overweight: float = OVERWEIGHT) -> float:
        """Return the weight, over the mean size of all, from which events are always kept if all are to have one.

        Parameters
        ----------
        overweight
            As in `efficiency`.

        Raises
        ------
        InputError
            If all weights are zero.
        """
        size = np.sort(np.abs(self.weight_by_share()))
        return _top(size, overweight) / float(size.mean())

    def weight_by_share(self) -> FloatArray:
        """Return weights, shape ``(M,)``, of as many points of each channel as its share of the integral asks for.

        They are relative to their channel's mean, so that channels have one.
        """
        shares = np.abs(means_and_spreads(self.points.weight, self.points.channel, len(self.names))[0])
        counts = np.bincount(self.points.channel, minlength=len(self.names))
        some = shares > 0
        most = float(np.min(counts[some] / shares[some])) if some.any() else 0.0
        parts = []
        for channel in np.flatnonzero(some):
            own = self.points.weight[self.points.channel == channel]
            parts.append(own[: max(int(most * shares[channel]), 1)] / shares[channel])
        return np.concatenate(parts) if parts else np.zeros(0)

    def events(self, points: int | None = None, *, seed: int = 1, evaluate: bool = True) -> Events:
        """Return weighted events.

        Parameters
        ----------
        points
            How many to draw anew; None returns those behind the value.
        seed
            Of what is drawn.
        evaluate
            Whether to call the integrand: the weights then add up to the integral. Otherwise all have the same
            weight, and follow the proposals.

        Returns
        -------
        Events
            With columns ``x0``, ``x1``, ... in the integrand's own units.
        """
        if points is None:
            return self._events(self.points.x, self.weight)
        _at_least_one(points)
        random = np.random.default_rng([seed, 1])
        if not evaluate:
            return self._events(
                self.sampler.without_integrand(points, random), np.full(points, self.value / points)
            )
        counts = self.sampler.by_share(points)
        drawn = self.sampler.weighted(counts, random)
        return self._events(drawn.x, drawn.weight / np.asarray(counts)[drawn.channel])

    def unweighted(self, events: int, *, overweight: float = OVERWEIGHT, seed: int = 1) -> Events:
        """Draw events of equal weight, kept in proportion to their weights.

        Parameters
        ----------
        events
            How many.
        overweight
            Share of the integral above the weight that is always kept, as in `efficiency`; those few events have
            weights above the others'.
        seed
            Of what is drawn.

        Returns
        -------
        Events
            Weights of one unit each, or more, as told; negative ones where the integrand is. They add up to the
            integral.

        Raises
        ------
        FitError
            If next to no event is kept.
        """
        _at_least_one(events)
        random = np.random.default_rng([seed, 2])
        size = np.sort(np.abs(self.weight_by_share()))
        top = _top(size, overweight)
        kept_x: list[FloatArray] = []
        kept_weight: list[FloatArray] = []
        found, fruitless = 0, 0
        while found < events:
            # pieces before the last are whole: which events are kept does not follow from when enough are there
            counts = self.sampler.by_share(
                min(PIECE, max(1000, int(1.3 * events / max(size.mean() / top, 1e-3))))
            )
            drawn = self.sampler.weighted(counts, random)
            relative = drawn.weight / _means(self)[drawn.channel]
            keep = random.random(len(relative)) * top < np.abs(relative)
            order = random.permutation(np.flatnonzero(keep))  # channels come in turn
            kept_x.append(drawn.x[order])
            kept_weight.append(np.sign(drawn.weight[order]) * np.maximum(np.abs(relative[order]) / top, 1.0))
            found += len(order)
            fruitless = 0 if len(order) else fruitless + 1
            if fruitless == PATIENCE:
                raise FitError(
                    f"unweighted: none of {PATIENCE * PIECE:,} points was kept; integrate with more "
                    "calls, or allow more "
                    "overweight"
                )
        x, weight = np.concatenate(kept_x)[:events], np.concatenate(kept_weight)[:events]
        return self._events(x, weight * self.value / weight.sum())

    def _events(self, x: FloatArray, weight: FloatArray) -> Events:
        return Events(x, tuple(f"x{axis}" for axis in range(x.shape[1])), weight)

    def numbers(self) -> dict[str, Any]:
        """Return what `text` says; the efficiencies are at no overweight and at 0.1 %."""
        return {
            "value": self.value,
            "error": self.error,
            "chi2": self.chi2,
            "dof": self.dof,
            "iterations": tuple((float(value), float(error)) for value, error in self.iterations),
            "calls": self.calls,
            "training_calls": self.training_calls,
            "relative_sigma": self.relative_sigma if self.value else None,
            "effective_size": self.effective_size,
            "efficiency": self.efficiency(),
            "efficiency_overweight": self.efficiency(OVERWEIGHT),
            "negative_share": self.negative_share,
            "channels": self.names,
            "dropped": self.dropped,
            "how": self.described,
        }

    def text(self) -> str:
        """Return the result as lines of text."""
        return "\n".join(summary(self.numbers()))


def summary(numbers: Mapping[str, Any]) -> list[str]:
    """Return the numbers of an integral, as `Integral.numbers` has them, as lines of text."""
    value, error = numbers["value"], numbers["error"]
    rows = [
        ["integral", with_error(value, error)],
        ["relative error", number(error / abs(value) if value else None, ".2e")],
        ["chi2 / dof of iterations", f"{numbers['chi2']:.1f} / {numbers['dof']}"],
        ["calls", f"{numbers['calls']:,} (training: {numbers['training_calls']:,})"],
        ["relative sigma of a call", number(numbers["relative_sigma"])],
        ["effective size", f"{numbers['effective_size']:,.0f}"],
        [
            "unweighting efficiency",
            f"{numbers['efficiency']:.3f} ({numbers['efficiency_overweight']:.3f} at 0.1 % overweight)",
        ],
    ]
    if numbers["negative_share"] > 0:
        told = f"{numbers['negative_share']:.3%} of the integral of |f|: events have signs"
        rows.append(["negative share", told])
    if numbers["dropped"]:
        rows.append(["channels left out", ", ".join(numbers["dropped"])])
    names = aligned([[row[0]] for row in rows])  # values stand on the left, one below the other
    lines = [f"{name}  {row[1]}" for name, row in zip(names, rows, strict=True)]
    return [f"how: {numbers['how']}", *lines] if numbers["how"] else lines


def _at_least_one(count: int) -> None:
    if count < 1:
        raise ConfigError(f"{count} events; expected at least 1")


def _means(integral: Integral) -> FloatArray:
    points = integral.points
    means = np.abs(means_and_spreads(points.weight, points.channel, len(integral.names))[0])
    return np.where(means > 0, means, 1.0)


def _top(size: FloatArray, overweight: float) -> float:
    """Return the weight that is always kept."""
    efficiency = unweighting_efficiency(size, overweight)
    if not efficiency > 0:
        raise InputError("unweighted: all weights are zero")
    # mean(min(w, top)) is all but the overweight
    return float((1 - overweight) * size.mean() / efficiency)


def combined(parts: Sequence[Points], channels: int) -> tuple[float, float, float, int, FloatArray]:
    """Return value, error, chi2, degrees of freedom, and value and error of each part, ``(K, 2)``."""
    each = np.array([estimate(part, channels) for part in parts])
    value, error = estimate(joined(parts), channels)
    known = each[:, 1] > 0
    chi2 = float(np.sum(((each[known, 0] - value) / each[known, 1]) ** 2))
    return value, error, chi2, max(len(parts) - 1, 0), each


def estimate(points: Points, channels: int) -> tuple[float, float]:
    """Return the sum of the channels' mean weights, and its error."""
    means, spreads = means_and_spreads(points.weight, points.channel, channels)
    counts = np.bincount(points.channel, minlength=channels)
    return float(means.sum()), float(np.sqrt(np.sum(spreads**2 / np.maximum(counts, 1))))


def joined(parts: Sequence[Points]) -> Points:
    """Return all points as one."""
    return Points(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "channel", "weight"))
    )
