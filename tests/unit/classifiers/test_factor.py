"""Factors of weights: learned on the same events, they have none of the noise of two samples."""

import numpy as np
import pytest

from hepflow.classifiers import (
    BoostedTrees,
    LearnsFactors,
    NeuralNetwork,
    SmoothRatio,
    fit_factor,
    table,
)
from hepflow.training import TrainingPlan

PLAN = TrainingPlan(epochs=5, batch_size=250, learning_rate=0.02)
RATIOS = {
    "trees": BoostedTrees(members=2, max_iter=40),
    "network": NeuralNetwork(members=1, hidden=(16,), plan=PLAN),
    "smooth": SmoothRatio(4),
}


@pytest.fixture(scope="module")
def events():
    random = np.random.default_rng(3)
    return table(random.normal(size=(4000, 1)), random.uniform(0.5, 1.5, 4000))


@pytest.mark.parametrize("name", RATIOS)
def test_a_factor_is_learned_up_to_its_mean(name, events):
    x, seed = events.features[:, 0], 1
    factor = 3 * np.exp(0.5 * x) * np.random.default_rng(4).uniform(0.5, 1.5, len(x))
    expected = 0.5 * x - np.log(np.average(np.exp(0.5 * x), weights=events.weight))
    found = fit_factor(RATIOS[name], events, factor, seed).log_ratio(events)
    inner = np.abs(x) < 1.5
    assert np.sqrt(np.mean((found - expected)[inner] ** 2)) < 0.1


def test_equal_factors_leave_no_noise_in_trees(events):
    trees = BoostedTrees(members=2, max_iter=40)
    ones = np.full(len(events), 2.0)
    assert isinstance(trees, LearnsFactors)
    assert np.abs(fit_factor(trees, events, ones, 1).log_ratio(events)).max() < 1e-12
    assert np.abs(trees.fit(events, events, 1).log_ratio(events)).max() > 0.01  # as two samples
