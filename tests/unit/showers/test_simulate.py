"""The generator of showers: its statistics are those that it says."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.showers import observables, photon_detector, simulate, toy_detector
from hepflow.showers.simulate import expected


def test_showers_do_not_depend_on_how_many_others_there_are():
    one, other = (simulate(toy_detector(), np.full(count, 20.0), seed=3) for count in (50, 12_000))
    assert not np.array_equal(one.voxels[0], one.voxels[1])
    assert np.array_equal(
        simulate(toy_detector(), 20, seed=3).voxels, simulate(toy_detector(), 20, seed=3).voxels
    )
    assert len(other) == 12_000


def test_a_voxel_has_the_mean_and_the_variance_of_sampling():
    """The gamma distribution of a mean m has the variance sampling^2 m, and noise adds its own."""
    detector = replace(toy_detector(), sampling=0.1, noise=0.01, threshold=1e-9)
    energy = np.full(20_000, 50.0)
    mean = expected(detector, energy, np.random.default_rng([1, 1, 0]))[:10_000]
    block = expected(detector, energy[:10_000], np.random.default_rng([1, 1, 0]))
    difference = simulate(detector, energy[:10_000], seed=1).voxels - block
    voxel = 9  # the inner ring of the layer with the most energy
    assert difference[:, voxel].mean() == pytest.approx(0, abs=4 * difference[:, voxel].std() / 100)
    variance = 0.01 * block[:, voxel].mean() + 1e-4
    assert difference[:, voxel].var() == pytest.approx(variance, rel=0.06)
    assert mean.shape == block.shape


def test_more_energy_goes_deeper():
    found = [
        observables(simulate(photon_detector(), np.full(500, energy), seed=1)) for energy in (2.0, 500.0)
    ]
    shares = [one["energy_3"].sum() / (500 * energy) for one, energy in zip(found, (2.0, 500.0), strict=True)]
    assert shares[1] > 2 * shares[0]


def test_nothing_is_below_the_threshold(showers):
    seen = showers.voxels[showers.voxels > 0]
    assert seen.min() > toy_detector().threshold
    assert 0.02 < np.mean(showers.voxels == 0) < 0.5


def test_an_unphysical_detector_is_refused():
    with pytest.raises(ConfigError, match=r"depths .*expected 4 increasing numbers"):
        replace(toy_detector(), depths=(0.0, 1.0))
    with pytest.raises(ConfigError, match="detector: threshold 0"):
        replace(toy_detector(), threshold=0.0)
    with pytest.raises(ConfigError, match="simulate: 0 showers"):
        simulate(toy_detector(), 0, seed=1)
    with pytest.raises(InputError, match="1 of 2 incident energies are zero"):
        simulate(toy_detector(), np.array([1.0, 0.0]), seed=1)
