"""Autoencoders: the bottleneck has to be one, and trainings side by side are those alone."""

import numpy as np
import pytest
import torch

from hepflow.errors import ConfigError, InputError
from hepflow.outliers import Autoencoder, VariationalAutoencoder
from hepflow.training import TrainingPlan
from hepflow.weights import State

PLAN = TrainingPlan(epochs=2, batch_size=64, best_epochs=1)
X = np.random.default_rng(1).normal(size=(300, 4))


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
@pytest.mark.parametrize("bottleneck", [4, 7])
def test_a_bottleneck_as_wide_as_the_features(kind, bottleneck):
    with pytest.raises(ConfigError, match=f"{bottleneck} for 4 features lets everything through.* at most 3"):
        kind(bottleneck=bottleneck, plan=PLAN).fit(X, seed=1)


def test_bad_settings():
    with pytest.raises(ConfigError, match="a bottleneck of 0; expected at least 1"):
        Autoencoder(bottleneck=0)
    with pytest.raises(ConfigError, match="members 0 and hidden layers"):
        Autoencoder(members=0)
    with pytest.raises(ConfigError, match=r"hidden layers \(\)"):
        Autoencoder(hidden=())
    with pytest.raises(ConfigError, match="beta -1"):
        VariationalAutoencoder(beta=-1)
    with pytest.raises(InputError, match="40 events cannot train a network in batches of 64"):
        Autoencoder(plan=PLAN).fit(X[:40], seed=1)


def test_half_of_the_features_by_default():
    assert Autoencoder(members=1, plan=PLAN).fit(X, seed=1).networks["decoder.0.weight"].shape[-1] == 2


def test_members_are_as_if_trained_alone():
    both = Autoencoder(members=2, hidden=(8,), plan=PLAN).fit(X, seed=1)
    alone = Autoencoder(members=1, hidden=(8,), plan=PLAN).fit(X, seed=2)
    for name, each in alone.networks.items():
        torch.testing.assert_close(both.networks[name][1], each[0], rtol=1e-4, atol=1e-5)


def test_the_score_is_the_distance_of_what_comes_back():
    """By hand: a network that returns zero scores the mean square of the standardised columns."""
    detector = Autoencoder(members=1, hidden=(8,), plan=PLAN).fit(X, seed=1)
    for each in detector.networks.values():
        each.zero_()
    standard = (X - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(detector.score(X), np.mean(standard**2, axis=1), rtol=1e-5)


def test_the_bound_of_a_variational_one():
    """By hand: all weights zero, the latent is the prior and the noise is one."""
    detector = VariationalAutoencoder(members=1, hidden=(8,), plan=PLAN).fit(X, seed=1)
    for each in detector.networks.values():
        each.zero_()
    standard = (X - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(detector.score(X), 0.5 * np.sum(standard**2, axis=1), rtol=1e-5)


def test_damaged_states():
    state = Autoencoder(members=1, hidden=(8,), plan=PLAN).fit(X, seed=1).state()
    with pytest.raises(InputError, match="no networks"):
        Autoencoder.from_state(State(state.settings, {}, state.parts))
    with pytest.raises(InputError, match="scales of"):
        Autoencoder.from_state(State({**state.settings, "features": ["a", "b"]}, state.arrays, state.parts))
