"""Mappings of axes and channels: known answers, and that each is a bijection with the density it says."""

import numpy as np
import pytest
from scipy.integrate import quad

from hepflow.errors import ConfigError
from hepflow.flows.bijections import Standardise
from hepflow.integration import BreitWigner, Channel, PowerLaw, Uniform, massless
from hepflow.integration.channels import named

MAPS = {
    "uniform": (Uniform(), -2.0, 3.0, lambda x: 1.0),
    "breit_wigner": (BreitWigner(0.5, 0.1), 0.0, 1.0, lambda s: 1 / ((s - 0.25) ** 2 + 0.0025)),
    "breit_wigner_in_the_mass": (
        BreitWigner(91.2, 2.5, of_mass=True),
        60.0,
        120.0,
        lambda m: 2 * m / ((m**2 - 91.2**2) ** 2 + (91.2 * 2.5) ** 2),
    ),
    "power": (PowerLaw(-3.0), 10.0, 500.0, lambda x: x**-3.0),
    "inverse": (PowerLaw(-1.0), 1.0, 100.0, lambda x: 1 / x),
    "rising_to_an_origin_above": (PowerLaw(2.0, origin=4.0), 1.0, 4.0, lambda x: (4 - x) ** 2),
    "massless": (massless(), 0.0, 1.0, lambda s: s**-0.8),
    "t_channel": (massless(2.0, 0.0), -5.0, -0.1, lambda t: t**-2.0),
    "regulated": (massless(2.0, 0.01), 0.0, 1.0, lambda s: (s + 0.01) ** -2),
}


@pytest.mark.parametrize("name", MAPS)
def test_densities_are_the_shapes_they_say(name):
    mapping, low, high, shape = MAPS[name]
    mapping.check(low, high)
    norm = quad(shape, low, high, limit=500, points=[91.2] if "mass" in name and low == 60 else None)[0]
    x = np.linspace(low, high, 9)[1:-1]
    u, log_density = mapping.forward(x, low, high)
    np.testing.assert_allclose(np.exp(log_density), [shape(one) / norm for one in x], rtol=1e-6)
    below = [quad(shape, low, one, limit=500)[0] / norm for one in x]
    np.testing.assert_allclose(u, below, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(mapping.inverse(u, low, high), x, rtol=1e-9)


@pytest.mark.parametrize("name", MAPS)
def test_the_unit_interval_becomes_the_whole_of_the_bounds(name):
    mapping, low, high, _ = MAPS[name]
    np.testing.assert_allclose(mapping.inverse(np.array([0.0, 1.0]), low, high), [low, high], atol=1e-9)


def test_half_of_a_narrow_resonance_lies_below_its_mass():
    assert BreitWigner(0.5, 1e-4).inverse(np.array([0.5]), 0.0, 1.0)[0] == pytest.approx(0.25, abs=1e-4)


def test_a_channel_maps_each_axis_by_its_own():
    box = np.array([[0.0, 1.0], [2.0, 4.0]])
    mapping = Channel({1: PowerLaw(-2.0)}).on(box)
    u = np.random.default_rng(0).random((100, 2))
    x = mapping.inverse(u)
    back, log_density = mapping.forward(x)
    np.testing.assert_allclose(back, u, atol=1e-12)
    np.testing.assert_allclose(np.exp(log_density), 4 / x[:, 1] ** 2)  # 1/x^2 has 1/4 between 2 and 4


BAD = {
    "axis 3": (
        lambda: Channel({3: Uniform()}, "a").on(np.array([[0.0, 1.0]])),
        "mapping of axis 3.*axes 0 to 0",
    ),
    "origin inside": (
        lambda: Channel({0: PowerLaw(-1.0)}, "a").on(np.array([[-1.0, 1.0]])),
        "axis 0.*origin 0",
    ),
    "no integral": (
        lambda: Channel({0: massless(1.5)}).on(np.array([[0.0, 1.0]])),
        "no integral up to its origin",
    ),
    "width": (lambda: BreitWigner(0.5, 0.0), "width 0; expected both above zero"),
    "negative mass": (lambda: BreitWigner(1.0, 1.0, of_mass=True).check(-1, 1), "no bound below zero"),
    "covers nothing": (
        lambda: Channel(bijection=Standardise(np.array([-50.0]), np.array([1.0])), name="far").on(
            np.array([[0.0, 1.0]])
        ),
        "'far': its bijection covers nothing of the box",
    ),
    "leaves the box": (
        lambda: Channel(bijection=Standardise(np.array([0.5]), np.array([1.0]))).on(np.array([[0.0, 1.0]])),
        "leaves the box at",
    ),
    "none": (lambda: named([]), "none given"),
    "twice": (lambda: named([Channel(name="a"), Channel(name="a")]), "no two alike"),
    "no channel": (lambda: named([3]), "channels: 3; expected a Channel"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_maps_nothing_is_refused(what):
    make, message = BAD[what]
    with pytest.raises(ConfigError, match=message):
        make()
