"""Scores: every sample of an analysis, none scored by a model that saw it."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from hepflow.classifiers import BoostedTrees
from hepflow.errors import InputError
from hepflow.regions import Windows
from hepflow.selection import Scored, score

TREES = BoostedTrees(members=1, max_iter=10)


@dataclass
class Memory:
    """Scores an event by whether it was trained on."""

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
    return make_background(small)


def test_no_event_is_scored_by_a_model_that_saw_it(small, background, toy):
    found = score(Memory(), small, background, signal=toy.signal(50, 1), folds=3, seed=1)
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
    own = replace(
        background,
        template=small.select(beside),
        rows=beside,
        replica=np.zeros(len(beside), int),
        validation=small.select(inside),
        validation_rows=inside,
    )
    found = score(Memory(), small, own, folds=3, seed=1)
    for scored in (found.data, found.template, found.sidebands, found.validation):
        assert not scored.score.any()
    elsewhere = score(Memory(), small, replace(own, rows=None, validation_rows=None), folds=3, seed=1)
    assert elsewhere.sidebands.score.any()
    assert elsewhere.validation.score.any()


def test_a_method_may_bring_its_own_score(small, background):
    given = []

    def scoring(classifier):
        given.append(classifier)
        return Memory()

    found = score(TREES, small, replace(background, scoring=scoring), folds=2, seed=1)
    assert given == [TREES]
    assert not found.data.score.any()


def test_truth_is_not_looked_at_but_kept(small, background):
    random = np.random.default_rng(1)
    found = []
    for label in (None, random.integers(0, 2, len(small)), random.integers(0, 2, len(small))):
        found.append(score(TREES, replace(small, label=label), background, folds=2, seed=1))
    for name in ("data", "template", "sidebands", "validation"):
        first = getattr(found[0], name).score
        assert all(np.array_equal(first, getattr(other, name).score) for other in found[1:])
    assert found[1].data.sample.label is not None
    assert found[0].signal is None


def test_the_seed_decides(small, background):
    one, same, other = (score(TREES, small, background, folds=2, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.sidebands.score, same.sidebands.score)
    assert not np.array_equal(one.sidebands.score, other.sidebands.score)


def test_a_signal_region_outside_the_data(small, background):
    elsewhere = replace(background, windows=Windows((6000, 6500), [(5000, 6000), (6500, 7000)]))
    with pytest.raises(InputError, match="no event in the signal region 6000-6500 GeV"):
        score(TREES, small, elsewhere, seed=1)


def test_scored_events(toy):
    sample = toy.background(1000, 1)
    scored = Scored(sample, np.arange(1000.0))
    assert len(scored.above(899)) == 100
    assert scored.quantile(0.1) == pytest.approx(899.1)
    assert len(scored.above(scored.quantile(0.1))) == 100
    inside = scored.window(3300, 3700)
    assert np.array_equal(inside.sample.mass, sample.window(3300, 3700).mass)
    assert np.array_equal(sample.mass[inside.score.astype(int)], inside.sample.mass)
