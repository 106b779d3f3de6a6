"""The limit on a signal against the number of generated events."""

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.replicas import Expected
from hepflow.stats import limit_against_events

EDGES = np.linspace(0, 1, 6)
BACKGROUND = np.array([100.0, 300.0, 400.0, 250.0, 80.0])
SIGNAL = np.array([0.0, 5.0, 40.0, 5.0, 0.0])


def generated(modes, events=10_000):
    statistical = BACKGROUND / np.sqrt(BACKGROUND / BACKGROUND.sum() * events)
    return Expected(EDGES, BACKGROUND, np.atleast_2d(modes), statistical)


SHAPE = 0.05 * BACKGROUND * np.array([0.5, -0.3, 1.0, -0.8, -0.2])


def test_the_training_makes_a_plateau_and_the_generated_number_alone_none():
    numbers = (1000, 10_000, 1_000_000, 100_000_000)
    curve = limit_against_events(generated(SHAPE), 10_000, SIGNAL, numbers)
    wrong = limit_against_events(generated(SHAPE), 10_000, SIGNAL, numbers, training=False)
    assert list(curve.limits) == sorted(curve.limits, reverse=True)
    assert curve.limits[2] == pytest.approx(curve.plateau, rel=0.01)
    assert wrong.plateau < 0.9 * curve.plateau
    without = limit_against_events(generated(np.zeros(5)), 10_000, SIGNAL, numbers)
    np.testing.assert_allclose(without.limits, wrong.limits, rtol=1e-6)


def test_the_limit_is_that_of_known_background_where_nothing_is_uncertain():
    certain = limit_against_events(generated(np.zeros(5)), 10_000, SIGNAL, (10**12,)).plateau
    variance = 1 / np.sum(SIGNAL**2 / BACKGROUND)  # of mu-hat
    assert certain == pytest.approx(1.96 * np.sqrt(variance), rel=0.06)


def test_an_uncertain_yield_weakens_it():
    limits = [
        limit_against_events(generated(SHAPE), 10_000, SIGNAL, (10_000,), uncertainty=size).plateau
        for size in (0.0, 0.05, 0.2)
    ]
    assert limits == sorted(limits)
    assert limits[2] > 1.02 * limits[0]


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match="a signal of shape"):
        limit_against_events(generated(SHAPE), 10_000, SIGNAL[:3], (100,))
    with pytest.raises(ConfigError, match="expected positive numbers"):
        limit_against_events(generated(SHAPE), 10_000, SIGNAL, (0,))
    empty = Expected(EDGES, np.where(SIGNAL > 10, 0.0, BACKGROUND), np.zeros((0, 5)), np.ones(5))
    with pytest.raises(InputError, match="1 bins with signal, but without background"):
        limit_against_events(empty, 10_000, SIGNAL, (100,))
