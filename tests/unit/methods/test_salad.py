"""SALAD on a search in miniature whose simulation is wrong in a known way, and on simulated dijets."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.classifiers import NeuralNetwork
from hepflow.errors import ConfigError, InputError
from hepflow.features import features
from hepflow.methods import Salad, deal_data
from hepflow.readers import read
from hepflow.regions import Windows
from hepflow.selection import closure
from hepflow.training import TrainingPlan

PLAN = TrainingPlan(
    epochs=6, batch_size=512, learning_rate=1e-2, validation_fraction=0.2, best_epochs=2, bootstrap=True
)


def salad(**options):
    network = NeuralNetwork(members=1, hidden=(16, 16), bins=0, with_mass=True, plan=PLAN)
    return Salad(network, **{"replicas": 2, **options})


@pytest.fixture(scope="module")
def data(toy):
    return toy.background(12_000, seed=1)


@pytest.fixture(scope="module")
def simulation(toy):
    """Return background with another tau21: `exact_weight` makes it right."""
    events = toy.background(16_000, seed=2)
    wrong = events.features.copy()
    wrong[:, 2] = np.random.default_rng(3).beta(4, 4, len(events))
    return replace(events, features=wrong)


def exact_weight(events):
    """Return Beta(5, 4) over Beta(4, 4): ``2 tau21``."""
    return 2 * events.feature("tau21")


@pytest.fixture(scope="module")
def background(toy, data, simulation):
    return salad().fit(data, toy.windows, simulation=simulation, seed=3)


def same(one, other):
    return np.array_equal(one.mass, other.mass) and np.array_equal(one.weight, other.weight)


def test_weights_are_the_ratio_of_the_densities(background):
    """Learned in the sidebands, they hold in the signal region, too."""
    for sample in (background.template, background.validation):
        exact = exact_weight(sample)
        found = sample.weight / sample.weight.mean()
        assert np.corrcoef(found, exact)[0, 1] > 0.9
        assert np.sqrt(np.mean((found - exact) ** 2)) < 0.25  # of weights that spread by 0.33


def test_the_weighted_feature_is_that_of_the_data(background, simulation, data, toy):
    template = background.template
    mean = np.average(template.feature("tau21"), weights=template.weight)
    wanted = data.window(*toy.windows.signal).feature("tau21").mean()
    before = simulation.window(*toy.windows.signal).feature("tau21").mean()
    assert abs(mean - wanted) < 0.015
    assert abs(before - wanted) > 0.04


def test_weights_add_up_to_the_yield_of_the_sideband_fit(background, toy):
    assert background.template.weight.sum() == pytest.approx(background.expected[0])
    for low, high in toy.windows.sidebands:
        expected, _ = background.smooth.yield_in(low, high)
        assert background.validation.window(low, high).weight.sum() == pytest.approx(expected)


def test_events_are_those_of_the_simulation(background, simulation, toy):
    assert np.array_equal(background.template.mass, simulation.window(*toy.windows.signal).mass)
    assert toy.windows.in_sidebands(background.validation.mass).all()
    assert background.template.label is None


def test_data_and_template_are_dealt_into_folds(background, data, toy):
    folds = background.folds
    assert folds.count == 5
    assert np.array_equal(folds.data, deal_data(data, toy.windows, 5, seed=3))
    for sample, fold in ((background.template, folds.template), (background.validation, folds.validation)):
        assert fold.shape == sample.mass.shape
        assert np.ptp(np.bincount(fold)) <= 1
    assert background.examples is None


def test_events_are_dealt_between_independent_trainings(background):
    assert len(background.losses) == 2
    assert background.losses[0] != background.losses[1]
    for sample, replica in (
        (background.template, background.replica),
        (background.validation, background.validation_replica),
    ):
        assert replica.shape == sample.mass.shape
        assert np.bincount(replica) == pytest.approx(np.full(2, len(sample) / 2), rel=0.1)


def test_no_weight_comes_from_a_training_that_saw_the_event(data, simulation, toy, monkeypatch):
    seen, asked = [], []

    def remember(self, numerator, denominator, seed):
        seen.append({*denominator.features[:, 0]})
        self.place = len(seen) - 1
        return self

    def ratio(self, sample):
        asked.append((self.place, {*sample.features[:, 0]}))
        return np.zeros(len(sample))

    monkeypatch.setattr(NeuralNetwork, "fit", remember)
    monkeypatch.setattr(NeuralNetwork, "log_ratio", ratio)
    salad(replicas=4).fit(data, toy.windows, simulation=simulation, seed=1)
    assert len(seen) == 4
    assert all(seen[place].isdisjoint(events) for place, events in asked)


def test_the_seed_decides_the_weights(background, data, simulation, toy):
    again, other = (salad().fit(data, toy.windows, simulation=simulation, seed=seed) for seed in (3, 4))
    assert same(background.template, again.template)
    assert same(background.validation, again.validation)
    assert not same(background.template, other.template)


def test_neither_truth_nor_the_signal_region_is_looked_at(background, data, simulation, toy):
    inside = toy.windows.in_signal(data.mass)
    shuffled = replace(
        data,
        features=np.where(inside[:, None], data.features[::-1], data.features),
        label=np.random.default_rng(0).permutation(np.arange(len(data)) % 2),
    )
    unlabelled = replace(simulation, label=None)
    other = salad().fit(shuffled, toy.windows, simulation=unlabelled, seed=3)
    assert same(background.template, other.template)


def test_weights_of_the_simulation_count(data, simulation, toy):
    """A simulation that generator weights make right needs none of ours."""
    weighted = replace(simulation, weight=exact_weight(simulation))
    template = salad().fit(data, toy.windows, simulation=weighted, seed=3).template
    ours = template.weight / exact_weight(template)
    assert np.std(ours) / np.mean(ours) < 0.2


def test_without_simulation(data, toy):
    with pytest.raises(ConfigError, match=r"SALAD starts from simulated background.*inputs\.simulation"):
        salad().fit(data, toy.windows, seed=1)


def test_too_little_simulation(data, simulation, toy):
    with pytest.raises(InputError, match=r"SALAD: the .* events in the signal region are worth"):
        salad().fit(data, toy.windows, simulation=simulation.select(slice(3500)), seed=1)


def test_negative_weights(data, simulation, toy):
    weight = np.where(np.arange(len(simulation)) % 10, 1.0, -0.1)
    with pytest.raises(InputError, match="SALAD: some weights are negative"):
        salad().fit(data, toy.windows, simulation=replace(simulation, weight=weight), seed=1)


def test_a_classifier_without_mass(data, simulation, toy):
    with pytest.raises(ConfigError, match="must take m_jj"):
        Salad(NeuralNetwork()).fit(data, toy.windows, simulation=simulation, seed=1)


def test_one_replica(data, simulation, toy):
    with pytest.raises(ConfigError, match="at least 2 folds"):
        salad(replicas=1).fit(data, toy.windows, simulation=simulation, seed=1)


@pytest.mark.slow
def test_closure_on_dijets_of_another_tune(shared_data):
    """Raw simulation has an AUC of 0.57 against the data; weighted it is hard to tell from them."""
    names = ("m_J1", "dm_J", "tau21_J1", "tau21_J2", "dR_JJ")
    windows = Windows((3300, 3700), [(2900, 3300), (3700, 4500)])
    random = np.random.default_rng(0)
    truth, simulation = (
        features(read(shared_data(f"pythia/{name}.h5"), "lhco"), names).window(2900, 4500)
        for name in ("data", "simulation")
    )
    data = truth.select(random.permutation(len(truth))[:80_000])
    simulation = simulation.select(random.permutation(len(simulation))[:80_000])
    truth = truth.window(*windows.signal)
    template = Salad(replicas=4).fit(data, windows, simulation=simulation, seed=1).template
    assert closure(truth, simulation.window(*windows.signal), seed=1).auc > 0.56
    assert closure(truth, template, seed=1).auc < 0.515
