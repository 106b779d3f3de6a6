"""Densities given 0 to 20 contexts, with known answers: the distance from the truth in nats, and moments."""

from functools import partial

import numpy as np
import pytest
from scipy import stats

from hepflow.flows import ConditionalDensity, TrainingPlan, affine_autoregressive, mixture_autoregressive
from hepflow.flows.preprocess import standard_preprocessing

PLAN = TrainingPlan(epochs=20, batch_size=512, learning_rate=5e-3, best_epochs=3)
AFFINE = partial(affine_autoregressive, layers=3, hidden=32)
MIXTURE = partial(mixture_autoregressive, components=3, hidden=32)
LINEAR = np.random.default_rng(99).normal(size=(20, 2))


def gaussian(contexts):
    """Return what draws (a, b), both linear in all contexts and b in a, and what knows their density."""
    slopes = LINEAR[:contexts] / np.sqrt(max(contexts, 1))

    def draw(context, random):
        mean = context @ slopes
        first = random.normal(mean[:, 0], 0.5)
        return np.stack([first, random.normal(mean[:, 1] + 0.8 * first, 0.3)], axis=1)

    def exact(x, context):
        mean = context @ slopes
        first = stats.norm.logpdf(x[:, 0], mean[:, 0], 0.5)
        return first + stats.norm.logpdf(x[:, 1], mean[:, 1] + 0.8 * x[:, 0], 0.3)

    return draw, exact, slopes


def learn(draw, contexts, architecture, events, plan=PLAN, slowness=1.0):
    random = np.random.default_rng(1)
    context = random.normal(size=(events, contexts))
    density = ConditionalDensity(architecture, plan, 1, standard_preprocessing, slowness)
    return density.fit(draw(context, random), context, seed=1)


CASES = {0: (AFFINE, 20_000), 1: (AFFINE, 20_000), 5: (MIXTURE, 40_000), 20: (MIXTURE, 60_000)}


@pytest.mark.parametrize("contexts", CASES)
def test_correlated_gaussians_that_follow_all_contexts(contexts):
    architecture, events = CASES[contexts]
    draw, exact, slopes = gaussian(contexts)
    density = learn(draw, contexts, architecture, events, PLAN, 1.0 if contexts < 5 else 3.0)
    random = np.random.default_rng(2)
    context = random.normal(size=(20_000, contexts))
    x = draw(context, random)
    difference = exact(x, context) - density.log_prob(x, context)
    error = difference.std() / np.sqrt(len(difference))
    assert difference.mean() < 0.01 + 2 * error
    assert difference.mean() > -4 * error  # nothing is better than the truth
    for asked in np.clip(context[:3], -1.5, 1.5):  # moments given one context each
        drawn = density.sample(np.tile(asked, (4000, 1)), seed=3)
        mean = asked @ slopes
        mean = np.array([mean[0], mean[1] + 0.8 * mean[0]])
        width = np.array([0.5, np.hypot(0.3, 0.4)])
        # what 4,000 draws leave open, and the width of a network's mean that so many events taught
        assert np.abs((drawn.mean(axis=0) - mean) / width).max() < 5 / np.sqrt(4000) + 0.1
        np.testing.assert_allclose(drawn.std(axis=0), width, rtol=0.1)
        assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(0.8, abs=0.05)


def test_a_width_and_a_shape_that_follow_a_context():
    """Two peaks whose distance and width are functions of the context, none of them linear."""

    def parameters(context):
        return 1 + np.cos(2 * context[:, 0]), 0.3 + 0.1 * context[:, 0] ** 2

    def draw(context, random):
        apart, width = parameters(context)
        return random.normal(random.choice([-1, 1], len(context)) * apart, width)[:, None]

    density = learn(draw, 1, partial(mixture_autoregressive, components=4, hidden=64), 40_000)
    random = np.random.default_rng(2)
    context = np.clip(random.normal(size=(40_000, 1)), -2, 2)
    x = draw(context, random)
    apart, width = parameters(context)
    each = [stats.norm.logpdf(x[:, 0], sign * apart, width) for sign in (-1, 1)]
    difference = np.logaddexp(*each) - np.log(2) - density.log_prob(x, context)
    error = difference.std() / np.sqrt(len(difference))
    assert -4 * error < difference.mean() < 0.01 + 2 * error
