"""Closure, stress of the prior, and the bottom line, by a method that is quick."""

import numpy as np
import pytest

from hepflow.errors import ConfigError
from hepflow.unfolding import IterativeBayes, UnfoldedHistogram, bottom_line, closure, stress

EDGES, FINE = np.linspace(-1.5, 1.5, 7), np.linspace(-2.5, 2.5, 11)


def by(iterations):
    def unfold(pairs, data):
        return IterativeBayes(iterations, toys=60).unfold(pairs, data, EDGES, FINE, seed=1)

    return unfold


def tilted(events):
    return np.exp(0.8 * events["x"] - 0.32)


def test_closure_holds(case):
    found = closure(by(4), case[0], seed=1)
    assert found.p_value > 1e-3
    assert np.abs(found.pulls).max() < 4


def test_a_wrong_prior_stays_in_one_iteration_and_goes_with_more(case):
    chi2 = [stress(by(iterations), case[0], tilted, seed=1).chi2[0] for iterations in (1, 20)]
    assert chi2[0] > 40
    assert chi2[1] < 0.5 * chi2[0]


def test_factors_need_the_shape_of_the_events(case):
    with pytest.raises(ConfigError, match="factors of shape"):
        stress(by(1), case[0], lambda events: np.ones(3), seed=1)


def test_the_bottom_line_fails_with_errors_that_are_too_small(case):
    pairs, data, _ = case
    factor = np.where(pairs.pass_truth, np.exp(0.2 * np.nan_to_num(pairs.truth["x"]) - 0.02), 1.0)
    good = by(6)(pairs, data)
    line = bottom_line(good, pairs, factor, data, FINE)
    assert line.passed
    assert line.bins == (10, 6)
    small = UnfoldedHistogram(
        good.quantity, good.edges, good.values, 0.05 * good.covariance, good.prior, good.replicas
    )
    assert not bottom_line(small, pairs, factor, data, FINE).passed


def test_chi2_needs_a_covariance_with_an_inverse(case):
    found = by(2)(*case[:2])
    flat = UnfoldedHistogram(
        found.quantity, found.edges, found.values, np.ones((6, 6)), found.prior, found.replicas
    )
    with pytest.raises(ConfigError, match="rank 1 for 6 bins"):
        flat.chi2(found.prior)
    with pytest.raises(ConfigError, match="expected yields of shape"):
        found.chi2(np.ones(3))
