"""Closure: 0.5 for two samples of one density, more for any other pair, and errors that are right."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from hepflow.sample import Sample
from hepflow.selection import closure
from hepflow.selection.closure import auc_error


def gaussian(events, seed, shift=0.0):
    x = np.random.default_rng(seed).normal(shift, 1, (events, 2)).round(1)  # few values: trees bin them fast
    return Sample(np.full(events, 3500.0), x, ("a", "b"))


def test_one_density():
    found = [closure(gaussian(1500, seed), gaussian(4000, seed + 50), seed=seed) for seed in (1, 2, 3)]
    for each in found:
        assert abs(each.auc - 0.5) < 3.5 * each.error
        assert each.error < 0.012
    assert abs(np.mean([each.auc for each in found]) - 0.5) < 0.015


@pytest.mark.parametrize(("shift", "low", "high"), [(0.5, 0.6, 0.7), (2.0, 0.95, 1.0)])
def test_two_densities(shift, low, high):
    found = closure(gaussian(1500, 1, shift), gaussian(3000, 2), seed=1)
    assert low < found.auc < high


def test_a_correlation_that_is_missing():
    """Each feature alone is right; together they are not."""
    data = gaussian(3000, 1)
    correlated = data.features.copy()
    correlated[:, 1] = 0.8 * correlated[:, 0] + 0.6 * correlated[:, 1]
    assert closure(replace(data, features=correlated), gaussian(6000, 2), seed=1).auc > 0.6


def test_seed_and_truth():
    data, template = gaussian(400, 1), gaussian(2000, 2)
    one, same, other = (closure(data, template, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert closure(replace(data, label=np.arange(400) % 2), template, seed=1) == one


def test_only_some_of_a_large_template_is_used():
    """The error is that of four times as many template events as data, not of all."""
    found = closure(gaussian(300, 1), gaussian(9000, 2), seed=1)
    assert found.error == pytest.approx(auc_error(found.auc, 300, 1200))


@pytest.mark.parametrize(
    ("shift", "positives", "negatives"), [(0.0, 400, 400), (0.5, 300, 900), (1.0, 900, 200)]
)
def test_error_against_the_bootstrap(shift, positives, negatives):
    random = np.random.default_rng(1)
    truth = np.repeat([1, 0], [positives, negatives])
    values = [roc_auc_score(truth, random.normal(shift * truth, 1)) for _ in range(150)]
    assert auc_error(float(np.mean(values)), positives, negatives) == pytest.approx(np.std(values), rel=0.2)


def test_error_of_one_event_each_way():
    assert auc_error(0.5, 1, 1) == pytest.approx(0.5)
    assert auc_error(1.0, 100, 100) == pytest.approx(0.0)
