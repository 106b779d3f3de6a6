"""ShowerModel: chained flows that learn showers, make others, and are kept and resumed."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.flows import TrainingPlan
from hepflow.showers import Geometry, Layer, ShowerModel, Showers, observables
from hepflow.showers.model import plan_for
from hepflow.weights import load_weights, save_weights

from .conftest import SMALL


def test_showers_have_the_energies_asked_for_and_the_geometry_learned_from(model, showers):
    made = model.sample(showers.energy, seed=2)
    assert np.array_equal(made.energy, showers.energy)
    assert made.geometry == showers.geometry
    seen = made.voxels[made.voxels > 0]
    assert seen.min() >= showers.voxels[showers.voxels > 0].min()
    mine, theirs = observables(made), observables(showers)
    assert mine["response"].mean() == pytest.approx(theirs["response"].mean(), rel=0.03)
    assert mine["energy_1"].mean() == pytest.approx(theirs["energy_1"].mean(), rel=0.1)
    assert np.mean(made.voxels == 0) == pytest.approx(np.mean(showers.voxels == 0), abs=0.04)


def test_the_same_seed_makes_the_same_showers(model):
    energy = np.full(20, 30.0)
    one, other, third = (model.sample(energy, seed).voxels for seed in (1, 1, 2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)


def test_a_model_is_kept(model, tmp_path):
    save_weights(tmp_path / "model.safetensors", model)
    again = load_weights(tmp_path / "model.safetensors", ShowerModel)
    energy = np.array([3.0, 40.0])
    assert np.array_equal(again.sample(energy, 1).voxels, model.sample(energy, 1).voxels)
    assert again.geometry == model.geometry


def test_showers_like_those_learned_from_are_likelier_than_others(model, showers):
    others = replace(showers, energy=0.93 * showers.energy)  # more comes out than does
    assert np.median(model.log_prob(showers, 1)) > np.median(model.log_prob(others, 1)) + 1


def test_an_interrupted_training_goes_on(showers, tmp_path, monkeypatch):
    """Flow after flow keeps its epochs; what was finished is not trained again, and ends as without a stop."""
    few = showers.select(slice(400))
    plan = TrainingPlan(epochs=2, batch_size=100, best_epochs=1)
    whole = ShowerModel(SMALL, plan).fit(few, seed=1)
    from hepflow.training import loop

    epochs = []
    one_epoch = loop._Run.one_epoch

    def stopping(run):
        if len(epochs) == 5:
            raise KeyboardInterrupt
        epochs.append(run)
        one_epoch(run)

    monkeypatch.setattr(loop._Run, "one_epoch", stopping)
    with pytest.raises(KeyboardInterrupt):
        ShowerModel(SMALL, plan).fit(few, seed=1, checkpoint=tmp_path / "training.safetensors")
    epochs.clear()
    resumed = ShowerModel(SMALL, plan).fit(few, seed=1, checkpoint=tmp_path / "training.safetensors")
    assert len(epochs) == 3
    energy = np.full(10, 20.0)
    assert np.array_equal(resumed.sample(energy, 1).voxels, whole.sample(energy, 1).voxels)


def test_layers_without_energy_are_learned(geometry):
    """Of a layer that shows nothing, nothing is generated."""
    random = np.random.default_rng(1)
    voxels = np.zeros((400, 11))
    voxels[:, :8] = random.gamma(2.0, 1.0, (400, 8))
    given = Showers(random.uniform(20, 40, 400), voxels, geometry)
    plan = TrainingPlan(epochs=2, batch_size=100, best_epochs=1)
    made = ShowerModel(SMALL, plan).fit(given, seed=1).sample(given.energy, 1)
    assert made.voxels[:, 8:].sum() < 0.01 * made.voxels.sum()


def test_a_layer_of_one_voxel_has_all_its_energy():
    geometry = Geometry("photon", (Layer(0, (0.0, 5.0), 1), Layer(1, (0.0, 5.0, 9.0), 1)))
    random = np.random.default_rng(1)
    given = Showers(random.uniform(20, 40, 400), random.gamma(2.0, 1.0, (400, 3)), geometry)
    plan = TrainingPlan(epochs=2, batch_size=100, best_epochs=1)
    made = ShowerModel(SMALL, plan).fit(given, seed=1).sample(given.energy, 1)
    assert made.voxels.shape == (400, 3)
    assert made.voxels[:, 0].mean() == pytest.approx(2.0, rel=0.5)


def test_what_cannot_be_learned_is_refused(showers):
    with pytest.raises(ConfigError, match="call fit first"):
        ShowerModel().sample(np.ones(1), 1)
    with pytest.raises(ConfigError, match="a threshold of 0 GeV"):
        ShowerModel(threshold=0.0).fit(showers, 1)
    with pytest.raises(InputError, match=r"shows more than 1e\+06 GeV"):
        ShowerModel(threshold=1e6).fit(showers, 1)
    dark = replace(showers, voxels=np.zeros_like(showers.voxels))
    with pytest.raises(InputError, match="no voxel of 1,500 showers shows more"):
        ShowerModel().fit(dark, 1)
    with pytest.raises(InputError, match=r"incident.* is .* in every"):
        ShowerModel(SMALL).fit(replace(showers, energy=np.full(1500, 5.0)), 1)


def test_energies_that_no_shower_has_are_refused(model, geometry):
    with pytest.raises(InputError, match=r"1 of 2 incident energies are zero"):
        model.sample(np.array([1.0, -1.0]), 1)
    with pytest.raises(ConfigError, match=r"incident energies of shape \(0,\)"):
        model.sample(np.zeros(0), 1)
    with pytest.raises(ConfigError, match="another geometry"):
        model.log_prob(Showers(np.ones(2), np.ones((2, 11)), geometry), 1)


def test_few_showers_are_trained_on_in_as_many_steps():
    """Batches shrink with the number of showers, and the parameters are averaged over a share of the steps."""
    few, many = plan_for(2_500), plan_for(30_000)
    assert (few.batch_size, many.batch_size) == (64, 256)
    assert many.average == pytest.approx(0.9957, abs=1e-3)
    for plan, showers in ((few, 2_500), (many, 30_000)):
        lag, steps = 1 / (1 - plan.average), plan.epochs * showers / plan.batch_size
        assert lag == pytest.approx(steps / 6, rel=0.01)
    assert 0 < plan_for(10).average < 1
