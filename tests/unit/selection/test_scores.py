"""Scores: every sample of an analysis, none scored by a model that saw it."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from hepflow.classifiers import BoostedTrees
from hepflow.errors import InputError
from hepflow.methods import EventFolds, Examples, deal_data
from hepflow.regions import Windows
from hepflow.selection import Scored, crossfit_scores, score
from hepflow.selection.scores import train_without

TREES = BoostedTrees(members=1, max_iter=10)


@dataclass
class Memory:
    """Scores an event by whether it was trained on."""

    name: int = 0
    seen: set = field(default_factory=set)

    def fit(self, numerator, denominator, seed):
        self.seen = {*numerator.features[:, 0].tolist(), *denominator.features[:, 0].tolist()}
        return self

    def log_ratio(self, sample):
        return np.array([float(value in self.seen) for value in sample.features[:, 0]])


@pytest.fixture(scope="module")
def small(toy):
    return toy.background(3000, seed=4)


@pytest.fixture(scope="module")
def background(make_background, small):
    return make_background(small, folds=3)


def test_no_event_is_scored_by_a_model_that_saw_it(small, background, toy):
    found = score(Memory(), small, background, signal=toy.signal(50, 1), seed=1)
    for scored in (found.data, found.template, found.sidebands, found.validation, found.signal):
        assert scored.score.shape == scored.sample.mass.shape
        assert not scored.score.any()
    assert len(found.data.sample) + len(found.sidebands.sample) == len(small)
    assert found.template.sample is background.template


def test_data_that_stand_in_a_template_are_scored_by_models_that_never_saw_them(small, background, toy):
    """Events of the sidebands as the template, and of the signal region as the validation sample."""
    beside, inside = (
        np.flatnonzero(rows)
        for rows in (toy.windows.in_sidebands(small.mass), toy.windows.in_signal(small.mass))
    )
    fold_of = deal_data(small, toy.windows, 3, seed=1)
    own = replace(
        background,
        template=small.select(beside),
        replica=np.zeros(len(beside), int),
        validation=small.select(inside),
        folds=EventFolds(3, fold_of, fold_of[beside], fold_of[inside]),
    )
    found = score(Memory(), small, own, seed=1)
    for scored in (found.data, found.template, found.sidebands, found.validation):
        assert not scored.score.any()
    apart = EventFolds.at_random(3, fold_of, len(beside), len(inside), seed=1)
    elsewhere = score(Memory(), small, replace(own, folds=apart), seed=1)
    assert elsewhere.sidebands.score.any()
    assert elsewhere.validation.score.any()


@pytest.fixture(scope="module")
def taught(background, toy):
    """Return a background with examples of its own, as many for each fold."""
    sample = toy.background(9000, seed=5).window(*toy.windows.signal).without_truth()
    return replace(background, examples=Examples(sample, np.arange(len(sample)) % 3))


def test_classifiers_learn_from_the_examples_of_their_fold_alone(small, background, taught, toy):
    judged = crossfit_scores(Memory(), small, taught, seed=1)
    features, fold = taught.examples.sample.features[:, 0], taught.examples.fold
    inside = small.window(*toy.windows.signal).features[:, 0]
    for number, classifier in enumerate(judged.fit.classifiers):
        known = classifier.seen - {*inside[judged.fold_of.data != number].tolist()}
        assert len(known) > 100
        assert known <= {*features[fold == number].tolist()}
    for name in ("data", "template", "sidebands", "validation"):
        assert not getattr(judged.scores, name).score.any()
    assert judged.scores.template.sample is background.template


def test_folds_trained_one_by_one_are_those_of_the_whole(small, taught):
    together = crossfit_scores(TREES, small, taught, seed=1)
    trained = {fold: train_without(fold, TREES, small, taught, seed=1) for fold in range(3)}
    apart = crossfit_scores(Memory(), small, taught, trained=trained, seed=1)
    for name in ("data", "template", "sidebands", "validation"):
        assert np.array_equal(getattr(together.scores, name).score, getattr(apart.scores, name).score)


def test_data_of_the_signal_region_teach_no_classifier_of_their_fold(small, taught, toy):
    """Bit for bit: whatever the features of fold k are, the classifier that scores them is the same."""
    one = crossfit_scores(TREES, small, taught, seed=1)
    for fold in range(3):
        mine = toy.windows.in_signal(small.mass) & (taught.folds.data == fold)
        changed = np.where(mine[:, None], 0.9 * small.features, small.features)
        other = crossfit_scores(TREES, replace(small, features=changed), taught, seed=1)
        asked = taught.template
        alike = [
            np.array_equal(each.log_ratio(asked), again.log_ratio(asked))
            for each, again in zip(one.fit.classifiers, other.fit.classifiers, strict=True)
        ]
        assert alike == [number == fold for number in range(3)]
        own = taught.folds.template == fold
        assert np.array_equal(one.scores.template.score[own], other.scores.template.score[own])


def test_a_template_cut_down_keeps_the_folds_of_its_events(small, taught):
    part = taught.without((3400, 3500))
    kept = (taught.template.mass < 3400) | (taught.template.mass >= 3500)
    assert np.array_equal(part.folds.template, taught.folds.template[kept])
    assert np.array_equal(part.folds.validation, taught.folds.validation)
    assert np.array_equal(part.folds.data, taught.folds.data)
    mass = taught.examples.sample.mass
    assert np.array_equal(part.examples.fold, taught.examples.fold[(mass < 3400) | (mass >= 3500)])
    assert len(part.examples.sample) == len(part.examples.fold) < len(mass)
    assert len(score(TREES, small, part, seed=1).template.score) == kept.sum()


def test_a_method_may_bring_its_own_score_for_each_fold(small, background):
    given = []

    def scoring(classifier, fold):
        given.append((classifier, fold))
        return Memory(fold)

    judged = crossfit_scores(TREES, small, replace(background, scoring=scoring), seed=1)
    assert given == [(TREES, fold) for fold in range(3)]
    assert [classifier.name for classifier in judged.fit.classifiers] == [0, 1, 2]
    assert not judged.scores.data.score.any()


def test_truth_is_not_looked_at_but_kept(small, background):
    random = np.random.default_rng(1)
    found = []
    for label in (None, random.integers(0, 2, len(small)), random.integers(0, 2, len(small))):
        found.append(score(TREES, replace(small, label=label), background, seed=1))
    for name in ("data", "template", "sidebands", "validation"):
        first = getattr(found[0], name).score
        assert all(np.array_equal(first, getattr(other, name).score) for other in found[1:])
    assert found[1].data.sample.label is not None
    assert found[0].signal is None


def test_the_seed_decides(small, background):
    one, same, other = (score(TREES, small, background, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.sidebands.score, same.sidebands.score)
    assert not np.array_equal(one.sidebands.score, other.sidebands.score)


def test_a_signal_region_outside_the_data(small, background):
    elsewhere = replace(background, windows=Windows((6000, 6500), [(5000, 6000), (6500, 7000)]))
    with pytest.raises(InputError, match="no event in the signal region 6000-6500 GeV"):
        score(TREES, small, elsewhere, seed=1)


def test_other_data_than_the_background_was_made_of(small, background):
    with pytest.raises(
        InputError, match="made of 3,000 events, and 2,999 are to be scored: fit it to the same"
    ):
        score(TREES, small.select(slice(2999)), background, seed=1)


def test_scored_events(toy):
    sample = toy.background(1000, 1)
    scored = Scored(sample, np.arange(1000.0))
    assert len(scored.above(899)) == 100
    assert scored.quantile(0.1) == pytest.approx(899.1)
    assert len(scored.above(scored.quantile(0.1))) == 100
    inside = scored.window(3300, 3700)
    assert np.array_equal(inside.sample.mass, sample.window(3300, 3700).mass)
    assert np.array_equal(sample.mass[inside.score.astype(int)], inside.sample.mass)
