"""Outliers of flows: what a change of coordinates does, and events beyond those of the training."""

from functools import partial

import numpy as np
import pytest
from scipy.stats import spearmanr

from hepflow.errors import ConfigError
from hepflow.flows import ConditionalDensity, spline_autoregressive
from hepflow.outliers import FlowDensity, LatentRadius
from hepflow.sample import Sample
from hepflow.training import TrainingPlan
from hepflow.weights import load_weights, save_weights

PLAN = TrainingPlan(epochs=8, batch_size=128, learning_rate=0.02)


def flows():
    return ConditionalDensity(partial(spline_autoregressive, layers=2, hidden=8), PLAN, members=1)


@pytest.fixture(scope="module")
def moving():
    """Features that move with the mass."""
    random = np.random.default_rng(1)
    mass = random.uniform(2000, 4000, 3000)
    x = random.normal(size=(3000, 2)) * (mass / 3000)[:, None] + [[0.0, 5.0]]
    return Sample(mass, np.stack([x[:, 0], np.exp(x[:, 1] / 3)], axis=1), ("x", "y"))


@pytest.fixture(scope="module")
def density(moving):
    return FlowDensity(flows()).fit(moving, seed=1)


def test_other_coordinates_are_another_density_of_the_same_events(density, moving):
    """-log p(y) = -log p(x) + log |dy/dx|, as the bijection before the flow has it."""
    plain = density.score(moving)
    normal = FlowDensity(density.density, "normal")
    uniform = FlowDensity(density.density, "uniform")
    for other in (normal, uniform):
        other.names, other._low, other._high = density.names, density._low, density._high
    z, log_determinant = density.density.bijection.forward(moving.features)
    np.testing.assert_allclose(normal.score(moving) - plain, log_determinant, atol=1e-9)
    marginal = 0.5 * np.sum(z**2 + np.log(2 * np.pi), axis=1)
    np.testing.assert_allclose(uniform.score(moving), normal.score(moving) - marginal, atol=1e-9)
    assert abs(spearmanr(uniform.score(moving), plain).statistic) < 0.9


def test_coordinates_are_kept(moving, tmp_path):
    detector = FlowDensity(flows(), "uniform").fit(moving, seed=1)
    save_weights(tmp_path / "detector", detector)
    back = load_weights(tmp_path / "detector", FlowDensity)
    assert back.coordinates == "uniform"
    np.testing.assert_array_equal(back.score(moving), detector.score(moving))


def test_the_mass_is_given(density, moving):
    """A radius does not move with the mass, though the features do."""
    assert density.density.given
    radius = LatentRadius(flows()).fit(moving, seed=1)
    spread = np.hypot(moving.features[:, 0], np.log(moving.features[:, 1]) * 3 - 5)
    assert spearmanr(spread, moving.mass).statistic > 0.3
    assert abs(spearmanr(radius.score(moving), moving.mass).statistic) < 0.06


@pytest.mark.filterwarnings("error")
def test_beyond_the_training_stands_for_its_end(density, moving):
    """No event has an infinite score, and no warning is given of masses between the folds' ends."""
    far = moving.select(slice(0, 2))
    low, high = moving.features.min(axis=0), moving.features.max(axis=0)
    beyond = Sample(np.array([1000.0, 9000.0]), np.stack([low - 100, high + 1e6]), moving.names)
    ends = Sample(np.array([moving.mass.min(), moving.mass.max()]), np.stack([low, high]), moving.names)
    np.testing.assert_array_equal(density.score(beyond), density.score(ends))
    assert np.isfinite(density.score(beyond)).all()
    assert (density.score(beyond) > density.score(far).max()).all()


def test_other_coordinates():
    with pytest.raises(ConfigError, match="coordinates 'ranks'; expected one of features, normal, uniform"):
        FlowDensity(coordinates="ranks")
