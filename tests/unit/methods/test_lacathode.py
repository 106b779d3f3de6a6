"""LaCATHODE on a search in miniature: classifiers in latent spaces, where m_jj cannot be learned."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from hepflow.classifiers import BoostedTrees
from hepflow.errors import ConfigError
from hepflow.flows import Density, mixture_autoregressive, spline_autoregressive
from hepflow.methods import Cathode, LaCathode
from hepflow.methods.lacathode import LatentClassifier
from hepflow.sample import Sample
from hepflow.selection import Truth, score
from hepflow.training import TrainingPlan

TINY = partial(spline_autoregressive, layers=2, hidden=16, bins=4)
PLAN = TrainingPlan(epochs=3, batch_size=256, learning_rate=1e-2, best_epochs=2)
TREES = BoostedTrees(members=1, max_iter=20, min_samples_leaf=20)


def lacathode(spaces=2, architecture=TINY):
    return LaCathode(Cathode(Density(architecture, PLAN, members=2), 4.0, 1.0), spaces)


@pytest.fixture(scope="module")
def data(toy):
    return Sample.concat([toy.background(6000, seed=1), toy.signal(80, seed=2)])


@pytest.fixture(scope="module")
def background(toy, data):
    return lacathode().fit(data, toy.windows, folds=2, seed=3)


def test_the_template_is_that_of_cathode(background, data, toy):
    other = lacathode().cathode.fit(data, toy.windows, folds=2, seed=3)
    assert np.array_equal(background.template.features, other.template.features)
    assert np.array_equal(background.validation.mass, other.validation.mass)
    assert background.scoring is not None
    assert other.scoring is None


class Given:
    """Keeps what it was trained on; its score is the first feature."""

    def fit(self, numerator, denominator, seed):
        self.numerator, self.denominator, self.seed = numerator, denominator, seed
        return self

    def log_ratio(self, sample):
        return sample.features[:, 0]


def test_classifiers_see_the_latent_of_each_flow_and_their_scores_are_averaged(background, data, toy):
    wrapped = background.scoring(Given(), 1)
    assert isinstance(wrapped, LatentClassifier)
    inside, outside = toy.windows.split(data)
    wrapped.fit(inside, outside, seed=5)
    latent = [wrapped.density.to_latent(inside.features, inside.mass, flow) for flow in (0, 1)]
    assert not np.array_equal(*latent)
    assert np.array_equal(wrapped.log_ratio(inside), np.mean(latent, axis=0)[:, 0])
    for z in (each[inside.label == 0] for each in latent):  # background is normal there
        assert np.abs(z.mean(axis=0)).max() < 0.5
        assert z.std(axis=0) == pytest.approx(np.ones(3), abs=0.3)


def test_a_bar_counts_the_spaces(background, data, on_terminal):
    inside, outside = data.select(slice(50)), data.select(slice(50, 100))
    wrapped, shown = on_terminal(lambda: background.scoring(Given(), 1).fit(inside, outside, seed=5))
    score, shown_again = on_terminal(lambda: wrapped.log_ratio(inside))
    for one in (shown, shown_again):
        assert "latent spaces" in one
        assert "0/2" in one
    assert np.array_equal(score, wrapped.log_ratio(inside))


def test_events_beyond_all_regions_are_scored_as_at_their_end(background, data, toy):
    wrapped = background.scoring(Given(), 1).fit(data, data, seed=1)
    events = data.select(slice(5))
    far, end = (replace(events, mass=np.full(5, mass)) for mass in (9000.0, 5000.0))
    assert np.array_equal(wrapped.log_ratio(far), wrapped.log_ratio(end))


def test_a_signal_is_found_and_truth_is_not_looked_at(background, data, toy):
    signal = toy.signal(300, seed=9)
    found = score(TREES, data, background, signal=signal, seed=1)
    assert Truth.of(found).auc > 0.8
    labels = np.random.default_rng(0).permutation(data.label)
    other = replace(data, label=labels)
    again = score(TREES, other, lacathode().fit(other, toy.windows, folds=2, seed=3), signal=signal, seed=1)
    for name in ("data", "template", "sidebands", "validation", "signal"):
        assert np.array_equal(getattr(found, name).score, getattr(again, name).score)


def test_events_have_no_part_in_the_score_of_their_fold(background, data, toy, folds_apart):
    """Neither those of the sidebands nor those of the signal region, bit for bit."""

    def fit(sample):
        return lacathode().fit(sample, toy.windows, folds=2, seed=3)

    two = folds_apart(fit, data, toy.windows, 0, lambda mass: mass > 0, background)
    for part in ("template", "validation", "examples"):
        assert two.made(part) == two.only_mine
    assert two.classifiers() == two.only_mine


def test_bad_input(data, toy):
    for spaces in (0, 3):
        with pytest.raises(ConfigError, match=f"{spaces} latent spaces of 2 flows"):
            lacathode(spaces)
    mixture = lacathode(architecture=partial(mixture_autoregressive, components=2, hidden=8))
    background = mixture.fit(data, toy.windows, folds=2, seed=1)
    with pytest.raises(ConfigError, match="mixture_autoregressive has no normal latent"):
        score(TREES, data, background, seed=1)
