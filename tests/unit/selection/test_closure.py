"""Closure: 0.5 for two samples of one density, more for any other pair, and errors that are right."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from hepflow.classifiers.area import auc_error
from hepflow.errors import InputError
from hepflow.sample import Sample
from hepflow.selection import closure, closure_by_band


def gaussian(events, seed, shift=0.0):
    x = np.random.default_rng(seed).normal(shift, 1, (events, 2)).round(1)  # few values: trees bin them fast
    return Sample(np.random.default_rng(seed + 1000).uniform(3300, 3700, events), x, ("a", "b"))


def test_one_density():
    found = [closure(gaussian(1500, seed), gaussian(4000, seed + 50), seed=seed) for seed in (1, 2, 3)]
    for each in found:
        assert abs(each.auc - 0.5) < 3.5 * each.error
        assert each.error < 0.012
    assert abs(np.mean([each.auc for each in found]) - 0.5) < 0.015


def test_events_in_both_samples():
    """Where data are the template, the two cannot be told apart; an event in two halves would pull below 0.5."""
    mass = np.random.default_rng(1).normal(3500, 50, 3000)
    features = np.random.default_rng(2).normal(size=(3000, 3))
    for seed in (1, 2):
        data, template = (
            Sample(mass[part], features[part], ("a", "b", "c")) for part in (slice(2000), slice(500, 3000))
        )
        found = closure(data, template, seed)
        assert abs(found.auc - 0.5) < 3 * found.error


@pytest.mark.parametrize("shift", [0.5, 2.0])
def test_two_densities(shift):
    """The best score of two features, each shifted by as much, has an AUC of Phi(shift); trees come near it."""
    found = closure(gaussian(1500, 1, shift), gaussian(3000, 2), seed=1)
    assert -4 * found.error < found.auc - norm.cdf(shift) < 3 * found.error


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


def test_weights_count():
    """A template of another density, weighted to the right one."""
    data, other = gaussian(2000, 1), gaussian(6000, 2, 0.5)
    weights = np.exp(np.sum(0.125 - 0.5 * other.features, axis=1))
    plain, weighted = (closure(data, replace(other, weight=w), seed=1) for w in (np.ones(6000), weights))
    assert plain.auc > 0.6
    assert abs(weighted.auc - 0.5) < 3.5 * weighted.error
    assert weighted.error > plain.error


def test_closure_in_bands():
    """Only the upper band's template is shifted."""
    data, template = gaussian(2000, 1), gaussian(6000, 2)
    data, template = (
        replace(one, mass=np.linspace(3000, 4000, len(one), endpoint=False)) for one in (data, template)
    )
    shifted = template.features + (template.mass[:, None] >= 3500)
    bands = {"SB1": (3000, 3500), "SB2": (3500, 4000)}
    found = closure_by_band(data, replace(template, features=shifted), bands, seed=1)
    assert list(found) == ["SB1", "SB2"]
    assert abs(found["SB1"].auc - 0.5) < 3.5 * found["SB1"].error
    assert found["SB2"].auc > 0.65


def test_a_band_without_events():
    with pytest.raises(InputError, match=r"closure in OB2, 4100-4500 GeV: .* 0 events"):
        closure_by_band(gaussian(400, 1), gaussian(400, 2), {"OB2": (4100, 4500)}, seed=1)
