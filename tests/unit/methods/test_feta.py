"""FETA on a search in miniature: simulation arrives where the data are, and what it must not look at."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.flows import Density, Transport, spline_autoregressive, spline_coupling
from hepflow.methods import deal_data
from hepflow.methods.feta import Feta
from hepflow.sample import Sample
from hepflow.selection.closure import closure
from hepflow.training import TrainingPlan

PLAN = TrainingPlan(epochs=1, batch_size=256, learning_rate=1e-2, best_epochs=1)
FLOW = partial(spline_autoregressive, layers=1, hidden=8, bins=4)
MAP = partial(spline_coupling, layers=2, hidden=8, bins=4)
VARIANTS = ["base-to-data", "identity", "penalty", "two-bases"]


def feta(members=1, plan=PLAN, **options):
    return Feta(base=Density(FLOW, plan, members=members), flow=Transport(MAP, plan), **options)


@pytest.fixture(scope="module")
def data(toy):
    return toy.background(6000, seed=1)


@pytest.fixture(scope="module")
def simulation(toy):
    """Background whose first feature is three tenths too large."""
    sample = toy.background(12_000, seed=2)
    return replace(sample, features=sample.features * [1.3, 1.0, 1.0])


@pytest.fixture(scope="module")
def fitted(data, simulation, toy):
    method = feta()
    return method, method.fit(data, toy.windows, simulation=simulation, seed=3)


def same(one, other):
    return np.array_equal(one.mass, other.mass) and np.array_equal(one.features, other.features)


def test_simulation_arrives_where_the_data_are(toy, simulation):
    plan = replace(PLAN, epochs=6)
    flow = partial(spline_autoregressive, layers=2, hidden=16, bins=6)
    method = Feta(base=Density(flow, plan, members=1), flow=Transport(MAP, plan))
    method.fit(toy.background(6000, seed=1), toy.windows, simulation=simulation, seed=3)
    for low, high in ((2500, 3300), (3300, 3700), (3700, 5000)):
        before = simulation.window(low, high)
        after, exact = method.transport(before), before.feature("m_J1") / 1.3
        assert np.array_equal(after.mass, before.mass)
        assert after.feature("m_J1").mean() == pytest.approx(exact.mean(), rel=0.1)


def test_the_template_is_the_simulation_of_the_signal_region(fitted, simulation, toy):
    background = fitted[1]
    events = simulation.select(toy.windows.in_signal(simulation.mass))
    assert np.array_equal(background.template.mass, events.mass)
    assert background.template.weight.sum() == pytest.approx(background.expected[0])
    in_sidebands = sum(background.smooth.yield_in(*band)[0] for band in toy.windows.sidebands)
    assert background.validation.weight.sum() == pytest.approx(in_sidebands)
    assert background.template.names == toy.names
    assert background.template.label is None


def test_data_and_template_are_dealt_into_folds(fitted, data, toy):
    background = fitted[1]
    folds = background.folds
    assert folds.count == 5
    assert np.array_equal(folds.data, deal_data(data, toy.windows, 5, seed=3))
    for sample, fold in ((background.template, folds.template), (background.validation, folds.validation)):
        assert fold.shape == sample.mass.shape
        assert np.ptp(np.bincount(fold)) <= 1
    assert background.examples is None


def test_the_distance_that_the_template_travelled(fitted, simulation, toy):
    method, background = fitted
    events = simulation.select(toy.windows.in_signal(simulation.mass)).features
    weight = background.template.weight
    mean = np.average(np.abs(background.template.features - events), axis=0, weights=weight)
    assert method.distance.names == toy.names
    assert method.distance.mean == pytest.approx(mean)
    assert method.distance.relative == pytest.approx(mean / events.std(axis=0), rel=0.05)
    assert min(method.distance.mean) > 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant(data, simulation, toy, variant):
    method = feta(members=2, variant=variant)
    background = method.fit(data, toy.windows, simulation=simulation, seed=3)
    assert np.isfinite(background.template.features).all()
    assert len(background.losses) == 4
    assert np.bincount(background.replica).shape == (2,)
    assert np.isfinite(method.distance.relative).all()
    assert not method.flow.trainings  # settings stay settings: the next fit starts anew


def test_variants_start_and_pay_as_they_say(data, simulation, toy):
    almost = replace(PLAN, learning_rate=1e-9)
    near = {}
    for variant in ("base-to-data", "identity"):
        method = Feta(variant, Density(FLOW, PLAN, members=1), Transport(MAP, almost))
        method.fit(data, toy.windows, simulation=simulation, seed=3)
        near[variant] = max(method.distance.relative)
    assert near["identity"] < 1e-4 < 0.02 < near["base-to-data"]


def test_draws_from_the_base_density(data, simulation, toy):
    method = feta(oversampling=5.0, validation_oversampling=1.0)
    background = method.fit(data, toy.windows, simulation=simulation, seed=3)
    assert len(background.template) == pytest.approx(5 * background.expected[0], abs=1)
    assert background.template.weight.sum() == pytest.approx(background.expected[0])


def test_the_seed_decides(fitted, data, simulation, toy):
    again, other = (
        feta().fit(data, toy.windows, simulation=simulation, seed=seed).template for seed in (3, 4)
    )
    assert same(fitted[1].template, again)
    assert not same(fitted[1].template, other)


def test_truth_is_not_looked_at(fitted, data, simulation, toy):
    shuffled = np.random.default_rng(0).permutation(np.arange(len(data)) % 2)
    other = feta().fit(
        replace(data, label=shuffled), toy.windows, simulation=simulation.without_truth(), seed=3
    )
    assert same(fitted[1].template, other.template)
    assert same(fitted[1].validation, other.validation)


def test_features_of_the_signal_region_are_not_looked_at(fitted, data, simulation, toy):
    inside = toy.windows.in_signal(data.mass)
    features = np.where(inside[:, None], data.features[::-1], data.features)
    other = feta().fit(replace(data, features=features), toy.windows, simulation=simulation, seed=3)
    assert same(fitted[1].template, other.template)


def test_weights_of_the_simulation_count(data, simulation, toy):
    weight = np.random.default_rng(1).uniform(0.5, 1.5, len(simulation))
    weighted = replace(simulation, weight=weight)
    template = feta().fit(data, toy.windows, simulation=weighted, seed=3).template
    within = weight[toy.windows.in_signal(simulation.mass)]
    assert np.corrcoef(template.weight, within)[0, 1] > 0.9


def test_bad_input(data, simulation, toy):
    with pytest.raises(ConfigError, match="no variant 'identiy'"):
        Feta("identiy")
    with pytest.raises(ConfigError, match="FETA starts from simulated background and was given none"):
        feta().fit(data, toy.windows, seed=1)
    lacking = Sample(simulation.mass, simulation.features[:, :2], toy.names[:2])
    with pytest.raises(ConfigError, match="FETA: the simulation lacks the feature 'tau21'"):
        feta().fit(data, toy.windows, simulation=lacking, seed=1)
    elsewhere = replace(simulation, features=simulation.features + np.array([5000.0, 0.0, 0.0]))
    with pytest.raises(InputError, match="lie outside the simulation in feature 'm_J1'"):
        feta().fit(data, toy.windows, simulation=elsewhere, seed=1)
    with pytest.raises(InputError, match="in the signal region are worth"):
        feta().fit(data, toy.windows, simulation=simulation.select(slice(3000)), seed=1)
    with pytest.raises(ConfigError, match="this Feta has not been fitted; call fit first"):
        feta().transport(simulation)


@pytest.mark.slow
def test_closure_on_pythia(pythia):
    data, fresh, simulation, windows = pythia
    background = Feta().fit(data, windows, simulation=simulation, seed=1)
    assert closure(fresh, background.template, seed=1).auc < 0.51
