"""Outliers: what lies far from everything is found and told, what belongs to a tail is not."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepflow.flows import Density, TrainingPlan
from hepflow.sample import Sample
from hepflow.strays import sentences, stray, strays

TAILS = {
    "exponential": lambda random, n: random.exponential(100.0, n),
    "normal": lambda random, n: random.normal(0.0, 1.0, n),
    "uniform": lambda random, n: random.random(n),
    "log-normal": lambda random, n: random.lognormal(4.0, 0.8, n),
    "half at zero": lambda random, n: np.where(random.random(n) < 0.5, 0.0, random.exponential(1.0, n)),
    "one value": lambda random, n: np.full(n, 3.0),
}


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("events", [3, 50, 5000, 200_000])
def test_no_tail_of_a_distribution_is_an_outlier(tail, events):
    for seed in range(5):
        assert not stray(TAILS[tail](np.random.default_rng(seed), events)).any()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), st.sampled_from([-1e5, 1e5]), st.integers(0, 100))
def test_what_lies_far_away_is(number, where, seed):
    random = np.random.default_rng(seed)
    values = random.exponential(100.0, 10_000)
    far = random.choice(10_000, number, replace=False)
    values[far] = where * (1 + random.random(number))
    assert set(np.flatnonzero(stray(values))) == set(far)


def test_a_signal_is_none():
    """Many events beside each other are a part of the distribution, however far away."""
    values = np.concatenate(
        [np.random.default_rng(1).exponential(1.0, 10_000), np.full(20, 1e4) + np.arange(20)]
    )
    assert not stray(values).any()


@pytest.fixture
def wild(toy):
    """Return sidebands with one event that is no physics, and the same without."""
    sample = toy.background(2000, seed=1)
    features = sample.features.copy()
    features[7, 0] = 1e5
    return Sample(sample.mass, features, sample.names), sample


def test_they_are_counted_and_told(wild):
    sample, clean = wild
    assert np.flatnonzero(strays(sample)).tolist() == [7]
    (told,) = sentences(sample)
    assert told.startswith("m_J1: 1 of 2,000 events at 100000 to 100000, far from all others (")
    assert "`selection`" in told
    assert not list(sentences(clean))


def test_no_density_is_trained_on_them(wild):
    sample, clean = wild
    plan = TrainingPlan(epochs=1, batch_size=256)
    kept = Density(plan=plan, members=1).fit(sample.select(~strays(sample)), seed=1)
    found = Density(plan=plan, members=1).fit(sample, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drawn, other = (density.sample(clean.mass, seed=2) for density in (found, kept))
    np.testing.assert_array_equal(drawn, other)
    assert drawn.max() < 2000
