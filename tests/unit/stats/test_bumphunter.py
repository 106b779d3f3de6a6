"""BumpHunter against Poisson sums, pyBumpHunter and its published example, and what its p-values must do."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logsumexp

from hepflow.errors import ConfigError, InputError
from hepflow.smooth import fit_smooth
from hepflow.stats import SmoothToys, bumphunter

# The example of pyBumpHunter (data/data.root, 60 bins of 0 to 20): a falling spectrum with a bump at 5.5
EXAMPLE_EDGES = np.linspace(0, 20, 61)
EXAMPLE_DATA = (
    *(15133, 13122, 11053, 9347, 7862, 6678, 5629, 4645, 4125, 3404, 2916, 2509, 2028, 1818, 1510, 1268),
    *(1121, 950, 771, 667, 513, 488, 398, 324, 267, 231, 222, 183, 153, 132, 101, 82, 79, 60, 59, 44, 41, 35),
    *(43, 22, 19, 19, 15, 6, 8, 6, 9, 5, 5, 3, 2, 4, 2, 5, 3, 0, 1, 1, 1, 0),
)
EXAMPLE_BACKGROUND = (
    *(15394, 13137, 11006, 9232, 7911, 6636, 5661, 4729, 4024, 3412, 2788, 2551, 2108, 1789, 1474, 1264),
    *(1078, 894, 705, 624, 552, 495, 394, 322, 275, 239, 178, 189, 151, 133, 100, 66, 69, 65, 47, 38, 43, 35),
    *(32, 25, 19, 19, 23, 13, 10, 8, 5, 7, 5, 5, 3, 4, 1, 1, 2, 1, 1, 3, 0, 1),
)
EDGES = np.linspace(2500, 3700, 13)
FALLING = 300 * np.exp(-np.arange(12) / 4)


def spectra(counts, means):
    """Return a strategy of spectra of 4 to 12 bins: observed, expected."""
    bins = st.integers(4, 12)
    return bins.flatmap(
        lambda size: st.tuples(
            st.lists(counts, min_size=size, max_size=size), st.lists(means, min_size=size, max_size=size)
        )
    )


def slow_scan(observed, expected, widths, deficit=False, sidebands=False):
    """Return the largest -ln p of a spectrum, window by window, with the Poisson sums of scipy."""
    largest = 0.0
    for width in range(widths[0], widths[1] + 1):
        for first in range(len(expected) - width + 1):
            n, b = observed[first : first + width].sum(), expected[first : first + width].sum()
            if sidebands:
                b *= (observed.sum() - n) / (expected.sum() - b)
            if deficit and n < b:
                largest = max(largest, -stats.poisson.logcdf(n, b))
            elif not deficit and n > b > 0:
                largest = max(largest, -stats.poisson.logsf(n - 1, b))
    return largest


def test_example_of_pybumphunter():
    found = bumphunter(EXAMPLE_EDGES, EXAMPLE_DATA, EXAMPLE_BACKGROUND, widths=(2, 6), toys=10_000, seed=666)
    assert (found.first_bin, found.width, found.n_windows) == (16, 4, 285)
    assert found.window == pytest.approx((5.333, 6.667), abs=1e-3)
    assert f"{found.local_p:.7f}" == "0.0001734"
    assert found.n_obs - found.n_exp == 208
    assert found.global_p == pytest.approx(0.0177, abs=3 * np.hypot(found.global_p_error, 0.0013))


@pytest.mark.filterwarnings(
    "ignore:divide by zero:RuntimeWarning"
)  # its deficits are 1 - p, which rounds to 0
@settings(max_examples=60, deadline=None)
@given(spectra(st.integers(0, 60), st.floats(0.5, 50)), st.booleans(), st.sampled_from([1, 2]))
def test_scan_is_that_of_pybumphunter(spectrum, deficit, step):
    peer = pytest.importorskip("pyBumpHunter")
    observed, expected = map(np.array, spectrum)
    hunter = peer.BumpHunter1D(
        mode="deficit" if deficit else "excess", width_min=1, width_max=3, scan_step=step, nworker=1
    )
    hunter.bump_scan(observed, expected, is_hist=True, do_pseudo=False)
    edges = np.arange(len(observed) + 1)
    found = bumphunter(edges, observed, expected, widths=(1, 3), step=step, deficit=deficit, toys=1, seed=0)
    assert found.local_p == pytest.approx(hunter.min_Pval_ar[0], rel=1e-9, abs=1e-14)
    if not deficit:  # there rounding may decide which window is first
        assert (found.first_bin, found.width) == (hunter.min_loc_ar[0], hunter.min_width_ar[0])
        assert found.n_obs - found.n_exp == pytest.approx(hunter.signal_eval, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(spectra(st.integers(0, 60), st.floats(0.5, 50)))
def test_sidebands_are_those_of_pybumphunter(spectrum):
    peer = pytest.importorskip("pyBumpHunter")
    observed, expected = map(np.array, spectrum)
    hunter = peer.BumpHunter1D(width_min=1, width_max=3, nworker=1, use_sideband=True)
    hunter.bump_scan(observed, expected, is_hist=True, do_pseudo=False)
    edges = np.arange(len(observed) + 1)
    found = bumphunter(edges, observed, expected, widths=(1, 3), sidebands=True, toys=1, seed=0)
    assert min(found.statistic, 690) == pytest.approx(min(-np.log(hunter.min_Pval_ar[0]), 690), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    spectra(st.integers(0, 60), st.floats(0.01, 30)), st.booleans(), st.booleans(), st.integers(0, 2**32 - 1)
)
def test_data_and_toys_are_scanned_window_by_window(spectrum, deficit, sidebands, seed):
    observed, expected = map(np.array, spectrum)
    options = {"deficit": deficit, "sidebands": sidebands}
    edges = np.arange(len(observed) + 1)
    found = bumphunter(edges, observed, expected, widths=(1, 3), toys=20, seed=seed, **options)
    means = expected * (observed.sum() / expected.sum() if sidebands else 1)
    toys = np.random.default_rng(seed).poisson(means, (20, len(means)))
    wanted = [slow_scan(row, expected, (1, 3), **options) for row in (observed, *toys)]
    got = [found.statistic, *found.toy_statistics]
    # Rounding decides whether n = b, with p above a half, is an excess; scipy's sums underflow soon after 600.
    np.testing.assert_allclose(*(np.clip(values, np.log(2), 600) for values in (got, wanted)), rtol=1e-9)


def test_one_window_has_no_trials():
    found = bumphunter([3300, 3700], [17], [10.0], toys=40_000, seed=1)
    assert found.local_p == pytest.approx(stats.poisson.sf(16, 10))
    assert found.global_p == pytest.approx(found.local_p, abs=3 * found.global_p_error)


def test_independent_windows_have_as_many_trials():
    counts = np.full(12, 10)
    counts[3] = 20
    found = bumphunter(EDGES, counts, np.full(12, 10.0), widths=(1, 1), toys=40_000, seed=1)
    assert found.window == (2800, 2900)
    assert found.global_p == pytest.approx(1 - (1 - found.local_p) ** 12, abs=3 * found.global_p_error)


def test_global_p_is_flat_without_signal():
    rng = np.random.default_rng(5)
    p = [bumphunter(EDGES, rng.poisson(FALLING), FALLING, toys=200, seed=i).global_p for i in range(300)]
    assert stats.kstest(p, "uniform").pvalue > 0.01


def scaled(toys):
    """Return a fit with one parameter: the background with as many events as there are."""
    return FALLING / FALLING.sum() * toys.sum(axis=1, keepdims=True)


def test_refitted_toys_are_compared_with_their_own_fits():
    observed = np.random.default_rng(2).poisson(FALLING)
    mean = scaled(observed[None])[0]
    found = bumphunter(EDGES, observed, mean, widths=(1, 3), refit=scaled, toys=30, seed=4)
    toys = np.random.default_rng(4).poisson(mean, (30, 12))
    wanted = [slow_scan(row, own, (1, 3)) for row, own in zip(toys, scaled(toys), strict=True)]
    np.testing.assert_allclose(found.toy_statistics, wanted, rtol=1e-9)


def test_bins_that_are_not_tested_reach_the_refit():
    """It is given whole spectra, as the fit to the data was."""
    mean = np.r_[0.0, FALLING[1:-1], 0.0]
    observed = np.random.default_rng(2).poisson(mean)
    seen = []
    bumphunter(
        EDGES, observed, mean, refit=lambda toys: seen.append(toys) or 0 * toys + mean, toys=30, seed=4
    )
    assert seen[0].shape == (30, 12)
    assert seen[0][:, [0, -1]].sum() == 0


def test_global_p_of_a_fit_is_flat_without_signal(dijet):
    """Toys with the expectation of the data have p < 0.05 in 1.3 % of such spectra."""
    edges, mean = dijet[0], dijet[1](10_000)
    rng, number, bins = np.random.default_rng(6), 200, np.ones(60, dtype=bool)
    p = []
    for i in range(number):
        observed = rng.poisson(mean)
        smooth = fit_smooth(edges, observed, bins)
        expected = smooth.expected(edges)
        refit = SmoothToys(edges, expected, smooth).expected
        p.append(bumphunter(edges, observed, expected, widths=(1, 8), refit=refit, toys=99, seed=i).global_p)
    assert np.mean(np.array(p) < 0.2) == pytest.approx(0.2, abs=3 * np.sqrt(0.2 * 0.8 / number))
    assert stats.kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize(("n", "b"), [(2000, 12.0), (400, 10.0), (1_040_000, 1e6)])
def test_probabilities_too_small_for_a_float(n, b):
    exact = -logsumexp(stats.poisson.logpmf(np.arange(n, n + 10_000), b))
    found = bumphunter([0, 1], [n], [b], toys=1, seed=0)
    assert found.statistic == pytest.approx(exact, rel=1e-6)
    assert bumphunter([0, 1], [0], [2000.0], deficit=True, toys=1, seed=0).statistic == pytest.approx(2000)


def test_global_p_is_never_zero():
    found = bumphunter(EDGES, 3 * FALLING, FALLING, toys=99, seed=1)
    assert found.global_p == 0.01
    assert found.global_p_error == pytest.approx(0.01, rel=0.01)
    assert "p < 0.01" in str(found)


def test_the_seed_decides_alone():
    few, many, other = (
        bumphunter(EXAMPLE_EDGES, EXAMPLE_DATA, EXAMPLE_BACKGROUND, toys=toys, seed=seed).toy_statistics
        for toys, seed in [(200, 1), (1000, 1), (200, 2)]
    )
    np.testing.assert_array_equal(few, many[:200])  # whatever the batches
    assert not np.array_equal(few, other)


def test_sidebands_need_the_shape_alone():
    observed = np.round(FALLING)
    observed[5:7] += 40
    results = [
        bumphunter(EDGES, observed, scale * FALLING, widths=(1, 4), sidebands=True, toys=500, seed=3)
        for scale in (1, 7)
    ]
    assert [one.window for one in results] == [(3000, 3200)] * 2
    assert results[0].statistic == pytest.approx(results[1].statistic)
    np.testing.assert_allclose(*(one.toy_statistics for one in results))
    np.testing.assert_allclose(results[1].expected, results[0].expected)
    assert results[0].expected[5:7].sum() == pytest.approx(results[0].n_exp)


def test_deficit_is_looked_for_where_asked():
    observed = np.round(FALLING)
    observed[2], observed[8] = 2 * observed[2], 5
    assert bumphunter(EDGES, observed, FALLING, toys=10, seed=1).window == (2700, 2800)
    found = bumphunter(EDGES, observed, FALLING, toys=10, seed=1, deficit=True)
    assert found.window == (3300, 3400)
    assert "largest deficit at 3300-3400 GeV" in str(found)


def test_no_excess_anywhere():
    found = bumphunter(EDGES, np.zeros(12), FALLING, toys=50, seed=1)
    assert (found.statistic, found.local_p, found.global_p, found.global_z) == (0, 1, 1, 0)
    assert str(found) == "no excess in any of 57 windows"


def test_bins_of_any_width_and_edges_without_background():
    edges = [1000, 1100, 1300, 1600, 2000, 2500]
    found = bumphunter(edges, [0, 9, 30, 9, 0], [0, 9, 10, 9, 0.0], toys=10, seed=1)
    assert (found.window, found.first_bin, found.n_windows) == ((1300, 1600), 2, 5)
    with pytest.warns(UserWarning, match="2 events lie where none are expected, outside 1100-2000 GeV"):
        bumphunter(edges, [0, 9, 30, 9, 2], [0, 9, 10, 9, 0.0], toys=10, seed=1)


def test_record_is_json():
    found = bumphunter(EDGES, np.round(FALLING), FALLING, toys=50, seed=1)
    record = json.loads(json.dumps(found.to_dict()))
    assert record["window"] == list(found.window)
    assert record["toys"] == 50


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"observed": [1, 2]}, ConfigError, r"expected \(B,\); got \(13,\), \(2,\) and \(12,\)"),
        ({"expected": FALLING[None]}, ConfigError, r"and \(1, 12\)"),
        ({"edges": EDGES[::-1]}, ConfigError, "edge 3600 GeV after 3700 GeV; expected increasing edges"),
        ({"edges": [*EDGES[:-1], np.nan]}, ConfigError, "edge nan GeV after 3600 GeV"),
        ({"observed": [*FALLING[:-1], -1]}, InputError, "observed is -1 in bin 3600-3700 GeV"),
        ({"expected": [np.nan, *FALLING[1:]]}, InputError, "expected is nan in bin 2500-2600 GeV"),
        ({"expected": np.zeros(12)}, InputError, "no events are expected in any bin"),
        ({"widths": (2, 13)}, ConfigError, r"widths \(2, 13\); .* between 1 and the 12 of the spectrum"),
        ({"widths": (0, 3)}, ConfigError, r"widths \(0, 3\)"),
        ({"widths": (4, 3)}, ConfigError, r"widths \(4, 3\)"),
        ({"step": 0}, ConfigError, "step 0"),
        ({"toys": 0}, ConfigError, "toys 0"),
        ({"sidebands": True, "refit": scaled}, ConfigError, "give one of them"),
        ({"widths": (12, 12), "sidebands": True}, InputError, "no window of 12 to 12 bins can be tested"),
    ],
)
def test_bad_input(change, error, message):
    arguments = {"edges": EDGES, "observed": np.round(FALLING), "expected": FALLING, "seed": 1, **change}
    with pytest.raises(error, match=message):
        bumphunter(**arguments)
