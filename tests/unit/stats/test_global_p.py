"""The look-elsewhere effect: local p-values of toys, and global ones from toys and from upcrossings."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from hepflow.errors import ConfigError, FitError
from hepflow.stats import MassScan, global_significance, toy_scans

MASSES = np.arange(2800.0, 4801.0, 100.0)


@pytest.fixture
def scan(dijet, gaussian):
    """Return a scan of 60,000 events without signal."""
    edges, expected = dijet
    return MassScan(edges, np.random.default_rng(5).poisson(expected(60_000)), MASSES, gaussian)


def test_local_p_values_are_uniform_without_signal(scan):
    z = toy_scans(scan, 400, signed=True, seed=1)
    assert z.shape == (400, len(MASSES))
    for column in range(0, len(MASSES), 5):
        assert stats.kstest(z[:, column], "norm").pvalue > 0.01
    excesses = toy_scans(scan, 400, seed=1)
    np.testing.assert_allclose(excesses, np.maximum(z, 0.0), atol=1e-3)


@pytest.mark.slow
def test_local_p_values_are_uniform_in_many_toys(scan):
    p = stats.norm.sf(toy_scans(scan, 10_000, signed=True, seed=2))
    assert stats.kstest(p[:, 10], "uniform").pvalue > 0.01


def test_neighbouring_masses_go_together_and_distant_ones_do_not(scan):
    z = toy_scans(scan, 400, signed=True, seed=3)
    matrix = np.corrcoef(z.T)
    assert np.diag(matrix, 1).min() > 0.5
    assert abs(matrix[0, -1]) < 0.3


def test_toys_are_those_of_single_fits(scan):
    """The toys of a scan, fitted one by one like data."""
    z = toy_scans(scan, 6, f_test=False, seed=4)
    mean = scan.background().expected(scan.edges)
    counts = np.random.default_rng(4).poisson(mean, (6, len(mean)))
    order = scan.background().n_shape
    for row, data in enumerate(counts):
        alone = MassScan(
            scan.edges, data, MASSES, lambda mass: lambda at: scan.signals[list(MASSES).index(mass)]
        )
        if alone.background().n_shape == order:
            np.testing.assert_allclose(z[row], alone.run(limits=False).z, atol=2e-3)


def test_upcrossings_agree_with_toys(scan):
    """The bound of Gross and Vitells is above what toys find, and near it where the excess is large."""
    result = scan.run(limits=False)
    raised = replace(result, z=result.z.copy(), p0=result.p0.copy())
    curves = toy_scans(scan, 1000, seed=5)
    crossings = np.sum((curves[:, :-1] < 0.5) & (curves[:, 1:] >= 0.5), axis=1)
    for z in (2.0, 2.5, 3.0):
        raised.z[10], raised.p0[10] = z, stats.norm.sf(z)
        found = global_significance(scan, raised, toys=1000, seed=5)
        assert found.mass == MASSES[10]
        assert found.z_local == z
        assert found.p - 3 * found.p_error < found.p_upcrossings < 2 * (found.p + 3 * found.p_error)
        assert found.upcrossings == crossings.mean()
        wanted = stats.norm.sf(z) + crossings.mean() * np.exp(-0.5 * (z**2 - 0.5**2))
        assert found.p_upcrossings == pytest.approx(wanted)
        np.testing.assert_allclose(found.p_at([z, -9.0, 0.0])[:2], [wanted, 1.0])
        assert found.p_at(0.0) <= 1
        assert found.z_upcrossings == pytest.approx(stats.norm.isf(wanted))
        assert found.trials == pytest.approx(wanted / stats.norm.sf(z))
        assert found.z == pytest.approx(stats.norm.isf(found.p))
        assert found.reached == np.sum(found.max_z >= z)
        assert found.p == (found.reached + 1) / 1001
        assert found.p_error == pytest.approx(np.sqrt(found.p * (1 - found.p) / 1000))


def test_upcrossings_are_those_of_a_normal_process(scan):
    """Of signed excesses of unit width: how often one mass is below the level and the next above it."""
    matrix = np.corrcoef(toy_scans(scan, 1500, signed=True, seed=3).T)
    below = [
        stats.multivariate_normal.cdf([0.5, 0.5], cov=[[1, rho], [rho, 1]]) for rho in np.diag(matrix, 1)
    ]
    wanted = np.sum(stats.norm.cdf(0.5) - below)
    result = scan.run(limits=False)
    found = global_significance(scan, result, toys=1500, seed=4)
    assert found.upcrossings_error < 0.01 * wanted
    assert found.upcrossings == pytest.approx(wanted, abs=4 * found.upcrossings_error)


def test_one_mass_has_no_look_elsewhere_effect(scan, gaussian):
    one = MassScan(scan.edges, scan.counts, [2800], gaussian)
    result = replace(one.run(limits=False), z=np.array([1.5]), p0=np.array([stats.norm.sf(1.5)]))
    found = global_significance(one, result, toys=800, seed=6)
    assert (found.upcrossings, found.trials) == (0.0, 1.0)
    assert found.p_local <= found.p < found.p_local + 4 * found.p_error


def test_excess_that_no_toy_reaches(scan):
    result = scan.run(limits=False)
    raised = replace(result, z=np.full(len(MASSES), 7.0), p0=np.full(len(MASSES), stats.norm.sf(7.0)))
    found = global_significance(scan, raised, toys=100, seed=7)
    assert (found.reached, found.p) == (0, 1 / 101)
    assert found.p_error == pytest.approx(0.01, rel=0.02)
    assert found.z == pytest.approx(stats.norm.isf(1 / 101))
    assert 6 < found.z_upcrossings < 7
    record = found.to_dict()
    assert record["toys"] == 100
    assert record["trials"] == found.trials
    assert "max_z" not in record


@pytest.mark.parametrize("z", [0.0, 0.3, 1.0, 2.0, 4.0, 9.0])
def test_no_global_p_value_is_below_its_local_one(scan, gaussian, z):
    """One mass alone shows as much as its toys do, so that these fall below it as often as not."""
    one = MassScan(scan.edges, scan.counts, [2800], gaussian)
    result = replace(one.run(limits=False), z=np.array([z]), p0=np.array([stats.norm.sf(z)]))
    for seed in range(4):
        found = global_significance(one, result, toys=100, f_test=False, seed=seed)
        assert 0 < found.p_local <= found.p
        assert found.p_local <= found.p_upcrossings
        assert 0 <= found.z <= found.z_local
        assert found.z_upcrossings <= found.z_local + 1e-9


def test_toys_at_few_events_are_compared_by_their_statistic(dijet, gaussian):
    """The p-value at the largest excess comes from toys: its significance is not the root of q0."""
    edges, expected = dijet
    counts = np.random.default_rng(8).poisson(expected(300))
    counts[45] += 4
    scan = MassScan(edges, counts, [4600, 4775], gaussian, max_shape=2)
    result = scan.run(limits=False, toys=1000)
    assert "toys" in result.calculator
    statistic = scan.run(limits=False, calculator="asymptotic").z.max()
    shifted = replace(result, z=result.z + 0.5)
    found = global_significance(scan, shifted, toys=400, seed=9)
    assert found.z_local == shifted.z.max() > statistic + 0.4
    assert found.reached == np.sum(found.max_z >= statistic - 1e-4) > np.sum(found.max_z >= found.z_local)
    assert found.p == (found.reached + 1) / 401


def test_masses_without_a_fit_are_left_out(dijet, gaussian):
    edges, expected = dijet
    counts = np.random.default_rng(10).poisson(expected(20_000))
    scan = MassScan(edges, counts, [2510, 3400, 3500], gaussian, half_range=0.05)
    result = scan.run(limits=False)
    assert np.isnan(result.z[0])
    found = global_significance(scan, result, toys=100, seed=11)
    assert found.mass > 3000
    assert toy_scans(scan, 100, masses=np.isfinite(result.z), seed=11).shape == (100, 2)


def test_spurious_signal_makes_local_excesses_smaller(scan, gaussian):
    faked = MassScan(scan.edges, scan.counts, MASSES[::7], gaussian, spurious=60.0)
    plain = MassScan(scan.edges, scan.counts, MASSES[::7], gaussian)
    big, small = toy_scans(plain, 100, seed=12), toy_scans(faked, 100, seed=12)
    assert np.mean(small[big > 1] < big[big > 1]) > 0.5
    assert stats.kstest(toy_scans(faked, 300, signed=True, seed=13)[:, 1], "norm").pvalue > 0.01


def test_seed_decides_everything(scan):
    one, same, other = (toy_scans(scan, 20, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_portions_change_nothing(scan, monkeypatch):
    monkeypatch.setattr("hepflow.stats.batch._CHUNK", 5000)
    chunks = toy_scans(scan, 30, seed=1)
    monkeypatch.undo()
    np.testing.assert_allclose(chunks, toy_scans(scan, 30, seed=1), atol=1e-6)


def test_bad_input(scan):
    result = scan.run(limits=False)
    with pytest.raises(ConfigError, match="10 toys: a hundred"):
        global_significance(scan, result, toys=10, seed=1)
    with pytest.raises(FitError, match="holds no significance"):
        global_significance(scan, replace(result, z=np.full(len(MASSES), np.nan)), seed=1)
