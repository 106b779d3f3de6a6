"""Judgement: separation powers, divergences and classifiers where the answer is known."""

import numpy as np
import pytest

from hepflow.classifiers import BoostedTrees
from hepflow.errors import ConfigError, InputError
from hepflow.showers import judge, seconds_per_shower, simulate, toy_detector
from hepflow.showers.judgement import divergence, separation

TREES = BoostedTrees(members=1, max_iter=20, validation_fraction=0.25)


def test_separation_is_that_of_two_normal_distributions():
    random = np.random.default_rng(1)
    p, q = random.normal(0, 1, 100_000), random.normal(1, 1, 100_000)
    x = np.linspace(-8, 9, 2001)
    a, b = np.exp(-0.5 * x**2), np.exp(-0.5 * (x - 1) ** 2)
    exact = 0.5 * np.sum((a - b) ** 2 / (a + b)) / np.sum(a)
    assert separation(p, q)[0] == pytest.approx(exact, rel=0.02)
    assert separation(p + 50, q)[0] == pytest.approx(1.0, abs=0.01)


def test_separation_without_a_difference_is_what_it_says():
    random = np.random.default_rng(2)
    found = np.array([separation(*random.normal(size=(2, 2000))) for _ in range(60)])
    assert found[:, 0].mean() == pytest.approx(found[:, 1].mean(), rel=0.05)


def test_divergence_is_that_of_the_densities():
    random = np.random.default_rng(3)
    truth = np.repeat([1.0, 0.0], 50_000)
    x = random.normal(truth, 1.0)
    grid = np.linspace(-8, 9, 4001)
    p, q = (np.exp(-0.5 * (grid - at) ** 2) for at in (1.0, 0.0))
    p, q = p / p.sum(), q / q.sum()
    exact = 0.5 * np.sum(p * np.log2(2 * p / (p + q)) + q * np.log2(2 * q / (p + q)))
    assert divergence(3 * (x - 0.5), truth, random) == pytest.approx(exact, abs=0.006)  # calibrated
    assert divergence(random.normal(size=len(x)), truth, random) == pytest.approx(0.0, abs=0.003)


def test_real_showers_are_not_told_from_real_ones_but_changed_ones_are(showers):
    other = simulate(toy_detector(), showers.energy, seed=5)
    same = judge(other, showers, classifier=TREES, repeats=2, seed=1)
    for level in ("low", "high"):
        assert abs(same.of(level).auc - 0.5) < 4 * same.of(level).auc_error
        assert same.of(level).auc_error >= 0.019  # of 300 showers of each kind
    louder = simulate(toy_detector(), 1.15 * showers.energy, seed=5)
    louder = type(louder)(showers.energy, louder.voxels, louder.geometry)
    told = judge(louder, showers, levels=("high",), classifier=TREES, repeats=1, seed=1)
    assert told.of("high").auc > 0.8
    assert told.of("high").jsd > 0.05
    power, without = told.separation["response"]
    assert power > 10 * without


def test_showers_that_cannot_be_judged_are_refused(showers, geometry):
    few = showers.select(slice(999))
    with pytest.raises(InputError, match="999 generated showers; expected 1,000 or more"):
        judge(few, showers, seed=1)
    with pytest.raises(ConfigError, match="0 repeats"):
        judge(showers, showers, repeats=0, seed=1)


def test_times_are_told_for_each_batch(model, showers):
    found = seconds_per_shower(model, showers.energy, (1, 50), seed=1)
    assert found[1] > found[50] > 0
