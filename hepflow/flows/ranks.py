"""Ranks: columns to a normal distribution by their own quantiles, with a slope that has no steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from hepflow.sample import FloatArray
from hepflow.weights import storable

FIRST = 21  # knots, evenly spaced in the normal variable
REACH = 3.5  # of the outer ones, in standard deviations
HALVINGS = 4  # of the distance between them, at most
GAIN = 3.0  # of log-likelihood, that a further knot must bring in rows that have no part in it
FOLDS = 4  # of which each is such rows once


@storable
@dataclass(frozen=True)
class SmoothRank:
    """Map each column by its own quantiles to a normal distribution, smoothly between knots.

    `GaussRank` is linear between its knots: the density of what is drawn has a step at each. Here a
    rational-quadratic spline goes through the same knots, whose slope is continuous. Beyond the outer knots the map
    goes on along its last slope.

    Parameters
    ----------
    knots
        For each of the D columns, increasing positions, their images and the slopes there, each ``(3, K)``.

    Notes
    -----
    J. A. Gregory and R. Delbourgo, IMA J. Numer. Anal. 2 (1982) 123, eq. 2.2; the slope at a knot is the geometric
    mean of those beside it, which keeps the map increasing. The inverse solves a quadratic equation.
    """

    knots: tuple[FloatArray, ...]

    @classmethod
    def fit(cls, x: FloatArray, first: int = FIRST, reach: float = REACH) -> SmoothRank:
        """Take quantiles of training rows (N, D), in the normal variable up to +-`reach`.

        There are `first` of them, evenly spaced, and more where they describe rows better that have no part in them:
        a sharp peak takes many, a smooth column few.
        """
        images = np.linspace(-reach, reach, first)
        return cls(tuple(_knots(column, _refined(column, images)) for column in x.T))

    def forward(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return normal-distributed columns (N, D) and log-determinants (N,)."""
        z, slopes = np.empty_like(x), np.empty_like(x)
        for i, (positions, images, derivatives) in enumerate(self.knots):
            z[:, i], slopes[:, i] = _through(x[:, i], positions, images, derivatives)
        return z, np.sum(np.log(slopes), axis=1)

    def inverse(self, z: FloatArray) -> FloatArray:
        """Return the columns in their own units (N, D)."""
        return np.stack(
            [_back(column, *knots) for column, knots in zip(z.T, self.knots, strict=True)], axis=1
        )


def _refined(column: FloatArray, images: FloatArray) -> FloatArray:
    """Return the images of knots, with one more between two wherever that is worth it."""
    undecided = np.ones(len(images) - 1, dtype=bool)
    for _ in range(HALVINGS):
        middle = 0.5 * (images[:-1] + images[1:])
        finer = np.sort(np.concatenate([images, middle[undecided]]))
        gain = _likelihood(column, finer) - _likelihood(column, images)
        place = np.clip(np.searchsorted(_knots(column, images)[0], column) - 1, 0, len(undecided) - 1)
        if len(_knots(column, images)[0]) < len(images):  # of a column with steps, no knot is worth it
            return images
        split = undecided & (np.bincount(place, gain, len(undecided)) > GAIN)
        if not split.any():
            return images
        undecided = np.repeat(split, 1 + split)
        images = np.sort(np.concatenate([images, middle[split]]))
    return images


def _likelihood(column: FloatArray, images: FloatArray) -> FloatArray:
    """Return the log-likelihood of each row (N,), by quantiles of rows of other folds."""
    found = np.empty(len(column))
    fold = np.arange(len(column)) % FOLDS
    for one in range(FOLDS):
        z, slope = _through(column[fold == one], *_knots(column[fold != one], images))
        found[fold == one] = np.log(slope) - 0.5 * z**2
    return found


def _knots(column: FloatArray, images: FloatArray) -> FloatArray:
    """Return positions, images and slopes of the knots of a column, ``(3, K)``."""
    positions, first = np.unique(np.quantile(column, ndtr(images)), return_index=True)
    if len(positions) < 2:  # all but a few rows stand on one value
        low, high = column.min(), column.max()
        positions, first = np.array([low, high if high > low else low + 1.0]), np.array([0, len(images) - 1])
    return np.stack([positions, images[first], _slopes(positions, images[first])])


def _slopes(positions: FloatArray, images: FloatArray) -> FloatArray:
    secants = np.diff(images) / np.diff(positions)
    inner = np.exp(0.5 * (np.log(secants[:-1]) + np.log(secants[1:])))
    return np.concatenate([secants[:1], inner, secants[-1:]])


def _through(
    x: FloatArray, positions: FloatArray, images: FloatArray, derivatives: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the image (N,) of values (N,) and its slope (N,)."""
    index = np.clip(np.searchsorted(positions, x) - 1, 0, len(positions) - 2)
    width, height = np.diff(positions)[index], np.diff(images)[index]
    secant, left, right = height / width, derivatives[index], derivatives[index + 1]
    t = np.clip((x - positions[index]) / width, 0.0, 1.0)
    rest = t * (1 - t)
    below = secant + (left + right - 2 * secant) * rest
    z = images[index] + height * (secant * t**2 + left * rest) / below
    slope = secant**2 * (right * t**2 + 2 * secant * rest + left * (1 - t) ** 2) / below**2
    z += np.where(x < positions[0], derivatives[0] * (x - positions[0]), 0.0)
    z += np.where(x > positions[-1], derivatives[-1] * (x - positions[-1]), 0.0)
    return z, slope


def _back(z: FloatArray, positions: FloatArray, images: FloatArray, derivatives: FloatArray) -> FloatArray:
    """Return the values (N,) of images (N,)."""
    index = np.clip(np.searchsorted(images, z) - 1, 0, len(positions) - 2)
    width, height = np.diff(positions)[index], np.diff(images)[index]
    secant, left, right = height / width, derivatives[index], derivatives[index + 1]
    up = np.clip(z - images[index], 0.0, height)
    bend = up * (left + right - 2 * secant)
    a, b, c = height * (secant - left) + bend, height * left - bend, -secant * up
    t = np.clip(2 * c / (-b - np.sqrt(np.maximum(b**2 - 4 * a * c, 0.0))), 0.0, 1.0)
    x = positions[index] + t * width
    x += np.where(z < images[0], (z - images[0]) / derivatives[0], 0.0)
    return np.asarray(x + np.where(z > images[-1], (z - images[-1]) / derivatives[-1], 0.0))
