"""The methods' own classifiers in files: the same scores to the last bit."""

import copy
from functools import partial

import numpy as np
import pytest
from safetensors import safe_open

from hepflow.classifiers import BoostedTrees, CrossFit, NeuralNetwork, crossfit
from hepflow.errors import ConfigError, InputError
from hepflow.flows import Density, TrainingPlan, spline_autoregressive
from hepflow.methods.anode import TwoDensities
from hepflow.methods.cathode import Cathode
from hepflow.methods.lacathode import LatentClassifier
from hepflow.methods.ranode import RAnode, ResidualDensity
from hepflow.weights import State, load_weights, save_weights

PLAN = TrainingPlan(epochs=2, batch_size=64, best_epochs=2)
SMALL = partial(spline_autoregressive, layers=2, hidden=8)


def small(members=2):
    return Density(SMALL, PLAN, members=members)


@pytest.fixture(scope="module")
def background(toy):
    return small().fit(toy.background(800, seed=1), seed=1)


@pytest.fixture(scope="module")
def scorers(toy, background):
    """Return an untrained classifier of every method that brings its own."""
    signal = toy.windows.signal
    residual = RAnode(Cathode.fewer(), SMALL, PLAN, members=2)
    network = NeuralNetwork(members=1, hidden=(8,), plan=PLAN)
    return {
        "trees in latent spaces": LatentClassifier(
            background, 2, toy.windows.range, BoostedTrees(1, max_iter=3)
        ),
        "networks in latent spaces": LatentClassifier(background, 1, toy.windows.range, network),
        "ratio": TwoDensities(background, small(1), signal),
        "residual": ResidualDensity(residual, background, signal),
    }


@pytest.mark.parametrize("name", ["trees in latent spaces", "networks in latent spaces", "ratio", "residual"])
def test_cross_fits_of_every_method(name, scorers, toy, tmp_path):
    data, template = toy.background(600, seed=5), toy.background(700, seed=6)
    fit = crossfit(scorers[name], data, template, folds=2, seed=1)
    save_weights(tmp_path / "w", fit)
    back = load_weights(tmp_path / "w", CrossFit)
    other, fold_of = toy.background(300, seed=7), np.arange(300) % 2
    np.testing.assert_array_equal(back.score(other, fold_of), fit.score(other, fold_of))


def test_the_background_that_all_folds_share_is_written_once(scorers, background, toy, tmp_path):
    data, template = toy.background(600, seed=5), toy.background(700, seed=6)
    save_weights(tmp_path / "fit", crossfit(scorers["ratio"], data, template, folds=2, seed=1))
    with safe_open(tmp_path / "fit", framework="numpy") as file:
        names = [name for name in file.keys() if ".background.flow." in name]  # noqa: SIM118
    assert len(names) == len(background.state().arrays)


def test_a_class_that_had_another_name(scorers, toy, tmp_path):
    """Files of ANODE's ratio from before it was called what it is."""
    data, template = toy.background(600, seed=5), toy.background(700, seed=6)
    fit = copy.deepcopy(scorers["ratio"]).fit(data, template, seed=1)
    save_weights(tmp_path / "w", fit)
    content = (tmp_path / "w").read_bytes()
    assert b"TwoDensities" in content
    (tmp_path / "old").write_bytes(content.replace(b"TwoDensities", b"DensityRatio"))
    back = load_weights(tmp_path / "old", TwoDensities)
    np.testing.assert_array_equal(back.log_ratio(data), fit.log_ratio(data))


def test_untrained(scorers, tmp_path):
    for name in ("trees in latent spaces", "ratio", "residual"):
        with pytest.raises(ConfigError, match="has not been trained"):
            save_weights(tmp_path / "w", scorers[name])


def test_more_latent_spaces_than_flows(background, scorers, toy):
    trees = BoostedTrees(1, max_iter=2)
    state = State(
        {"masses": [1.0, 2.0]}, {}, {"density": background, **{f"copies.{k}": trees for k in range(3)}}
    )
    with pytest.raises(InputError, match="3 classifiers in the latent spaces of 2 flows"):
        LatentClassifier.from_state(state)
