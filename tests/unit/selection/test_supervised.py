"""The supervised reference: no event is scored by a model that saw it, and it beats what knows less."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from hepflow.classifiers import BoostedTrees
from hepflow.errors import InputError
from hepflow.methods import Idealized
from hepflow.sample import Sample
from hepflow.selection import Truth, score, supervised

TREES = BoostedTrees(members=2, max_iter=20, min_samples_leaf=20)


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
def signal(toy):
    return toy.signal(2000, seed=7)


@pytest.fixture(scope="module")
def mixed(toy):
    return Sample.concat([toy.background(12_000, seed=1), toy.signal(60, seed=2)])


@pytest.fixture(scope="module")
def background(toy, mixed):
    return Idealized().fit(mixed, toy.windows, folds=3, seed=1)


def test_no_event_is_scored_by_a_model_that_saw_it(mixed, background, signal, toy):
    found = supervised(Memory(), mixed, background, signal, seed=1)
    inside, outside = toy.windows.split(mixed)
    assert np.array_equal(found.data.sample.mass, inside.mass)
    assert np.array_equal(found.sidebands.sample.mass, outside.mass)
    assert found.signal.sample is signal
    for scored in (found.data, found.template, found.sidebands, found.validation, found.signal):
        assert scored.score.shape == scored.sample.mass.shape
        assert not scored.score.any()


def test_it_beats_the_idealized_detector(mixed, background, signal):
    best = Truth.of(supervised(TREES, mixed, background, signal, seed=1)).auc
    ideal = Truth.of(score(TREES, mixed, background, signal=signal, seed=1)).auc
    assert best > 0.98
    assert best > ideal


def test_the_seed_decides(mixed, background, signal):
    one, same, other = (
        supervised(TREES, mixed, background, signal, seed=seed).signal.score for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_signal_that_stands_in_the_data(mixed, background, signal):
    both = Sample.concat([signal, mixed.select(mixed.label == 1)])
    with pytest.raises(InputError, match="60 of the 2,060 evaluation events were trained on"):
        supervised(TREES, mixed, background, both, seed=1)
