"""Bijections of columns between their own units and the space a flow learns in, each with its log-determinant."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from scipy.special import ndtr, ndtri

from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.sample import FloatArray
from hepflow.weights import storable

# nearest a rescaled value may come to 0 or 1: keeps the logit of an event on the very bound finite
CLIP = 1e-6
OUTER = 5  # ranks at either end that share one slope: that of two neighbours alone may be any


@runtime_checkable
class Bijection(Protocol):
    """An invertible map of feature tables (N, D), column by column or across columns."""

    def forward(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the image (N, D) and log |det dz/dx| (N,)."""
        ...

    def inverse(self, z: FloatArray) -> FloatArray:
        """Return the features (N, D) of an image."""
        ...


@storable
@dataclass(frozen=True)
class MinMaxLogit:
    """Rescale each column from its bounds to (0, 1), then take the logit: samples cannot leave the bounds.

    Parameters
    ----------
    low, high
        Bounds, shape ``(D,)``, in the features' own units (GeV for masses).
    """

    low: FloatArray
    high: FloatArray

    @classmethod
    def fit(cls, x: FloatArray, names: tuple[str, ...], margin: float = 1e-3) -> MinMaxLogit:
        """Take the bounds from training rows (N, D), widened by `margin` of the range, never below zero.

        Raises
        ------
        InputError
            If a column is constant or not finite.
        """
        low, high = x.min(axis=0), x.max(axis=0)
        for name, least, most in zip(names, low, high, strict=True):
            if not np.isfinite(least) or not np.isfinite(most):
                raise InputError(f"feature {name!r} holds NaN or infinite values; drop those events first")
            if least == most:
                raise InputError(f"feature {name!r} is {least:g} in every training event; leave it out")
        wider = margin * (high - low)
        return cls(np.where(low >= 0, np.maximum(low - wider, 0.0), low - wider), high + wider)

    def forward(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the logits (N, D) and log-determinants (N,); -inf outside the bounds, where no density lives."""
        span = self.high - self.low
        raw = (x - self.low) / span
        u = np.clip(raw, CLIP, 1 - CLIP)
        log_determinant = -np.sum(np.log(u) + np.log1p(-u) + np.log(span), axis=1)
        outside = np.any((raw < 0) | (raw > 1), axis=1)
        return np.log(u) - np.log1p(-u), np.where(outside, -np.inf, log_determinant)

    def inverse(self, z: FloatArray) -> FloatArray:
        """Return features (N, D) inside the bounds."""
        u = 0.5 * (1 + np.tanh(0.5 * z))
        return np.clip(self.low + u * (self.high - self.low), self.low, self.high)


@storable
@dataclass(frozen=True)
class Standardise:
    """Shift and scale each column to mean 0 and standard deviation 1 of the training rows."""

    mean: FloatArray
    scale: FloatArray

    @classmethod
    def fit(cls, x: FloatArray) -> Standardise:
        """Take mean and standard deviation from training rows (N, D)."""
        return cls(x.mean(axis=0), x.std(axis=0))

    def forward(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the standardised columns (N, D) and the constant log-determinant (N,)."""
        return (x - self.mean) / self.scale, np.full(len(x), -np.sum(np.log(self.scale)))

    def inverse(self, z: FloatArray) -> FloatArray:
        """Return the columns in their own units (N, D)."""
        return z * self.scale + self.mean


@storable
@dataclass(frozen=True)
class GaussRank:
    """Map each column by its own quantiles to a normal distribution, linearly between knots.

    A logit leaves exponential tails where a density ends at a bound, and splines on a normal base with linear
    tails cannot make those; ranks can. Beyond the outer knots the map goes on along its last slope.

    Parameters
    ----------
    knots
        For each of the D columns, increasing positions in the column, and their images, each ``(2, K)``.
    """

    knots: tuple[FloatArray, ...]

    @classmethod
    def fit(cls, x: FloatArray, count: int = 41, reach: float = 3.5) -> GaussRank:
        """Take `count` quantiles of training rows (N, D), evenly spaced in the normal variable up to +-`reach`."""
        images = np.linspace(-reach, reach, count)
        columns = []
        for column in x.T:
            positions, first = np.unique(np.quantile(column, ndtr(images)), return_index=True)
            if len(positions) < 2:  # all but a few rows stand on one value
                positions, first = np.array([column.min(), column.max()]), np.array([0, count - 1])
            columns.append(np.stack([positions, images[first]]))
        return cls(tuple(columns))

    @classmethod
    def of_all(cls, x: FloatArray) -> GaussRank:
        """Take every value of training rows (N, D) as a knot, its image being the normal quantile of its rank."""
        columns = []
        for column in x.T:
            positions, counts = np.unique(column, return_counts=True)
            images = ndtri((np.cumsum(counts) - 0.5 * counts) / len(column))
            if len(positions) > 4 * OUTER:
                kept = np.r_[0, OUTER : len(positions) - OUTER, len(positions) - 1]
                positions, images = positions[kept], images[kept]
            columns.append(np.stack([positions, images]))
        return cls(tuple(columns))

    def forward(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return normal-distributed columns (N, D) and log-determinants (N,)."""
        z, slopes = np.empty_like(x), np.empty_like(x)
        for i, (positions, images) in enumerate(self.knots):
            z[:, i], slopes[:, i] = _interpolate(x[:, i], positions, images)
        return z, np.sum(np.log(slopes), axis=1)

    def inverse(self, z: FloatArray) -> FloatArray:
        """Return the columns in their own units (N, D)."""
        columns = zip(z.T, self.knots, strict=True)
        return np.stack([_interpolate(column, y, x)[0] for column, (x, y) in columns], axis=1)


def _interpolate(x: FloatArray, knots: FloatArray, images: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the piecewise linear image (N,) of values (N,) and its slope (N,), extrapolated at both ends."""
    slopes = np.diff(images) / np.diff(knots)
    index = np.clip(np.searchsorted(knots, x) - 1, 0, len(slopes) - 1)
    return images[index] + slopes[index] * (x - knots[index]), slopes[index]


@storable
@dataclass(frozen=True)
class Chain:
    """Several bijections, one after another."""

    parts: tuple[Bijection, ...]

    def forward(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the image (N, D) under all parts and the sum of their log-determinants (N,)."""
        total = np.zeros(len(x))
        for part in self.parts:
            x, log_determinant = part.forward(x)
            total = total + log_determinant
        return x, total

    def inverse(self, z: FloatArray) -> FloatArray:
        """Return the features (N, D), undoing the parts in reverse."""
        for part in reversed(self.parts):
            z = part.inverse(z)
        return z


@storable
@dataclass(frozen=True)
class Dequantise:
    """Add uniform noise of one step to columns of discrete values, and round down on the way back.

    A density of a discrete feature has no bound: a flow would put ever narrower peaks on its values. With the noise,
    the density over a step is the probability of its value (Theis et al., arXiv:1511.01844, sec. 3.1).

    Parameters
    ----------
    origin, step
        Smallest value and distance of the values of each column, shape ``(D,)``; a step of 0 leaves a column alone.
    seed
        Of the noise, which is the same for the same rows.
    """

    origin: FloatArray
    step: FloatArray
    seed: int = 0

    @classmethod
    def fit(cls, x: FloatArray, names: tuple[str, ...], discrete: Collection[str]) -> Dequantise:
        """Take the steps of the named columns from training rows (N, D).

        Raises
        ------
        ConfigError
            If there is no such column.
        InputError
            If a column's values are not evenly spaced.
        """
        step = np.zeros(len(names))
        for name in discrete:
            if name not in names:
                raise ConfigError(f"no feature {name!r} to dequantise: {did_you_mean(name, names)}")
            column = names.index(name)
            values = np.unique(x[:, column])
            gaps = np.diff(values)
            least = gaps.min() if len(gaps) else 1.0
            if not np.allclose(gaps / least, np.round(gaps / least), atol=1e-3):
                raise InputError(
                    f"feature {name!r} is to be dequantised, but its values are not evenly spaced"
                )
            step[column] = least
        return cls(x.min(axis=0), step)

    def forward(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the columns with noise (N, D) and log-determinants of zero (N,)."""
        noise = np.random.default_rng(self.seed).random(x.shape)
        return x + self.step * noise, np.zeros(len(x))

    def inverse(self, z: FloatArray) -> FloatArray:
        """Return the discrete values (N, D)."""
        step = np.where(self.step > 0, self.step, 1.0)
        steps = np.floor((z - self.origin) / step + 1e-9)
        return np.where(self.step > 0, self.origin + step * np.maximum(steps, 0), z)


@storable
@dataclass(frozen=True)
class Log:
    """Take the logarithm of columns above a lower bound: for long tails, such as masses.

    Parameters
    ----------
    low
        Lower bound of each column, shape ``(D,)``; -inf leaves a column alone.
    """

    low: FloatArray

    @classmethod
    def fit(
        cls, x: FloatArray, names: tuple[str, ...], columns: Collection[str], margin: float = 1e-3
    ) -> Log:
        """Put the bounds below the smallest value of rows (N, D), by `margin` of the range, never below zero.

        Raises
        ------
        ConfigError
            If there is no such column.
        """
        low = np.full(len(names), -np.inf)
        for name in columns:
            if name not in names:
                raise ConfigError(
                    f"no feature {name!r} to take the logarithm of: {did_you_mean(name, names)}"
                )
            column = x[:, names.index(name)]
            below = column.min() - margin * np.ptp(column)
            low[names.index(name)] = max(below, 0.0) if column.min() > 0 else below
        return cls(low)

    def forward(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the logarithms (N, D) and log-determinants (N,); -inf at or below the bound."""
        taken = np.isfinite(self.low)
        height = np.where(taken, x - np.where(taken, self.low, 0.0), 1.0)
        inside = np.all(height > 0, axis=1)
        logs = np.log(np.where(height > 0, height, 1.0))
        return np.where(taken, logs, x), np.where(inside, -logs.sum(axis=1), -np.inf)

    def inverse(self, z: FloatArray) -> FloatArray:
        """Return the columns in their own units (N, D)."""
        taken = np.isfinite(self.low)
        return np.where(taken, np.where(taken, self.low, 0.0) + np.exp(np.where(taken, z, 0.0)), z)
