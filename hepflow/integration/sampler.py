"""The trained sampler: channels, each with its mapping, its proposal and its weight, that draw points together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hepflow.events import FloatArray
from hepflow.flows.bijections import Bijection
from hepflow.integration.buffer import Drawn
from hepflow.integration.integrand import Integrand
from hepflow.integration.proposals import Proposal
from hepflow.integration.weights import Given, Point, WeightNetwork, describe, log_weights

SAFE = 0.1  # share of the calls that follows the channels' shares, not the spread that was seen


@dataclass(frozen=True, eq=False)
class Points:
    """Points that were drawn, with their weights.

    Parameters
    ----------
    x
        Points, ``(N, D)``.
    channel
        Which channel drew each, ``(N,)``.
    weight
        The channel's weight times the integrand over the density, ``(N,)``: the means of all channels add up to the
        integral.
    """

    x: FloatArray
    channel: NDArray[np.int64]
    weight: FloatArray


@dataclass(frozen=True, eq=False)
class Sampler:
    """Channels that draw points of an integrand together.

    Parameters
    ----------
    integrand
        What is integrated.
    mappings
        Of each of C channels, to the unit cube.
    given
        The channel weights that were given.
    groups
        The group of each channel.
    proposals
        Of each group.
    network
        Learned channel weights, if any.
    active
        The channels that take part.
    shares, spreads
        The mean and the standard deviation of each channel's weights, shape ``(C,)``, as far as they are known.
    """

    integrand: Integrand
    mappings: tuple[Bijection, ...]
    given: Given
    groups: tuple[int, ...]
    proposals: tuple[Proposal, ...]
    network: WeightNetwork | None
    active: tuple[int, ...]
    shares: FloatArray
    spreads: FloatArray

    def draw(self, counts: Sequence[int], random: np.random.Generator) -> tuple[Drawn, FloatArray, Point]:
        """Draw so many points of each channel, and evaluate the integrand there.

        Returns
        -------
        drawn, x, point
            What was drawn, where, shape ``(N, D)``, and what is known of the points.
        """
        channel, u, log_density, x = self._points(counts, random)
        point = describe(x, self.integrand.box, self.mappings, self.given)
        value = self.integrand(x)
        # a mapping's density is the inverse of its Jacobian
        value = value * np.exp(-point.log_density[np.arange(len(x)), channel])
        return Drawn.of(channel, u, value, point, log_density[None], len(self.mappings)), x, point

    def weighted(self, counts: Sequence[int], random: np.random.Generator) -> Points:
        """Draw so many points of each channel, with their weights."""
        drawn, x, point = self.draw(counts, random)
        own = log_weights(point, self.network, self.active, x, drawn.value)[np.arange(len(x)), drawn.channel]
        return Points(x, drawn.channel, drawn.value * np.exp(own - drawn.log_density[0]))

    def evaluated(self, channel: NDArray[np.int64], u: FloatArray) -> FloatArray:
        """Return the integrand times the Jacobian of the channel (N,) at points of channels' cubes (N, D)."""
        value = np.empty(len(u))
        for number in np.unique(channel):
            rows = channel == number
            x = self.mappings[number].inverse(u[rows])
            value[rows] = self.integrand(x) * np.exp(-self.mappings[number].forward(x)[1])
        return value

    def without_integrand(self, points: int, random: np.random.Generator) -> FloatArray:
        """Draw points (N, D) from the proposals alone, each channel by its share: no call of the integrand."""
        return self._points(self.by_share(points), random)[3]

    def by_share(self, points: int) -> list[int]:
        """Return how many points each channel draws if the weights of all channels are to have one mean."""
        return dealt(points, self._active(np.abs(self.shares)))

    def by_spread(self, points: int) -> list[int]:
        """Return how many points each channel draws if the integral is to have the smallest error."""
        spread, share = self._active(self.spreads), self._active(np.abs(self.shares))
        even = self._active(np.ones(len(spread)))
        if not spread.sum() > 0:
            spread = even
        if not share.sum() > 0:
            share = even
        return dealt(points, (1 - SAFE) * spread / spread.sum() + SAFE * share / share.sum())

    def even(self, points: int) -> list[int]:
        """Return how many points each channel draws if nothing is known of them."""
        return dealt(points, self._active(np.ones(len(self.mappings))))

    def _active(self, values: FloatArray) -> FloatArray:
        return np.where(np.isin(np.arange(len(values)), self.active), values, 0.0)

    def _points(
        self, counts: Sequence[int], random: np.random.Generator
    ) -> tuple[NDArray[np.int64], FloatArray, FloatArray, FloatArray]:
        us, xs, densities = [], [], []
        for number, count in enumerate(counts):
            if count:
                u, log_density = self.proposals[self.groups[number]].sample(count, random)
                us.append(u)
                xs.append(self.mappings[number].inverse(u))
                densities.append(log_density)
        channel = np.repeat(np.arange(len(counts)), counts)
        return channel, np.concatenate(us), np.concatenate(densities), np.concatenate(xs)


def dealt(points: int, by: FloatArray) -> list[int]:
    """Return whole numbers that add up to `points`, nearly in proportion; at least two for each that has any."""
    some = by > 0
    least = np.where(some, 2, 0)
    ideal = least + (points - least.sum()) * by / by.sum()
    found = np.floor(ideal).astype(int)
    rest = np.argsort(-(ideal - found), kind="stable")[: points - found.sum()]
    found[rest] += 1
    return [int(each) for each in found]


def means_and_spreads(
    weight: FloatArray, channel: NDArray[np.int64], channels: int
) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of the weights of each channel, each ``(C,)``; zero where there are none."""
    means, spreads = np.zeros(channels), np.zeros(channels)
    for number in np.unique(channel):
        own = weight[channel == number]
        means[number], spreads[number] = own.mean(), own.std(ddof=1) if len(own) > 1 else 0.0
    return means, spreads
