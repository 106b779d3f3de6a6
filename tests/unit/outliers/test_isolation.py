"""The isolation forest: scikit-learn's to the last bit, and only whole trees are read from files."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest as Trained

from hepflow.errors import ConfigError, InputError
from hepflow.outliers import IsolationForest
from hepflow.sample import Sample


@pytest.mark.parametrize(("trees", "sampled", "rows"), [(30, 256, 2000), (10, 64, 40), (5, 2, 300)])
def test_the_score_is_that_of_scikit_learn(trees, sampled, rows):
    random = np.random.default_rng(1)
    x = np.round(random.exponential(size=(rows, 3)), 2)  # with equal values
    detector = IsolationForest(trees, sampled).fit(x, seed=7)
    theirs = Trained(n_estimators=trees, max_samples=min(sampled, rows), random_state=7).fit(x)
    asked = np.concatenate([x, random.normal(size=(500, 3)) * 5])
    np.testing.assert_array_equal(detector.score(asked), -theirs.score_samples(asked))


def test_weights_are_those_of_scikit_learn():
    random = np.random.default_rng(2)
    x, weight = random.normal(size=(500, 2)), random.uniform(0.1, 3, 500)
    detector = IsolationForest(10).fit(Sample(np.zeros(500), x, ("a", "b"), weight), seed=3)
    theirs = Trained(n_estimators=10, max_samples=256, random_state=3).fit(x, sample_weight=weight)
    np.testing.assert_array_equal(detector.score(x), -theirs.score_samples(x))


def test_chunks_change_nothing(monkeypatch):
    x = np.random.default_rng(1).normal(size=(500, 2))
    detector = IsolationForest(10).fit(x, seed=1)
    whole = detector.score(x)
    monkeypatch.setattr("hepflow.outliers.isolation.CHUNK", 77)
    np.testing.assert_array_equal(detector.score(x), whole)
    assert detector.score(x[:0]).shape == (0,)


@pytest.mark.parametrize(("trees", "sampled"), [(0, 256), (10, 1)])
def test_bad_settings(trees, sampled):
    with pytest.raises(ConfigError, match=f"{trees} trees of {sampled} events; expected at least one"):
        IsolationForest(trees, sampled)


def test_trees_that_lead_nowhere():
    forest = IsolationForest(3).fit(np.random.default_rng(1).normal(size=(300, 2)), seed=1).forest
    for change, message in (
        ({"left": np.zeros_like(forest.left)}, "leads out of the trees or back"),
        ({"right": forest.right + 10_000}, "leads out of the trees or back"),
        ({"threshold": forest.threshold[:-1]}, "differ in length"),
        ({"roots": forest.roots + len(forest.feature)}, "a root is no node"),
        ({"unit": 0.0}, "a unit of 0"),
    ):
        with pytest.raises(InputError, match=message):
            replace(forest, **change)
    detector = IsolationForest(3).fit(np.random.default_rng(1).normal(size=(300, 2)), seed=1)
    detector.names = ("one",)
    with pytest.raises(InputError, match="beyond the 1 there are"):
        IsolationForest.from_state(detector.state())
