"""Posteriors: a known one, their coverage and its control, and the way back to weights."""

from functools import partial

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.flows import ConditionalDensity, TrainingPlan, affine_autoregressive
from hepflow.unfolding import Pairs, Posterior
from hepflow.weights import load_weights, save_weights

PLAN = TrainingPlan(epochs=6, batch_size=128, learning_rate=0.02)


def density():
    return ConditionalDensity(partial(affine_autoregressive, layers=2, hidden=16), PLAN, members=1)


def normal(seed, mean=0.0, width=1.0, events=4000):
    random = np.random.default_rng(seed)
    x = random.normal(mean, width, events)
    return Pairs.of({"x": x, "y": random.normal(x, 0.5)}, truth=["x"], reco=["y"])


@pytest.fixture(scope="module")
def posterior():
    return Posterior(density()).fit(normal(1), seed=1)


def test_the_posterior_of_an_event_is_bayes_theorem(posterior):
    drawn = posterior.sample(np.array([[1.0], [-1.0]]), draws=4000, seed=1)[..., 0]
    assert drawn.mean(axis=1) == pytest.approx([0.8, -0.8], abs=0.1)
    assert drawn.std(axis=1) == pytest.approx([np.sqrt(0.2)] * 2, abs=0.07)
    likely, unlikely = posterior.log_prob([[0.8], [2.0]], {"y": np.ones(2)})
    assert likely > unlikely + 2


def test_coverage_holds_and_halved_errors_fail(posterior):
    test = normal(2, events=2000)
    good = posterior.coverage(test, draws=60, seed=1)
    assert good.largest_error < 0.05
    control = posterior.coverage(test, draws=60, seed=1, narrower=2.0)
    assert control.largest_error > 0.15
    assert good.statistical == pytest.approx(0.5 / np.sqrt(2000))


def test_iterations_take_the_prior_away():
    pairs = normal(1)
    data = normal(3, 0.5, 0.9).reco
    last, unfolded = Posterior(density()).unfold(pairs, data, iterations=3, replicas=3, seed=1)
    means = [np.average(pairs.truth["x"], weights=weight) for weight in unfolded.weights]
    assert abs(means[-1] - 0.5) < 0.08
    assert abs(means[-1] - 0.5) < abs(means[0] - 0.5)
    assert unfolded.histogram([-1.0, 0.0, 1.0]).error.min() > 0
    assert last.sample(data.select(slice(3)), draws=2, seed=1).shape == (3, 2, 1)


def test_a_posterior_can_be_kept(posterior, tmp_path):
    save_weights(tmp_path / "p.safetensors", posterior)
    back = load_weights(tmp_path / "p.safetensors", Posterior)
    drawn = [one.sample({"y": np.ones(3)}, draws=5, seed=1) for one in (posterior, back)]
    assert np.array_equal(*drawn)


def test_what_it_cannot_do_is_refused(posterior):
    with pytest.raises(ConfigError, match="0 draws"):
        posterior.sample({"y": np.ones(3)}, draws=0, seed=1)
    negative = normal(1).weighted(np.r_[-1.0, np.ones(3999)])
    with pytest.raises(InputError, match="a flow learns densities"):
        posterior.unfold(negative, normal(2).reco, seed=1)
    with pytest.raises(ConfigError, match="iterations"):
        posterior.unfold(normal(1), normal(2).reco, iterations=0, seed=1)
