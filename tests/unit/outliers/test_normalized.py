"""The normalized autoencoder: its energy ranks events as their density does."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from hepflow.errors import ConfigError
from hepflow.outliers import Autoencoder, NormalizedAutoencoder
from hepflow.training import TrainingPlan


@pytest.mark.slow
def test_the_energy_ranks_the_density_of_a_gaussian():
    """Of events that were not learned from, over three seeds; a plain autoencoder has no reason to."""
    found = {Autoencoder: [], NormalizedAutoencoder: []}
    for seed in (2, 3, 4):
        random = np.random.default_rng(seed)
        mixed = random.normal(size=(4, 4))
        x, judged = (random.normal(size=(4000, 4)) @ mixed.T for _ in range(2))
        rare = (np.linalg.solve(mixed, judged.T) ** 2).sum(axis=0)
        for kind, values in found.items():
            values.append(spearmanr(kind(members=1).fit(x, seed).score(judged), rare)[0])
    normalized, plain = (np.array(found[kind]) for kind in (NormalizedAutoencoder, Autoencoder))
    assert np.median(normalized) > 0.75
    assert np.median(normalized - plain) > 0.05


def test_bad_settings():
    with pytest.raises(ConfigError, match="0 steps of the chains; expected at least 1"):
        NormalizedAutoencoder(steps=0)
    with pytest.raises(ConfigError, match="regularisation -1"):
        NormalizedAutoencoder(regularisation=-1.0)


def test_again_the_same_and_the_last_epoch_is_kept():
    x = np.random.default_rng(1).normal(size=(300, 3))
    plan = TrainingPlan(epochs=2, batch_size=64, best_epochs=1)
    one, two = (NormalizedAutoencoder(1, hidden=(8,), plan=plan, steps=2).fit(x, seed=1) for _ in range(2))
    np.testing.assert_array_equal(one.score(x), two.score(x))
    again = NormalizedAutoencoder.from_state(one.state())
    np.testing.assert_array_equal(one.score(x), again.score(x))
