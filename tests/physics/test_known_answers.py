"""A search whose densities are known: what each step finds is held against the exact answer."""

from functools import partial

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from hepflow.classifiers import BoostedTrees, crossfit
from hepflow.flows import Density, spline_autoregressive
from hepflow.methods import Cathode
from hepflow.sample import Sample, inject
from hepflow.selection import closure, cuts, inclusive, score, significance_improvement
from hepflow.stats import SignalTemplate, bump_hunt
from hepflow.training import TrainingPlan

PLAN = TrainingPlan(epochs=8, batch_size=512, learning_rate=1e-2, best_epochs=2)
TREES = BoostedTrees(members=2, max_iter=50)


def cathode():
    architecture = partial(spline_autoregressive, layers=2, hidden=16, bins=6)
    return Cathode(Density(architecture, PLAN), oversampling=8.0)


def search(data, toy, signal=None):
    """Return what the search finds inclusively and behind cuts at 10 % and 1 %."""
    background = cathode().fit(data, toy.windows, seed=1)
    scores = score(TREES, data, background, signal=signal, folds=2, seed=1)
    selections = [inclusive(data, background, signal), *cuts(scores, [0.1, 0.01])]
    hunts = []
    for cut in selections:
        template = None if signal is None else SignalTemplate.of(cut.signal, cut.spectrum.edges)
        hunts.append(bump_hunt(cut.spectrum, template))
    return background, scores, selections, hunts


@pytest.fixture(scope="module")
def empty(toy):
    """The search in 24,000 events of background."""
    return search(toy.background(24_000, seed=5), toy)


@pytest.fixture(scope="module")
def found(toy):
    """The search where 130 events of signal were added."""
    data, signal = inject(toy.signal(2000, 6), toy.background(24_000, seed=5), 130, seed=7)
    return search(data, toy, signal)


def test_the_flow_knows_the_density_where_it_never_looked(empty, toy):
    """Interpolated into the signal region: Kullback-Leibler divergence from the exact density, in nats."""
    fresh = toy.background(60_000, seed=8).window(*toy.windows.signal)
    density = cathode().density.fit(
        toy.background(24_000, seed=5).select(toy.windows.in_sidebands(toy.background(24_000, seed=5).mass)),
        seed=1,
    )
    learned = density.log_prob(fresh.features, fresh.mass)
    inside = np.isfinite(learned)
    assert inside.mean() > 0.99
    exact = toy.log_prob(fresh.features, fresh.mass)
    assert -0.02 < np.mean((exact - learned)[inside]) < 0.1


def test_the_template_is_the_background(empty, toy):
    background, scores, *_ = empty
    random = np.random.default_rng(1)
    template = background.template
    exact = Sample(template.mass, toy.features(template.mass, random), toy.names)
    for name in toy.names:
        assert stats.ks_2samp(template.feature(name), exact.feature(name)).statistic < 0.05
    np.testing.assert_allclose(np.corrcoef(template.features.T), np.corrcoef(exact.features.T), atol=0.06)
    found = closure(scores.data.sample, template, seed=1)
    assert found.auc < 0.55


def test_the_expected_yield_is_right(empty, toy):
    background, scores, *_ = empty
    grid = np.linspace(2500, 5000, 5001)
    x = 0.5 * (grid[1:] + grid[:-1]) / 13_000
    density = (1 - x) ** 17 / x**2
    inside = toy.windows.in_signal(0.5 * (grid[1:] + grid[:-1]))
    exact = 24_000 * density[inside].sum() / density.sum()
    expected, error = background.expected
    assert abs(expected - exact) < 3 * error
    assert error < 0.05 * expected


def test_nothing_is_found_where_there_is_nothing(empty):
    *_, hunts = empty
    for hunt in hunts:
        assert abs(hunt.pull) < 3
        assert hunt.z < 3


def test_a_hidden_signal_is_found(found):
    background, scores, selections, hunts = found
    assert hunts[0].z < 3
    assert hunts[2].z > 5
    assert hunts[2].z > hunts[1].z > hunts[0].z
    for hunt in hunts:  # the strength is that of the injection, 1
        assert abs(hunt.mu_hat - 1) < 3 * hunt.mu_hat_error
        assert hunt.mu_up_obs > 0.5


def test_the_signal_does_not_leak_into_the_template(empty, found):
    """Signal lies in the signal region alone, which the method does not look at."""
    assert found[0].expected[0] == pytest.approx(empty[0].expected[0], rel=0.02)


def test_scores_come_near_the_exact_likelihood_ratio(found, toy):
    """Significance improvement of the search against that of the Neyman-Pearson statistic."""
    _, scores, *_ = found
    inside, signal = scores.data, scores.signal.window(*toy.windows.signal)
    true_background = inside.sample.label == 0

    def exact(sample):
        x = sample.features
        signal = stats.norm.logpdf(x[:, 0], 400, 15) + stats.norm.logpdf(x[:, 1], 300, 15)
        return signal + stats.beta.logpdf(x[:, 2], 4, 16) - toy.log_prob(x, sample.mass)

    improvements = []
    for background, sample in (
        (inside.score[true_background], signal.score),
        (exact(inside.sample)[true_background], exact(signal.sample)),
    ):
        threshold = np.quantile(background, 0.99)
        improvements.append(
            significance_improvement(
                float(np.mean(sample > threshold)), float(np.mean(background > threshold))
            )
        )
    learned, best = improvements
    assert best > 8
    assert 0.5 * best < learned <= best + 0.1


def test_trees_find_the_exact_roc_curve(toy):
    """Signal against background with truth known, in features alone: the area under the exact curve."""
    random = np.random.default_rng(3)
    mass = np.full(4000, 3500.0)
    one, other = random.normal(0, 1, (4000, 2)), random.normal(0, 1, (4000, 2))
    one[:, 1] += 1.0
    fit = crossfit(TREES, Sample(mass, one, ("a", "b")), Sample(mass, other, ("a", "b")), folds=2, seed=1)
    auc = roc_auc_score(np.repeat([1, 0], 4000), np.concatenate([fit.numerator, fit.denominator]))
    assert auc == pytest.approx(stats.norm.cdf(1 / np.sqrt(2)), abs=0.02)
