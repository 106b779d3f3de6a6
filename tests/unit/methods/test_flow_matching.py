"""The template of flow matching on a search in miniature: that of CATHODE but for its density."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from hepflow.flows import Density, FlowMatching, flow_matching
from hepflow.methods import Cathode, FlowMatchingTemplate
from hepflow.selection import closure
from hepflow.training import TrainingPlan

PLAN = TrainingPlan(epochs=30, batch_size=512, learning_rate=1e-2, average=0.98, best_epochs=1)


def template():
    density = Density(partial(flow_matching, hidden=32, layers=2, steps=6), PLAN, members=2)
    return FlowMatchingTemplate(density, oversampling=2.0, validation_oversampling=0.5)


@pytest.fixture(scope="module")
def data(toy):
    return toy.background(6000, seed=1)


@pytest.fixture(scope="module")
def background(toy, data):
    return template().fit(data, toy.windows, folds=2, seed=3)


def test_by_default_it_is_cathode_with_another_density():
    method = FlowMatchingTemplate()
    assert isinstance(method, Cathode)
    assert isinstance(method.density.architecture(3, 1), FlowMatching)
    assert method.oversampling == Cathode().oversampling


def test_it_closes_in_the_signal_region(background, toy):
    """The classifier tells the template from the exact density hardly better than by chance."""
    exact = toy.background(12_000, seed=5).window(3300, 3700)
    assert closure(exact, background.template, seed=1).auc < 0.56


def test_yields_replicas_and_losses(background, toy):
    assert background.template.weight.sum() == pytest.approx(background.expected[0], abs=0.5)
    assert toy.windows.in_signal(background.template.mass).all()
    assert len(background.losses) == 4
    assert set(background.replica) == {0, 1, 2, 3}


def test_the_seed_decides_and_truth_is_not_looked_at(background, data, toy):
    labels = np.random.default_rng(0).permutation(np.arange(len(data)) % 2)
    again = template().fit(replace(data, label=labels), toy.windows, folds=2, seed=3)
    assert np.array_equal(background.template.features, again.template.features)
    other = template().fit(data, toy.windows, folds=2, seed=4)
    assert not np.array_equal(background.template.features[:100], other.template.features[:100])
