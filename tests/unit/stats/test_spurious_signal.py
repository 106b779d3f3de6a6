"""The spurious signal as a nuisance of scans: one strength for each mass, thrown along in toys."""

from functools import partial

import numpy as np
import pytest

from hepflow.errors import ConfigError
from hepflow.stats import MassScan, bias_test, gaussian_signal, toy_scans

EDGES = np.linspace(2500, 5500, 31)
X = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000
SHAPE = (1 - X) ** 17 / X**2
COUNTS = np.random.default_rng(1).poisson(30_000 * SHAPE / SHAPE.sum())
MASSES = (3300.0, 4000.0)


def scan(**settings):
    return MassScan(
        EDGES, COUNTS, MASSES, lambda m: partial(gaussian_signal, mass=m, width=0.03 * m), **settings
    )


def test_each_mass_has_its_own_spurious_signal():
    without, alone = scan().run(limits=False), scan(spurious=[0.0, 40.0]).run(limits=False)
    assert alone.mu_hat_error[0] == without.mu_hat_error[0]
    np.testing.assert_allclose(alone.mu_hat_error[1], np.hypot(without.mu_hat_error[1], 40), rtol=0.01)


def test_one_spurious_signal_is_that_of_every_mass():
    one, each = (scan(spurious=given).run(limits=False) for given in (25.0, [25.0, 25.0]))
    np.testing.assert_array_equal(one.z, each.z)


def test_spurious_signal_is_a_strength_whatever_the_unit_of_the_signal():
    tens = MassScan(
        EDGES,
        COUNTS,
        MASSES,
        lambda m: partial(gaussian_signal, mass=m, width=0.03 * m, events=10),
        spurious=4,
    )
    np.testing.assert_allclose(10 * tens.run(limits=False).mu_hat_error, scan(spurious=40).run().mu_hat_error)


def test_the_size_of_a_bias_test_is_taken_as_it_is():
    tested = bias_test(scan(), toys=100, seed=1)
    assert np.all(scan(spurious=tested.size).spurious == tested.size)


@pytest.mark.parametrize("spurious", [0.0, 150.0])
def test_local_significances_of_toys_are_normal_with_and_without_it(spurious):
    z = toy_scans(scan(spurious=spurious), 1500, f_test=False, signed=True, seed=2)
    np.testing.assert_allclose(z.std(axis=0), 1.0, atol=4 / np.sqrt(2 * 1500))
    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=4 / np.sqrt(1500))


@pytest.mark.parametrize("spurious", [-1.0, [1.0, 2.0, 3.0], [1.0, np.inf]])
def test_a_spurious_signal_below_zero_or_of_other_masses_is_refused(spurious):
    with pytest.raises(ConfigError, match="one for each of the 2 masses"):
        scan(spurious=spurious)
