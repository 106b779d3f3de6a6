"""Boosted trees: settings that follow from the sample."""

import numpy as np
import pytest

from hepflow.classifiers import BoostedTrees, bdt
from hepflow.sample import Sample


def sample(events, mean, seed):
    x = np.random.default_rng(seed).normal(mean, 1.0, (events, 1))
    return Sample(np.full(events, 3500.0), x, ("x",))


@pytest.mark.parametrize(("events", "own", "leaf"), [(100, None, 10), (900, None, 30), (900, 7, 7)])
def test_leaves_hold_as_many_events_as_a_faint_signal(monkeypatch, events, own, leaf):
    made = []

    def watched(**settings):
        made.append(settings["min_samples_leaf"])
        return bdt_of_sklearn(**settings)

    bdt_of_sklearn = bdt.HistGradientBoostingClassifier
    monkeypatch.setattr(bdt, "HistGradientBoostingClassifier", watched)
    BoostedTrees(members=2, max_iter=2, min_samples_leaf=own).fit(
        sample(events, 0.5, 1), sample(2000, 0.0, 2), seed=1
    )
    assert made == [leaf, leaf]


def test_settings_are_kept_with_the_trees():
    trees = BoostedTrees(members=1, max_iter=2).fit(sample(400, 0.5, 1), sample(400, 0.0, 2), seed=1)
    again = BoostedTrees.from_state(trees.state())
    assert again.min_samples_leaf is None
    other = sample(50, 0.2, 3)
    assert np.array_equal(trees.log_ratio(other), again.log_ratio(other))
