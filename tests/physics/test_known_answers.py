"""A search whose densities are known: what each step finds is held against the exact answer."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from hepflow.classifiers import BoostedTrees
from hepflow.flows import Density, spline_autoregressive
from hepflow.methods import Cathode
from hepflow.sample import Sample, inject
from hepflow.selection import closure, cuts, inclusive, score, significance_improvement
from hepflow.stats import SignalTemplate, bump_hunt
from hepflow.training import TrainingPlan

EVENTS, INJECTED, SEED = 24_000, 70, 9


def search(data, toy, signal=None):
    """Search inclusively and behind cuts at 10 % and 1 %."""
    architecture = partial(spline_autoregressive, layers=2, hidden=16, bins=6)
    plan = TrainingPlan(epochs=6, batch_size=512, learning_rate=1e-2, best_epochs=2)
    density = Density(architecture, plan, members=1)
    method = Cathode(density, oversampling=6.0, validation_oversampling=2.0)
    background = method.fit(data, toy.windows, folds=2, seed=1)
    trees = BoostedTrees(members=2, max_iter=50)
    scores = score(trees, data, background, signal=signal, seed=1)
    hunts = []
    for cut in (inclusive(data, background, signal), *cuts(scores, [0.1, 0.01])):
        template = None if signal is None else SignalTemplate.of(cut.signal, cut.spectrum.edges)
        hunts.append(bump_hunt(cut.spectrum, template))
    return SimpleNamespace(densities=method.densities, background=background, scores=scores, hunts=hunts)


@pytest.fixture(scope="module")
def empty(toy):
    """The search where there is background alone."""
    return search(toy.background(EVENTS, SEED), toy)


@pytest.fixture(scope="module")
def found(toy):
    """The search in the same events with some signal added."""
    data, signal = inject(toy.signal(2000, 6), toy.background(EVENTS, SEED), INJECTED, seed=7)
    return search(data, toy, signal)


def test_the_flow_knows_the_density_where_it_never_looked(empty, toy):
    """Interpolated into the signal region: Kullback-Leibler divergence from the exact density, in nats."""
    fresh = toy.background(60_000, seed=8).window(*toy.windows.signal)
    exact = toy.log_prob(fresh.features, fresh.mass)
    assert len(empty.densities) == 2
    for density in empty.densities:  # each trained on one of two halves of the sidebands
        learned = density.log_prob(fresh.features, fresh.mass)
        inside = np.isfinite(learned)
        assert inside.mean() > 0.99
        assert -0.02 < np.mean((exact - learned)[inside]) < 0.1


def test_the_template_is_the_background(empty, toy):
    template = empty.background.template
    exact = Sample(template.mass, toy.features(template.mass, np.random.default_rng(1)), toy.names)
    for name in toy.names:
        assert stats.ks_2samp(template.feature(name), exact.feature(name)).statistic < 0.05
    np.testing.assert_allclose(np.corrcoef(template.features.T), np.corrcoef(exact.features.T), atol=0.06)
    assert closure(empty.scores.data.sample, template, seed=1).auc < 0.55


def test_the_expected_yield_is_right(empty, toy):
    edges = np.linspace(2500, 5000, 5001)
    mass = 0.5 * (edges[1:] + edges[:-1])
    density = (1 - mass / 13_000) ** 17 / mass**2
    exact = EVENTS * density[toy.windows.in_signal(mass)].sum() / density.sum()
    expected, error = empty.background.expected
    assert abs(expected - exact) < 3 * error
    assert error < 0.05 * expected


def test_nothing_is_found_where_there_is_nothing(empty):
    for hunt in empty.hunts:
        assert abs(hunt.pull) < 3
        assert hunt.z < 3


def test_a_hidden_signal_is_found(found):
    inclusive, loose, tight = found.hunts
    assert inclusive.z < 3
    assert tight.z > 5
    assert tight.z > loose.z > inclusive.z
    for hunt in found.hunts:  # the strength is that of the injection, 1
        assert abs(hunt.mu_hat - 1) < 3 * hunt.mu_hat_error
        assert hunt.mu_up_obs > hunt.mu_hat


def test_the_signal_does_not_leak_into_the_template(empty, found):
    """Signal lies in the signal region alone, which the method does not look at."""
    assert found.background.expected[0] == pytest.approx(empty.background.expected[0], rel=0.02)


def test_scores_come_near_the_exact_likelihood_ratio(found, toy):
    """Significance improvement of the search against that of the Neyman-Pearson statistic, at 1 %."""

    def exact(sample):
        x = sample.features
        signal = stats.norm.logpdf(x[:, 0], 400, 15) + stats.norm.logpdf(x[:, 1], 300, 15)
        return signal + stats.beta.logpdf(x[:, 2], 4, 16) - toy.log_prob(x, sample.mass)

    inside, signal = found.scores.data, found.scores.signal.window(*toy.windows.signal)
    background = inside.sample.label == 0

    def improvement(score_of_data, score_of_signal):
        threshold = np.quantile(score_of_data[background], 0.99)
        return significance_improvement(
            float(np.mean(score_of_signal > threshold)), float(np.mean(score_of_data[background] > threshold))
        )

    learned = improvement(inside.score, signal.score)
    best = improvement(exact(inside.sample), exact(signal.sample))
    assert best > 8
    assert 0.5 * best < learned < best + 0.1
