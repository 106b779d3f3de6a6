"""The dijet function: fits, order selection, errors, and the numbers of the LHC Olympics spectrum."""

from itertools import pairwise

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from hepflow.errors import ConfigError, FitError, InputError
from hepflow.smooth import (
    DIJET,
    FUNCTIONS,
    MODIFIED_EXPONENTIAL,
    UA2,
    BinIntegrals,
    as_pairs,
    fit_smooth,
    function_of,
    refit,
)
from hepflow.smooth.goodness import Goodness

EDGES = np.arange(2500.0, 5001.0, 50.0)
CENTRES = 0.5 * (EDGES[1:] + EDGES[:-1])
SIDEBANDS = (CENTRES < 3300) | (CENTRES > 3700)
ALL = np.ones(len(CENTRES), dtype=bool)


def dijet(mass: float, p: list[float]) -> float:
    """Events per GeV, written out a second time."""
    x = mass / 13_000
    log = np.log(x)
    return float(
        np.exp(p[0] + p[1] * np.log(1 - x) - p[2] * log - sum(q * log**k for k, q in enumerate(p[3:], 2)))
    )


@pytest.fixture(scope="module")
def truth():
    """Expected events of a three-parameter spectrum with 60,000 events."""
    density = [dijet(m, [0.0, 17.0, 2.0]) for m in CENTRES]
    return np.array(density) / np.sum(density) * 60_000


@pytest.fixture
def lhco_masses(shared_data):
    with h5py.File(shared_data("lhco/events_anomalydetection_first100k.features.h5")) as file:
        table = file["df/block0_values"][:]
    table = table[table[:, -1] == 0]
    first, second = table[:, 0:4], table[:, 7:11]  # px, py, pz, m
    energy = np.sqrt(np.sum(first**2, axis=1)) + np.sqrt(np.sum(second**2, axis=1))
    momentum = first[:, :3] + second[:, :3]
    return np.sqrt(energy**2 - np.sum(momentum**2, axis=1))


@pytest.mark.parametrize(
    ("start", "max_shape", "n_shape", "chi2", "ndf", "predicted"),
    [
        (2500, 4, 4, 43.6, 37, (12_811, 126)),
        (2500, 3, 3, 58.1, 38, None),
        (2500, 2, 2, 172.3, 39, None),
        (2700, 4, 3, 35.7, 34, (12_991, 102)),
    ],
)
def test_lhco_reference(lhco_masses, start, max_shape, n_shape, chi2, ndf, predicted):
    edges = EDGES[start <= EDGES]
    counts = np.histogram(lhco_masses, edges)[0]
    centres = 0.5 * (edges[1:] + edges[:-1])
    fit = fit_smooth(edges, counts, (centres < 3300) | (centres > 3700), max_shape=max_shape)
    assert (fit.n_shape, fit.ndf) == (n_shape, ndf)
    assert fit.chi2 == pytest.approx(chi2, abs=0.05)
    if predicted:
        assert fit.yield_in(3300, 3700) == pytest.approx(predicted, abs=0.5)
        assert fit.adequate
    assert counts[(centres > 3300) & (centres < 3700)].sum() == 12_881


def test_recovers_truth_without_noise(truth):
    fit = fit_smooth(EDGES, truth, SIDEBANDS)
    assert fit.n_shape == 2
    np.testing.assert_allclose(fit.expected(EDGES), truth, rtol=2e-4)
    assert fit.parameters[1:] == pytest.approx([17.0, 2.0], rel=0.01)


def test_pulls_are_standard_normal(truth):
    rng = np.random.default_rng(3)
    inside = ~SIDEBANDS
    pulls = []
    for _ in range(1000):
        fit = fit_smooth(EDGES, rng.poisson(truth), SIDEBANDS, max_shape=2)
        value, error = fit.yield_in(3300, 3700)
        pulls.append((value - truth[inside].sum()) / error)
    assert abs(np.mean(pulls)) < 4 / np.sqrt(1000)
    assert np.std(pulls) == pytest.approx(1.0, abs=4 / np.sqrt(2 * 1000))


def test_f_test_keeps_the_simple_function_mostly(truth):
    """It is left where the F-test prefers the next one: by chance one in twenty."""
    rng = np.random.default_rng(4)
    orders = [fit_smooth(EDGES, rng.poisson(truth), ALL).n_shape for _ in range(300)]
    assert np.mean(np.array(orders) == 2) == pytest.approx(0.95, abs=3 * np.sqrt(0.05 * 0.95 / 300))


def test_chi2_has_its_own_bins_for_each_order():
    """A power law overshoots the tail, and has bins there in which the right order expects next to nothing."""
    edges = np.arange(1500.0, 8501.0, 50.0)
    counts = np.array([dijet(m, [0.0, 17.0, 2.0]) for m in 0.5 * (edges[1:] + edges[:-1])])
    fit = fit_smooth(edges, 100_000 * counts / counts.sum(), np.ones(len(counts), dtype=bool))
    bins = [test.ndf + test.n_shape + 1 for test in fit.tests]
    assert bins[0] > bins[1] + 10
    assert bins[1] == 1 + Goodness.of(counts[None], fit.expected(edges)[None], 0).ndf[0]
    assert (fit.n_shape, fit.p_value) == (2, pytest.approx(1.0))


def test_bins_are_merged_until_each_expects_ten():
    expected = np.array(
        [[30.0, 12, 9, 2, 6, 5, 3, 1, 1], [4, 4, 4, 4, 4, 4, 4, 4, 4], [1, 1, 1, 1, 1, 1, 1, 1, 1]]
    )
    counts = expected + 1
    found = Goodness.of(counts, expected, 0)
    np.testing.assert_array_equal(found.ndf, [4 - 1, 3 - 1, 1 - 1])
    first = 1 / 30 + 1 / 12 + 2**2 / 11 + 5**2 / 16
    np.testing.assert_allclose(found.chi2, [first, 3 * 3**2 / 12, 9**2 / 9])
    np.testing.assert_allclose(found.p_value, [*stats.chi2.sf([first, 2.25], [3, 2]), 1.0])


def test_tests_record_every_order(truth):
    wiggly = 10 * truth * (1 + 0.08 * np.sin((EDGES[1:] - 2500) / 500))
    fit = fit_smooth(EDGES, wiggly, ALL)
    assert [test.n_shape for test in fit.tests] == [1, 2, 3, 4]
    assert fit.tests[0].f_p_value is None
    for test in fit.tests:
        assert test.ndf == len(wiggly) - test.n_shape - 1
        assert test.p_value == pytest.approx(stats.chi2.sf(test.chi2, test.ndf))
    for before, test in pairwise(fit.tests):
        gain = (before.deviance - test.deviance) / (test.chi2 / test.ndf)
        assert test.f_p_value == pytest.approx(stats.f.sf(gain, 1, test.ndf))
    expected = fit.expected(EDGES)
    assert expected.min() > 10  # no bins are merged
    assert fit.chi2 == pytest.approx(np.sum((wiggly - expected) ** 2 / expected), rel=1e-6)


def test_inadequate_spectrum_is_flagged(truth):
    fit = fit_smooth(EDGES, truth * (1 + 0.3 * np.sin((EDGES[1:] - 2500) / 100)), ALL)
    assert fit.n_shape == 4
    assert not fit.adequate


def test_integral_of_bins_against_quad():
    pairs = as_pairs([1000.0, 1037.0, 2000.0, 4000.0, 9000.0])
    integrals = BinIntegrals(pairs, 4, 13_000.0)
    p = [3.0, 12.0, 5.0, 0.3, 0.02]
    values, jacobian = integrals(integrals.terms, np.array(p))
    exact = [quad(dijet, low, high, args=(p,), epsrel=1e-10)[0] / 13_000 for low, high in pairs]
    np.testing.assert_allclose(values, exact, rtol=1e-6)
    np.testing.assert_allclose(jacobian[:, 0], values, rtol=1e-12)


def test_modes_add_up_to_the_error(truth):
    fit = fit_smooth(EDGES, truth, SIDEBANDS)
    modes = fit.modes(EDGES)
    assert modes.shape == (fit.n_shape + 1, len(truth))
    inside = modes[:, ~SIDEBANDS].sum(axis=1)
    assert np.sqrt(np.sum(inside**2)) == pytest.approx(fit.yield_in(3300, 3700)[1], rel=1e-4)
    assert fit.error([3300, 3700]) == pytest.approx(fit.yield_in(3300, 3700)[1])
    merged = fit.modes([3300, 3700])[:, 0]
    np.testing.assert_allclose(merged, inside, atol=0.05)


def test_drawn_masses_follow_the_density(truth):
    fit = fit_smooth(EDGES, truth, SIDEBANDS)
    masses = fit.draw_masses(3300, 3700, 40_000, np.random.default_rng(1))
    assert masses.min() >= 3300
    assert masses.max() < 3700
    edges = np.linspace(3300, 3700, 9)
    expected = fit.expected(edges) / fit.yield_in(3300, 3700)[0] * len(masses)
    chi2 = np.sum((np.histogram(masses, edges)[0] - expected) ** 2 / expected)
    assert chi2 < 25
    again = fit.draw_masses(3300, 3700, 40_000, np.random.default_rng(1))
    np.testing.assert_array_equal(masses, again)


@settings(max_examples=8, deadline=None)
@given(scale=st.floats(0.2, 100.0))
def test_yields_scale_with_the_counts(truth, scale):
    one = fit_smooth(EDGES, truth, SIDEBANDS, max_shape=2)
    other = fit_smooth(EDGES, truth * scale, SIDEBANDS, max_shape=2)
    value, error = one.yield_in(3300, 3700)
    assert other.yield_in(3300, 3700) == pytest.approx((value * scale, error * np.sqrt(scale)), rel=1e-4)


def test_few_events_in_many_bins(truth):
    counts = np.random.default_rng(5).poisson(truth / 1500)
    fit = fit_smooth(EDGES, counts, SIDEBANDS)
    value, error = fit.yield_in(3300, 3700)
    assert abs(value - truth[~SIDEBANDS].sum() / 1500) < 4 * error
    assert fit.ndf <= 3


def test_empty_tail(truth):
    counts = np.where(CENTRES < 3900, np.round(truth), 0.0)
    expected = fit_smooth(EDGES, counts, ALL).expected(EDGES)
    assert expected.sum() == pytest.approx(counts.sum(), rel=1e-6)  # the norm is free
    assert expected[CENTRES > 3900].sum() < 0.05 * counts.sum()


@pytest.mark.parametrize(
    ("edges", "counts", "mask", "options", "error", "message"),
    [
        (EDGES, np.zeros(50), ALL, {}, InputError, "every fitted bin is empty"),
        (EDGES, np.r_[-1.0, np.ones(49)], ALL, {}, InputError, r"-1.0 events in bin 2500-2550"),
        (EDGES, np.r_[np.nan, np.ones(49)], ALL, {}, InputError, "nan events"),
        (EDGES, np.ones(50), np.arange(50) < 2, {}, InputError, "2 bins to fit"),
        (EDGES, np.ones(49), ALL, {}, ConfigError, "expected edges"),
        (EDGES, np.ones(50), ALL.astype(int), {}, ConfigError, "mask of bool"),
        (EDGES, np.ones(50), ALL, {"max_shape": 5}, ConfigError, "must be 1 to 4; got 5"),
        (EDGES, np.ones(50), ALL, {"sqrt_s": 5000.0}, ConfigError, r"sqrt\(s\) = 5000 GeV"),
        (EDGES - 2500.0, np.ones(50), ALL, {}, ConfigError, "must lie between 0"),
        (np.append(5e-324, EDGES[1:]), np.ones(50), ALL, {}, ConfigError, "must lie between 0"),
        (EDGES[::-1], np.ones(50), ALL, {}, ConfigError, "finite and increase"),
        (EDGES, np.r_[5.0, np.zeros(49)], ALL, {}, FitError, "do not determine it"),
    ],
)
def test_bad_input(edges, counts, mask, options, error, message):
    with pytest.raises(error, match=message):
        fit_smooth(edges, counts, mask, **options)


def test_counts_outside_the_mask_may_be_anything(truth):
    counts = np.where(SIDEBANDS, truth, np.nan)
    assert fit_smooth(EDGES, counts, SIDEBANDS).n_shape == 2


@pytest.mark.parametrize(
    ("function", "density", "parameters"),
    [
        (DIJET, lambda x: x**-7.0, [7.0]),
        (UA2, lambda x: x**-3.0 * np.exp(-12.0 * x), [3.0, 12.0]),
        (MODIFIED_EXPONENTIAL, lambda x: np.exp(-15.0 * x**0.7), [15.0, 0.7]),
        (MODIFIED_EXPONENTIAL, lambda x: np.exp(-15.0 * x), [15.0]),
    ],
)
def test_every_function_finds_its_own_parameters(function, density, parameters):
    counts = [quad(density, low / 13e3, high / 13e3, epsrel=1e-10)[0] for low, high in as_pairs(EDGES)]
    counts = 1e6 * np.array(counts) / np.sum(counts)
    fit = fit_smooth(EDGES, counts, ALL, function=function)
    assert fit.n_shape == len(parameters)
    np.testing.assert_allclose(fit.expected(EDGES), counts, rtol=2e-5)
    if function is MODIFIED_EXPONENTIAL and len(parameters) == 2:
        x = np.array([0.3])
        np.testing.assert_allclose(fit.function.terms(x)[0], -(x ** parameters[1]), rtol=1e-3)
        assert fit.parameters[1] == pytest.approx(parameters[0], rel=1e-3)
    else:
        assert fit.parameters[1:] == pytest.approx(parameters, rel=1e-3)


def test_alternatives_agree_with_the_dijet_function_within_errors(truth):
    rng = np.random.default_rng(8)
    counts = rng.poisson(truth)
    fits = [fit_smooth(EDGES, counts, SIDEBANDS, function=function) for function in FUNCTIONS.values()]
    yields = [fit.yield_in(3300, 3700) for fit in fits]
    assert all(fit.adequate for fit in fits)
    assert np.ptp([value for value, _ in yields]) < 3 * max(error for _, error in yields)


def test_unknown_function_is_named():
    with pytest.raises(ConfigError, match="did you mean 'dijet'"):
        function_of("dijt")


def test_a_refit_keeps_the_order(truth):
    """A power law stays one, and does not describe a spectrum that bends."""
    fit = fit_smooth(EDGES, 1e6 * (CENTRES / 2500) ** -7, SIDEBANDS)
    again = refit(fit, EDGES, truth, SIDEBANDS)
    assert (again.n_shape, again.function) == (fit.n_shape, fit.function) == (1, DIJET)
    assert again.chi2 > 100 > fit.chi2
    np.testing.assert_allclose(
        again.expected(EDGES), fit_smooth(EDGES, truth, SIDEBANDS, max_shape=1).expected(EDGES)
    )


def test_exposures_scale_errors_and_chi2(truth):
    """A template of four events for each one in the low sideband, and of twenty above."""
    rng, times = np.random.default_rng(3), np.where(CENTRES < 3300, 4.0, 20.0)
    chi2, pulls = [], []
    for _ in range(100):
        fit = fit_smooth(EDGES, rng.poisson(truth * times), SIDEBANDS, max_shape=2, exposure=times)
        chi2.append(fit.p_value)
        expected, error = fit.yield_in(3300, 3700)
        pulls.append((expected - truth[~SIDEBANDS].sum()) / error)
    assert stats.kstest(chi2, "uniform").pvalue > 0.01
    assert np.mean(pulls) == pytest.approx(0.0, abs=0.3)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("exposure", [[1.0], np.zeros(len(CENTRES)), np.full(len(CENTRES), np.nan)])
def test_exposures_that_cannot_be(truth, exposure):
    with pytest.raises(ConfigError, match="expected an exposure above zero for each of 50 bins"):
        fit_smooth(EDGES, truth, SIDEBANDS, exposure=exposure)


def test_the_smallest_count_there_is_has_a_deviance():
    found = Goodness.of(np.array([[5e-324, 12.0]]), np.array([[11.0, 12.0]]), 1)
    assert found.deviance == pytest.approx(22.0)
