"""Toys of a smooth spectrum: the order of each against the F-test of its own fit."""

import numpy as np
import pytest

from hepflow.errors import FitError
from hepflow.smooth import DIJET, UA2, fit_smooth
from hepflow.smooth.goodness import Goodness
from hepflow.stats.smooth_toys import SmoothToys

ALL = np.ones(60, dtype=bool)


@pytest.fixture
def toys(dijet):
    """Return edges, expectation, the fit of one data set, and 200 others."""
    edges, expected = dijet
    rng = np.random.default_rng(1)
    mean = expected(60_000)
    return edges, mean, fit_smooth(edges, rng.poisson(mean), ALL), rng.poisson(mean, (200, 60)).astype(float)


def orders(groups, number):
    chosen = np.zeros(number, dtype=int)
    for group in groups:
        chosen[group.rows] += group.smooth.n_shape
    return chosen


def test_each_toy_takes_the_order_of_its_own_f_test(toys):
    edges, mean, smooth, counts = toys
    chosen = orders(SmoothToys(edges, mean, smooth, ALL).fit(counts), len(counts))
    alone = np.array([fit_smooth(edges, one, ALL).n_shape for one in counts])
    assert len(np.unique(alone)) > 1
    np.testing.assert_array_equal(chosen, alone)


@pytest.mark.parametrize(
    ("low", "high", "events"), [(2500, 5500, 60_000), (1500, 8500, 100_000), (1500, 8500, 5_000)]
)
def test_f_test_and_goodness_of_fit_have_their_levels(low, high, events):
    """Two shape parameters are the truth; in the wide spectra most bins of the tail are merged."""
    edges = np.arange(low, high + 1.0, 50.0)
    x = 0.5 * (edges[1:] + edges[:-1]) / 13_000
    mean = (1 - x) ** 17 / x**2
    mean *= events / mean.sum()
    number = 4000
    counts = np.random.default_rng(7).poisson(mean, (number, len(mean))).astype(float)
    fits = SmoothToys(edges, mean, fit_smooth(edges, mean, mean > 0, max_shape=2))
    expected, p_value = fits.expected(counts), np.empty(number)
    chosen = orders(fits.fit(counts), number)
    for n_shape in np.unique(chosen):
        rows = chosen == n_shape
        p_value[rows] = Goodness.of(counts[rows], expected[rows], int(n_shape)).p_value
    assert np.mean(chosen > 2) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / number))
    assert np.mean(p_value < 0.01) == pytest.approx(0.01, abs=4 * np.sqrt(0.01 / number))
    assert np.sum(p_value < 1e-4) <= 4  # 0.4 expected: 6 in 100,000 have five or more


def test_expectation_of_each_fit(toys):
    edges, mean, smooth, counts = toys
    bins = (edges[:-1] < 3300) | (edges[1:] > 3700)
    found = SmoothToys(edges, mean, smooth, bins).expected(counts[:20])
    for row, one in zip(found, counts, strict=False):
        np.testing.assert_allclose(row, fit_smooth(edges, one, bins).expected(edges), rtol=1e-4)


def test_fits_are_those_of_each_toy(toys):
    edges, mean, smooth, counts = toys
    for group in SmoothToys(edges, mean, smooth, ALL, f_test=False).fit(counts[:20]):
        assert group.smooth.n_shape == smooth.n_shape
        for row, coefficients, value in zip(group.rows, group.coefficients, group.value, strict=True):
            alone = fit_smooth(edges, counts[row], ALL, max_shape=smooth.n_shape)
            if alone.n_shape == smooth.n_shape:
                assert value == pytest.approx(alone.deviance, abs=1e-5)
                parameters = group.smooth.transform @ coefficients
                np.testing.assert_allclose(parameters, alone.parameters, rtol=2e-3)


def test_no_toy_is_lost_or_told_twice(toys):
    edges, mean, smooth, counts = toys
    rows = np.concatenate([group.rows for group in SmoothToys(edges, mean, smooth, ALL).fit(counts)])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(counts)))


def test_bins_outside_the_mask_do_not_count(toys):
    edges, mean, smooth, counts = toys
    bins = (edges[:-1] < 3300) | (edges[1:] > 3700)
    fits = SmoothToys(edges, mean, smooth, bins, max_shape=3)
    changed = np.where(bins, counts, 1e6)
    one, other = ([group.value for group in fits.fit(data)] for data in (counts, changed))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_highest_order_is_kept(toys):
    edges, mean, smooth, counts = toys
    fits = SmoothToys(edges, mean, smooth, ALL, max_shape=2)
    assert sorted(fits.fits) == [1, 2]
    assert orders(fits.fit(counts), len(counts)).max() <= 2
    assert {fit.function.name for fit in fits.fits.values()} == {DIJET.name}


def test_few_events_in_toys(dijet):
    edges, expected = dijet
    mean = expected(150)
    smooth = fit_smooth(edges, np.random.default_rng(3).poisson(mean), ALL, function=UA2)
    counts = np.random.default_rng(4).poisson(mean, (200, 60)).astype(float)
    chosen = orders(SmoothToys(edges, mean, smooth, ALL).fit(counts), len(counts))
    assert chosen.min() >= 1
    alone = np.array([fit_smooth(edges, one, ALL, function=UA2).n_shape for one in counts])
    np.testing.assert_array_equal(chosen, alone)


def test_expectation_that_nothing_fits(toys):
    edges, _, smooth, _ = toys
    with pytest.raises(FitError, match="no order of the dijet function fits the expectation"):
        SmoothToys(edges, np.r_[5.0, np.zeros(59)], smooth, ALL)
