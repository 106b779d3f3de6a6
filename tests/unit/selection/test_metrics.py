"""Metrics: values of Gaussian scores are known, errors are those that many samples show."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from hepflow.errors import ConfigError
from hepflow.selection import Truth, metrics
from hepflow.selection.truth import binomial_error
from hepflow.spectrum import Spectrum


def gaussian(signal, background, seed, shift=1.5):
    random = np.random.default_rng(seed)
    return Truth(random.normal(shift, 1, signal), random.normal(0, 1, background), np.ones(signal))


@pytest.fixture(scope="module")
def truth():
    return gaussian(20_000, 50_000, 1)


@pytest.mark.parametrize("efficiency", [0.1, 0.01, 0.001])
def test_sic_of_gaussian_scores(truth, efficiency):
    value, error = metrics.sic(truth, efficiency)
    exact = norm.sf(norm.isf(efficiency) - 1.5) / np.sqrt(efficiency)
    assert abs(value - exact) < 4 * error
    assert error < 0.1 * exact


def test_rejection_of_gaussian_scores(truth):
    for efficiency in (0.2, 0.4):
        value, error = metrics.rejection(truth, efficiency)
        assert abs(value - 1 / norm.sf(norm.isf(efficiency) + 1.5)) < 4 * error


def test_max_sic_of_gaussian_scores(truth):
    value, error = metrics.max_sic(truth)
    cuts = np.linspace(-2, norm.isf(25 / 50_000), 1000)
    exact = np.max(norm.sf(cuts - 1.5) / np.sqrt(norm.sf(cuts)))
    assert -2 * error < value - exact < 4 * error


def test_auc_of_gaussian_scores(truth):
    value, error = metrics.auc(truth)
    assert value == pytest.approx(truth.auc)
    assert abs(value - norm.cdf(1.5 / np.sqrt(2))) < 4 * error


@pytest.mark.parametrize(
    "metric",
    [
        metrics.auc,
        lambda truth: metrics.sic(truth, 0.02),
        lambda truth: metrics.rejection(truth, 0.4),
    ],
)
def test_errors_against_many_samples(metric):
    """Few signal events for one half, few background events for the other."""
    for signal, background in ((150, 20_000), (5_000, 2_000)):
        found = np.array([metric(gaussian(signal, background, seed)) for seed in range(150)])
        # the spread is known to 1 / sqrt(300)
        assert np.median(found[:, 1]) == pytest.approx(np.std(found[:, 0]), rel=0.2)


def test_weights_make_errors_larger_and_move_the_threshold(truth):
    random = np.random.default_rng(2)
    weighted = replace(truth, signal_weight=random.exponential(1, len(truth.signal)) ** 2)
    assert weighted.signal_events < 0.3 * truth.signal_events
    for metric in (metrics.auc, lambda one: metrics.sic(one, 0.01)):
        assert metric(weighted)[1] > metric(truth)[1]
    assert metrics.auc(weighted)[0] == pytest.approx(weighted.auc)
    low = Truth(np.array([1.0, 3.0]), np.array([0.0, 2.0, 4.0]), np.array([3.0, 1.0]))
    assert metrics.rejection(low, 0.2)[0] == pytest.approx(
        3
    )  # the event at 3 alone is a quarter of the signal
    assert metrics.rejection(low, 0.4)[0] == pytest.approx(1.5)


def test_where_there_is_only_noise(truth):
    assert metrics.sic(truth, 4 / 50_000) is None
    assert metrics.sic(truth, 6 / 50_000) is not None
    assert metrics.rejection(replace(truth, background=truth.background - 100), 0.2) is None
    few = replace(truth, background=truth.background[:20])
    assert metrics.max_sic(few) == (1.0, 0.0)


def test_auc_of_scores_with_ties():
    random = np.random.default_rng(5)
    tied = Truth(random.integers(1, 6, 300) * 1.0, random.integers(0, 5, 500) * 1.0, random.random(300))
    assert metrics.auc(tied)[0] == pytest.approx(tied.auc)


@pytest.mark.parametrize("efficiency", [0.0, -0.1, 1.1])
def test_efficiencies_that_are_none(truth, efficiency):
    with pytest.raises(ConfigError, match="background efficiency"):
        metrics.sic(truth, efficiency)
    with pytest.raises(ConfigError, match="signal efficiency"):
        metrics.rejection(truth, efficiency)


def test_binomial_error():
    assert binomial_error(0.5, 100) == pytest.approx(0.05)
    assert binomial_error(1.0, 100) == 0


def spectrum(toy, observed):
    edges = toy.windows.edges(50.0)
    return Spectrum(edges, observed, np.ones(len(edges) - 1), toy.windows)


def falling(toy):
    return np.round(5000 * np.exp(-np.arange(len(toy.windows.edges(50.0)) - 1) / 10))


@pytest.mark.parametrize("share", [0.1, 0.002])
def test_an_equal_share_of_every_bin_is_no_sculpting(toy, share):
    """p is flat if every event passes with the same probability, in full bins and in those that are joined."""
    random = np.random.default_rng(3)
    before = falling(toy)
    p = [
        metrics.sculpting(
            spectrum(toy, before), spectrum(toy, random.binomial(before.astype(int), share).astype(float))
        ).p
        for _ in range(300)
    ]
    assert np.mean(p) == pytest.approx(0.5, abs=0.07)
    assert 0.005 < np.mean(np.array(p) < 0.05) < 0.11


def test_sculpting_into_the_signal_region_is_found(toy):
    random = np.random.default_rng(4)
    before = falling(toy)
    centres = spectrum(toy, before).centres
    share = np.where(toy.windows.in_signal(centres), 0.03, 0.01)
    after = random.binomial(before.astype(int), share).astype(float)
    found = metrics.sculpting(spectrum(toy, before), spectrum(toy, after))
    assert found.p < 1e-3
    assert found.chi2 / found.ndf > 2


def test_too_few_events_for_a_shape(toy):
    before = falling(toy)
    after = np.zeros_like(before)
    for passing in (0, 3):
        after[0] = passing
        assert metrics.sculpting(spectrum(toy, before), spectrum(toy, after)) == metrics.Sculpting(
            0.0, 0, 1.0
        )


def test_no_selection_of_the_same_data(toy):
    before = falling(toy)
    with pytest.raises(ConfigError, match="the second behind a cut"):
        metrics.sculpting(spectrum(toy, before), spectrum(toy, before + 1))
