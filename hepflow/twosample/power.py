"""What a test would see: differences of a known size, planted into a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import rankdata

from hepflow.classifiers.area import Closure
from hepflow.errors import ConfigError, InputError
from hepflow.progress import progress
from hepflow.sample import FloatArray
from hepflow.twosample.classifier import ClassifierTest
from hepflow.twosample.compare import two_sample

BEST = (0.55, 0.6, 0.65)
WAVES = 3  # that the planted difference is made of
PITCH = 2.0  # of a wave, per rank from 0 to 1 times pi
LARGEST = 6.0  # logarithm of the ratio between the densities


@dataclass(frozen=True)
class Planted:
    """A difference that was planted, and what a test made of it.

    Parameters
    ----------
    best
        Area under the ROC curve of the best classifier there can be, which knows the difference.
    seen, error
        That of the classifier of the test, which does not.
    """

    best: float
    seen: float
    error: float


def planted_differences(
    x: FloatArray,
    best: Sequence[float] = BEST,
    *,
    test: ClassifierTest | None = None,
    replicas: int = 19,
    seed: int,
) -> tuple[Planted, ...]:
    """Return what a classifier test sees of differences of known sizes, in samples of these events.

    The events are dealt to two halves. From one of them events are dropped with a probability that varies smoothly
    over all columns, so that the best classifier is known; the test is made with what is left of it and as many of
    the other.

    Parameters
    ----------
    x
        Events, shape ``(N, D)``.
    best
        Area under the ROC curve of the best classifier, of each difference, in (0.5, 1).
    test
        What is tried; the test of `two_sample` by default.
    replicas
        Behind its error.
    seed
        Of the difference, of what is dropped, and of the test.

    Raises
    ------
    ConfigError
        If a size is none.
    InputError
        If there are too few events to plant so large a difference.

    Notes
    -----
    The density ratio is ``exp(a g)``, where ``g`` is a sum of waves in the ranks of the columns, in random
    directions: every column takes part in it, and no column alone shows it well.
    """
    for size in best:
        if not 0.5 < size < 1:
            raise ConfigError(f"planted difference: area under the curve {size:g}; expected 0.5 < area < 1")
    random = np.random.default_rng(seed)
    order = random.permutation(len(x))
    half = len(x) // 2
    wave = _wave(x, random)
    found = []
    for number, size in enumerate(progress(list(best), "planted", "test")):
        strength = _strength(wave, size)
        keep = np.exp(strength * (wave - wave.max()))
        changed = order[:half][random.random(half) < keep[order[:half]]]
        others = order[half:][: len(changed)]
        if len(changed) < ClassifierTest.least:
            raise InputError(
                f"planted difference: {len(changed):,} of {half:,} events are left with one of {size:g}; expected "
                f"{ClassifierTest.least} at least. Plant a smaller one, or give more events"
            )
        ones = np.ones(len(changed)), np.ones(len(others))
        known = Closure.of((wave[changed], wave[others]), ones).auc
        result = two_sample(
            x[changed], x[others], tests=[test or ClassifierTest()], replicas=replicas, seed=seed + number
        )
        seen = result.differences[0]
        found.append(Planted(known, seen.value, seen.error))
    return tuple(found)


def _wave(x: FloatArray, random: np.random.Generator) -> FloatArray:
    """Return a smooth function of all columns at each event, shape ``(N,)``, of mean 0 and variance 1."""
    ranks = (rankdata(x, axis=0) - 0.5) / len(x)
    total = np.zeros(len(x))
    for _ in range(WAVES):
        direction = random.normal(size=x.shape[1])
        direction *= PITCH * np.pi / np.sqrt(np.sum(direction**2))
        total += np.cos(ranks @ direction + random.uniform(0, 2 * np.pi))
    return np.asarray((total - total.mean()) / total.std())


def _strength(wave: FloatArray, best: float) -> float:
    """Return the ``a`` of ``exp(a g)`` at which the best classifier has so large an area under its curve."""
    sample = np.sort(wave)

    def away(strength: float) -> float:
        weight = np.exp(strength * (sample - sample[-1]))
        weight /= weight.sum()
        below = (np.arange(len(sample)) + 0.5) / len(sample)
        return float(np.sum(weight * below)) - best

    if away(LARGEST) < 0:
        raise InputError(
            f"planted difference: an area of {best:g} is larger than waves in these columns can make"
        )
    return float(brentq(away, 0.0, LARGEST))
