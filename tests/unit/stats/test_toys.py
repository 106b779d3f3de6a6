"""Toys: their moments, and p-values against exact Poisson tails."""

import numpy as np
import pytest
from scipy import stats

from hepflow.errors import ConfigError, FitError
from hepflow.stats import HistFactory, Profile, discovery, open_workspace, p0_toys
from hepflow.stats.toys import mixture_weights, q0_many, q_mu_many, tail, throw


@pytest.fixture
def poisson(counting):
    """Return a function that makes the likelihood of a single bin whose background is known."""
    return lambda background: HistFactory(open_workspace(counting([1.0], [background], [], [background]))[0])


@pytest.fixture
def uncertain(counting):
    """Return a likelihood with both kinds of constraint."""
    spec = counting([5.0, 10.0], [40.0, 8.0], [6.0, 2.0], [40.0, 8.0])
    scale = {"name": "scale", "type": "normsys", "data": {"hi": 1.2, "lo": 0.85}}
    spec["channels"][0]["samples"][1]["modifiers"].append(scale)
    return HistFactory(open_workspace(spec)[0])


def test_thrown_data_have_the_moments_of_their_constraints(uncertain):
    x = uncertain.at(1.5)
    x[uncertain.names.index("scale")] = 0.4
    x[uncertain.names.index("error[0]")] = 1.1
    toys = throw(uncertain, x, 40_000, np.random.default_rng(1))
    mean = uncertain.expected_data(x)
    held = uncertain.constraints
    variance = np.concatenate([mean[:2], np.where(held.poisson, mean[2:], held.width**2)])
    np.testing.assert_allclose((toys.mean(axis=0) - mean) / np.sqrt(variance / 40_000), 0, atol=4)
    np.testing.assert_allclose(toys.var(axis=0), variance, rtol=0.04)
    np.testing.assert_allclose(np.corrcoef(toys.T), np.eye(len(mean)), atol=0.03)
    counts = np.concatenate([[True, True], held.poisson])
    np.testing.assert_array_equal(toys[:, counts], np.round(toys[:, counts]))


def test_parameters_that_are_held_have_no_toys_of_their_auxiliary_data(counting):
    spec = counting([5.0, 1.0], [40.0, 0.0], [6.0, 0.0], [40.0, 0.0])  # pyhf holds the second bin's factor
    likelihood = HistFactory(open_workspace(spec)[0])
    assert likelihood.fixed.any()
    toys = throw(likelihood, likelihood.init, 50, np.random.default_rng(1))
    held = likelihood.fixed[likelihood.constraints.index]
    assert np.ptp(toys[:, 2:][:, ~held], axis=0).min() > 0
    np.testing.assert_array_equal(toys[:, 2:][:, held], np.tile(likelihood.auxiliary[held], (50, 1)))


@pytest.mark.parametrize(("n", "background"), [(1, 0.5), (2, 1.0), (5, 1.0), (20, 5.0), (15, 3.0), (30, 3.0)])
def test_p_value_is_the_poisson_tail(poisson, n, background):
    found = p0_toys(poisson(background), [float(n)], toys=3000, seed=1)
    exact = stats.poisson.sf(n - 1, background)
    assert found.p == pytest.approx(exact, abs=3 * found.error)
    assert 0 < found.error < 0.12 * found.p
    assert found.z == pytest.approx(max(stats.norm.isf(found.p), 0.0))
    assert found.to_dict()["toys"] == 3000


def test_a_deficit_is_half(poisson):
    found = p0_toys(poisson(10.0), [4.0], toys=200, seed=1)
    assert (found.p, found.error, found.z, found.observed) == (0.5, 0.0, 0.0, 0.0)


def test_p_value_with_nuisances_nears_the_asymptotic_one(counting):
    spec = counting([30.0], [1000.0], [20.0], [1130.0])
    asymptotic = discovery(*open_workspace(spec))
    found = p0_toys(*open_workspace(spec), toys=6000, seed=3)
    assert found.observed == pytest.approx(asymptotic.q0, rel=1e-6)
    assert asymptotic.z > 3
    assert found.error < 0.05 * found.p
    assert found.p == pytest.approx(asymptotic.p0, abs=4 * found.error)


def test_importance_sampling_agrees_with_plain_toys(uncertain):
    data = np.array([60.0, 18.0])
    found = p0_toys(uncertain, data, toys=3000, seed=4)
    assert found.observed > 1.5**2
    assert np.ptp(found.weights) > 0
    null = Profile(uncertain, data).conditional(0.0).x
    plain = q0_many(uncertain, throw(uncertain, null, 20_000, np.random.default_rng(5)), null)
    p, error = tail(plain, np.ones(20_000), np.array([found.observed]))
    assert found.p == pytest.approx(p[0], abs=3 * np.hypot(error[0], found.error))
    assert found.error < 2 * error[0]


def test_weights_are_densities_over_their_mixture(poisson):
    likelihood, sizes = poisson(4.0), [600, 400]
    points = [likelihood.at(0.0), likelihood.at(5.0)]
    n = np.arange(30.0)[:, None]
    weights = mixture_weights(likelihood, n, points, sizes)
    under = stats.poisson.pmf(n[:, 0], [[4.0], [9.0]])
    np.testing.assert_allclose(weights, under / (0.6 * under[0] + 0.4 * under[1]), rtol=1e-9)


def test_p_values_are_uniform_without_signal(uncertain):
    """Each from a fit of its own: signed, so that deficits have p-values, too."""
    rng = np.random.default_rng(6)
    toys = throw(uncertain, uncertain.at(0.0), 3000, rng)
    q = q0_many(uncertain, toys, uncertain.at(0.0), signed=True)
    p = stats.norm.sf(np.sign(q) * np.sqrt(np.abs(q)))
    assert stats.kstest(p[p < 0.5] * 2, "uniform").pvalue > 0.01
    assert np.mean(p < 0.5) == pytest.approx(0.5, abs=0.04)


def test_statistics_of_toys_are_those_of_a_profile(uncertain):
    toys = throw(uncertain, uncertain.at(0.3), 40, np.random.default_rng(7))
    signed = q0_many(uncertain, toys, uncertain.init, signed=True)
    q0, q1 = q0_many(uncertain, toys, uncertain.init), q_mu_many(uncertain, toys, 1.0, uncertain.init)
    for row, data in enumerate(toys):
        profile = Profile(uncertain, data)
        rise = profile.rise(0.0)
        assert signed[row] == pytest.approx(np.sign(profile.mu_hat) * rise, abs=1e-5)
        assert q0[row] == pytest.approx(rise if profile.mu_hat > 0 else 0.0, abs=1e-5)
        tilde = profile.rise(1.0) - (profile.rise(0.0) if profile.mu_hat < 0 else 0.0)
        assert q1[row] == pytest.approx(tilde if profile.mu_hat < 1 else 0.0, abs=1e-5)


def test_seed_decides_everything(uncertain):
    one, same, other = (p0_toys(uncertain, [60.0, 15.0], toys=300, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.toys, same.toys)
    assert one.p == same.p
    assert not np.array_equal(one.toys, other.toys)


def test_chunks_change_nothing(uncertain, monkeypatch):
    whole = p0_toys(uncertain, [60.0, 15.0], toys=300, seed=1)
    monkeypatch.setattr("hepflow.stats.batch._CHUNK", 100)
    np.testing.assert_allclose(p0_toys(uncertain, [60.0, 15.0], toys=300, seed=1).toys, whole.toys, atol=1e-9)


def test_bad_input(poisson, counting):
    with pytest.raises(ConfigError, match="99 toys: a hundred"):
        p0_toys(poisson(5.0), [5.0], toys=99, seed=1)
    with pytest.raises(ConfigError, match="a model needs data"):
        p0_toys(poisson(5.0), seed=1)
    impossible = counting([1.0, 1.0], [5.0, 0.0], [], [5.0, 2.0])
    with pytest.raises(FitError, match="bin 1 holds 2 events"):
        p0_toys(*open_workspace(impossible), seed=1)
