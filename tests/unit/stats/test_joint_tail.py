"""The joint tail of correlated normal variables against integrals, sums and its limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from hepflow.stats.joint_tail import trials_factor


def pair(rho):
    return np.array([[1.0, rho], [rho, 1.0]])


def factor_of_two(z, rho):
    """One, and what the second adds where the first is below z: an integral over the second's density."""

    def density(x):
        return stats.norm.pdf(x) * stats.norm.cdf((z - rho * x) / np.sqrt(1 - rho**2))

    return 1 + integrate.quad(density, z, z + 12, epsabs=0, epsrel=1e-10)[0] / stats.norm.sf(z)


@pytest.mark.parametrize(("z", "rounded"), [(2.0, 1.41), (5.0, 1.77)])
def test_two_variables_of_correlation_0_9(z, rounded):
    assert factor_of_two(z, 0.9) == pytest.approx(rounded, abs=0.005)
    assert trials_factor(pair(0.9), z, seed=1) == pytest.approx(rounded, abs=0.02)


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("z", [1.0, 3.0, 6.0, 10.0])
def test_two_variables_are_those_of_an_integral(z, rho):
    """Within the error of twenty seeds; a joint tail below one in their 400,000 points need not be among them."""
    found = [trials_factor(pair(rho), z, seed=seed) for seed in range(20)]
    error = np.std(found) / np.sqrt(20)
    assert error < 1e-3 * np.mean(found)
    assert np.mean(found) == pytest.approx(factor_of_two(z, rho), abs=4 * error + 1 / 400_000)


def test_independent_variables():
    z, n = 1.5, 5
    wanted = -np.expm1(n * np.log1p(-stats.norm.sf(z))) / stats.norm.sf(z)
    found = [trials_factor(np.eye(n), z, seed=seed) for seed in range(20)]
    assert np.mean(found) == pytest.approx(wanted, abs=4 * np.std(found) / np.sqrt(20))


def test_variables_that_are_the_same_are_one():
    assert trials_factor(np.ones((4, 4)), 4.0, seed=1) == pytest.approx(1.0, abs=1e-9)
    two = np.kron(pair(0.0), np.ones((3, 3)))
    assert trials_factor(two, 8.0, seed=1) == pytest.approx(2.0, abs=1e-6)


@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6), st.floats(0, 40))
def test_it_is_between_one_and_their_number(loadings, z):
    rows = np.array(loadings).reshape(3, 2)
    matrix = rows @ rows.T + 0.1 * np.eye(3)
    width = np.sqrt(np.diag(matrix))
    assert 1 <= trials_factor(matrix / np.outer(width, width), z, draws=100, seed=1) <= 3
