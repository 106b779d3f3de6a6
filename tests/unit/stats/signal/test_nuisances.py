"""Variations of a signal: exact where the changed shape has a closed form."""

from functools import partial

import numpy as np
import pytest

from hepflow import Sample
from hepflow.errors import ConfigError
from hepflow.stats import (
    SignalTemplate,
    gaussian_signal,
    with_luminosity,
    with_mass_scale,
    with_rate,
    with_resolution,
)

GAUSSIAN = partial(gaussian_signal, mass=3500, width=80, events=20)


def test_mass_scale_moves_a_gaussian(edges):
    template = with_mass_scale(GAUSSIAN, 0.01)(edges)
    up, down = template.variations["signal_mass_scale"]
    np.testing.assert_allclose(up, gaussian_signal(edges, 3535, 80.8, 20).counts, atol=1e-12)
    np.testing.assert_allclose(down, gaussian_signal(edges, 3465, 79.2, 20).counts, atol=1e-12)
    np.testing.assert_array_equal(template.counts, GAUSSIAN(edges).counts)


def test_resolution_widens_a_gaussian(edges):
    up, down = with_resolution(GAUSSIAN, 0.1, 3500)(edges).variations["signal_resolution"]
    np.testing.assert_allclose(up, gaussian_signal(edges, 3500, 88, 20).counts, atol=1e-12)
    np.testing.assert_allclose(down, gaussian_signal(edges, 3500, 72, 20).counts, atol=1e-12)


def test_sample_is_binned_with_its_masses_changed(edges):
    sample = Sample(np.random.default_rng(1).normal(3500, 80, 500), np.zeros((500, 0)), ())
    shape = with_resolution(with_mass_scale(partial(SignalTemplate.of, sample), 0.01), 0.1, 3500)
    variations = shape(edges).variations
    moved = np.histogram(1.01 * sample.mass, edges)[0]
    narrow = np.histogram(3500 + 0.9 * (sample.mass - 3500), edges)[0]
    np.testing.assert_array_equal(variations["signal_mass_scale"][0], moved)
    np.testing.assert_array_equal(variations["signal_resolution"][1], narrow)


def test_nuisances_do_not_mix(edges):
    """Each variation changes the nominal shape alone, whatever was added before."""
    both = with_mass_scale(with_resolution(GAUSSIAN, 0.1, 3500), 0.01)(edges).variations
    assert list(both) == ["signal_resolution", "signal_mass_scale"]
    for name, alone in (
        ("signal_mass_scale", with_mass_scale(GAUSSIAN, 0.01)),
        ("signal_resolution", with_resolution(GAUSSIAN, 0.1, 3500)),
    ):
        np.testing.assert_array_equal(both[name], alone(edges).variations[name])


def test_rates_scale_every_bin(edges):
    template = with_rate(with_luminosity(GAUSSIAN(edges), 0.02), 0.1, "acceptance")
    np.testing.assert_allclose(template.variations["luminosity"], np.outer([1.02, 0.98], template.counts))
    np.testing.assert_allclose(template.variations["acceptance"], np.outer([1.1, 0.9], template.counts))


def test_what_the_template_knew_stays(edges):
    template = SignalTemplate(np.ones(50), np.full(50, 0.1), "Z'", generated=100)
    varied = with_luminosity(template, 0.02)
    assert (varied.name, varied.efficiency) == ("Z'", 0.5)
    np.testing.assert_array_equal(varied.statistical, template.statistical)


@pytest.mark.parametrize("relative", [0.0, -0.1, 1.0, np.nan])
def test_bad_size(edges, relative):
    for make in (
        lambda: with_mass_scale(GAUSSIAN, relative),
        lambda: with_resolution(GAUSSIAN, relative, 3500),
        lambda: with_luminosity(GAUSSIAN(edges), relative),
    ):
        with pytest.raises(
            ConfigError, match=f"of relative size {relative}: expected a number between 0 and 1"
        ):
            make()


def test_one_name_twice(edges):
    shape = with_mass_scale(with_mass_scale(GAUSSIAN, 0.01), 0.02)
    with pytest.raises(ConfigError, match="has a nuisance 'signal_mass_scale' already"):
        shape(edges)
    assert len(with_mass_scale(with_mass_scale(GAUSSIAN, 0.01), 0.02, "trigger")(edges).variations) == 2


def test_resolution_needs_a_mass():
    with pytest.raises(ConfigError, match="about nan GeV"):
        with_resolution(GAUSSIAN, 0.1, np.nan)
