"""Searches without signal over and over: what the template expects against what is there, in units of its error."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from hepflow.classifiers import BoostedTrees
from hepflow.flows import Density, spline_autoregressive
from hepflow.methods import Cathode
from hepflow.selection import cuts, score, validate
from hepflow.training import TrainingPlan

EVENTS, REPEATS, EXACT = 24_000, 30, 600_000
EFFICIENCIES = (0.1, 0.01)


def method():
    """A small ensemble of small flows in each of two folds: a few seconds."""
    architecture = partial(spline_autoregressive, layers=2, hidden=16, bins=6)
    plan = TrainingPlan(epochs=6, batch_size=512, learning_rate=1e-2, best_epochs=2)
    return Cathode(Density(architecture, plan, members=2), oversampling=10.0, validation_oversampling=4.0)


def search(data, toy, exact, seed):
    """Return, behind each cut, events observed and expected, the error, and the mean that the exact density gives."""
    trees = partial(BoostedTrees, members=2, max_iter=50)
    background = method().fit(data, toy.windows, folds=2, seed=seed)
    # the exact density, scored by classifiers that never saw it, stands where a signal would be scored
    scores = score(trees(), data, background, signal=exact, seed=seed)
    validation = [
        validate(method(), trees(), data, toy.windows, folds=2, seed=seed, training=number)
        for number in (0, 1)
    ]
    rows = []
    for cut in cuts(scores, EFFICIENCIES, validation=validation):
        expected, error = cut.spectrum.expected_in_signal()
        observed = cut.spectrum.observed[cut.spectrum.in_signal].sum()
        rows.append((observed, expected, error, len(cut.signal) * EVENTS / EXACT))
    return rows


@pytest.fixture(scope="module")
def pulls(toy):
    """Return the pulls of many searches, shape (repeats, cuts): of the data, and of the true mean."""
    exact = toy.background(EXACT, seed=1).window(*toy.windows.signal)
    rows = [search(toy.background(EVENTS, 100 + seed), toy, exact, seed) for seed in range(REPEATS)]
    observed, expected, error, truth = np.moveaxis(rows, -1, 0)
    return SimpleNamespace(
        data=(observed - expected) / np.sqrt(expected + error**2), truth=(truth - expected) / error
    )


def rms(values):
    return np.sqrt(np.mean(values**2, axis=0))


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("of", ["data", "truth"])
def test_pulls_have_unit_width(pulls, of):
    """Each cut alone within the error of so few repeats, 0.13, of what both together must keep."""
    values = getattr(pulls, of)
    assert 0.7 < rms(values.ravel()) < 1.3
    assert (rms(values) > 0.5).all()
    assert (rms(values) < 1.4).all()
    assert (np.abs(values.mean(axis=0)) < 0.8).all()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_error_covers_the_truth(pulls):
    assert (np.mean(np.abs(pulls.truth) < 1, axis=0) > 0.6).all()
    assert (np.mean(np.abs(pulls.truth) < 2, axis=0) > 0.85).all()
