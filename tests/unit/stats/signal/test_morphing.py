"""Signals between mass points, where the truth in between is known."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepflow import Sample
from hepflow.errors import ConfigError, InputError
from hepflow.stats import (
    MassPoint,
    SignalMorph,
    SignalTemplate,
    crystal_ball_signal,
    gaussian_signal,
    with_mass_scale,
)

MASSES = (2000.0, 2500.0, 3000.0, 4000.0, 5000.0)
FINE = np.arange(0.0, 10000.1, 5.0)
CENTRES = 0.5 * (FINE[1:] + FINE[:-1])


def yield_at(mass):
    """Return a yield that falls by an order of magnitude from the first mass to the last."""
    return 1e3 * np.exp(-mass / 1300)


def stochastic(mass):
    """Return a width with a stochastic and a constant term, which is not linear in the mass."""
    return mass * np.hypot(1.2 / np.sqrt(mass), 0.03)


def moments(template):
    """Return yield, mean and standard deviation of a template on the fine bins."""
    mean = np.average(CENTRES, weights=template.counts)
    return template.counts.sum(), mean, np.sqrt(np.average((CENTRES - mean) ** 2, weights=template.counts))


def morph_of(shape):
    return SignalMorph([MassPoint.of_histogram(m, FINE, shape(m).counts) for m in MASSES])


def gaussian(mass):
    return gaussian_signal(FINE, mass, stochastic(mass), yield_at(mass))


def crystal_ball(mass):
    return crystal_ball_signal(FINE, mass, stochastic(mass), 1.3, 4.0, 1.8, 6.0, yield_at(mass))


@pytest.mark.parametrize("shape", [gaussian, crystal_ball])
@pytest.mark.parametrize("mass", [2250.0, 2800.0, 3500.0, 4500.0, 4700.0])
def test_between_the_points_it_is_the_shape(shape, mass):
    found = morph_of(shape).at(mass)(FINE)
    assert moments(found) == pytest.approx(moments(shape(mass)), rel=0.003)
    coarse = slice(None, None, 20)
    cumulative = np.cumsum(found.counts / found.counts.sum())[coarse]
    exact = np.cumsum(shape(mass).counts / shape(mass).counts.sum())[coarse]
    np.testing.assert_allclose(cumulative, exact, atol=0.005)


@pytest.mark.parametrize("width", [lambda m: 0.05 * m, lambda m: 150.0, lambda m: 50.0 + 0.03 * m])
@pytest.mark.parametrize("mass", [2300.0, 3600.0])
def test_width_linear_in_the_mass_is_exact(width, mass):
    points = [
        MassPoint.of_histogram(m, FINE, gaussian_signal(FINE, m, width(m)).counts) for m in (2000, 5000)
    ]
    exact = gaussian_signal(FINE, mass, width(mass)).counts
    np.testing.assert_allclose(SignalMorph(points).at(mass)(FINE).counts, exact, atol=0.005 * exact.max())


def test_yield_that_is_a_power_of_the_mass_is_exact():
    points = [MassPoint.of_histogram(m, [0.0, 1e4], [(m / 2000) ** -6]) for m in MASSES]
    assert SignalMorph(points).at(3333)([0.0, 1e4]).counts == pytest.approx((3333 / 2000) ** -6)


@given(st.sampled_from(MASSES))
def test_at_a_point_it_is_the_point(mass):
    found = morph_of(crystal_ball).at(mass)(FINE)
    np.testing.assert_allclose(found.counts, crystal_ball(mass).counts, atol=1e-6 * yield_at(mass))
    np.testing.assert_array_equal(found.statistical, 0.0)


@given(st.floats(2000, 5000), st.floats(2000, 5000))
@settings(max_examples=20, deadline=None)
def test_yields_fall_as_the_points_do(one, other):
    morph = morph_of(gaussian)
    low, high = (morph.at(m)(FINE).counts.sum() for m in sorted((one, other)))
    assert low >= high * (1 - 1e-9)


def simulated(mass, events=50_000):
    """Return a sample of a resonance, weighted to a yield."""
    masses = np.random.default_rng(int(mass)).normal(mass, stochastic(mass), events)
    return Sample(masses, np.zeros((events, 0)), (), np.full(events, yield_at(mass) / events))


def test_samples(edges):
    points = [MassPoint.of(m, simulated(m), generated=4 * yield_at(m)) for m in MASSES]
    morph = SignalMorph(points[::-1])
    assert moments(morph.at(3500)(FINE)) == pytest.approx(moments(gaussian(3500)), rel=0.01)
    at_point, direct = morph.at(3000)(edges), SignalTemplate.of(simulated(3000), edges)
    np.testing.assert_allclose(at_point.counts, direct.counts, atol=2 * yield_at(3000) / 50_000)
    np.testing.assert_allclose(at_point.statistical, direct.statistical, rtol=0.1, atol=0.01)
    assert morph.at(3500)(FINE).efficiency == pytest.approx(0.25, rel=1e-6)


def test_efficiencies_between_the_points():
    points = [
        MassPoint.of_histogram(m, FINE, gaussian(m).counts, generated=yield_at(m) / efficiency)
        for m, efficiency in zip(MASSES, (0.1, 0.2, 0.3, 0.35, 0.3), strict=True)
    ]
    assert SignalMorph(points).at(3000)(FINE).efficiency == pytest.approx(0.3)
    assert 0.2 < SignalMorph(points).at(2700)(FINE).efficiency < 0.3
    assert 0.3 < SignalMorph(points).at(3700)(FINE).efficiency < 0.35


def test_efficiency_that_is_a_power_of_the_mass_is_exact():
    points = [
        MassPoint.of_histogram(m, [0.0, 1e4], [(m / 2000) ** -6], generated=10 * (m / 2000) ** -6.5)
        for m in MASSES
    ]
    found = SignalMorph(points).at(3333)([0.0, 1e4])
    assert found.efficiency == pytest.approx(0.1 * np.sqrt(3333 / 2000))


def test_events_without_weight_change_nothing():
    sample = Sample(np.array([2000.0, 2100.0, 2050.0]), np.zeros((3, 0)), (), np.array([1.0, 2.0, 0.0]))
    other = sample.select([0, 1])
    one, two = MassPoint.of(2000, sample), MassPoint.of(2000, other)
    np.testing.assert_array_equal(one.quantiles, two.quantiles)
    np.testing.assert_array_equal(one.cumulative, two.cumulative)
    assert one.weight == two.weight == pytest.approx(5 / 3)


def test_gaps_in_a_histogram():
    """Two narrow peaks stay two: an empty stretch between them is no place for events."""
    counts = np.zeros(len(FINE) - 1)
    peaks = [
        MassPoint.of_histogram(m, FINE, counts + (np.abs(CENTRES / m - 1) // 0.02 == 2)) for m in (2000, 3000)
    ]
    found = SignalMorph(peaks).at(2500)(FINE).counts
    between = np.abs(CENTRES / 2500 - 1) < 0.035
    assert found[between].sum() < 1e-9 * found.sum()


def test_nuisances_of_a_morph(edges):
    morph = SignalMorph(
        [MassPoint.of_histogram(m, FINE, gaussian_signal(FINE, m, 0.05 * m, 10).counts) for m in (3000, 4000)]
    )
    up, _ = with_mass_scale(morph.at(3500), 0.01)(edges).variations["signal_mass_scale"]
    np.testing.assert_allclose(up, gaussian_signal(edges, 3535, 176.75, 10).counts, atol=1e-3)


@pytest.mark.parametrize("mass", [1999.0, 5001.0, np.nan])
def test_nothing_is_extrapolated(mass):
    with pytest.raises(
        ConfigError, match=f"signal at {mass:g} GeV: the mass points reach from 2000 to 5000 GeV"
    ):
        morph_of(gaussian).at(mass)


def test_bad_sets_of_points():
    point = partial(MassPoint.of_histogram, edges=[1000.0, 3000.0], counts=[1.0])
    for masses in ([], [2000], [2000, 2000]):
        with pytest.raises(ConfigError, match="expected two or more, each once"):
            SignalMorph([point(mass) for mass in masses])
    with pytest.raises(ConfigError, match="of every mass point, or of none"):
        SignalMorph([point(2000), point(3000, generated=2.0)])


@pytest.mark.parametrize(
    ("mass", "edges", "counts", "generated", "error", "message"),
    [
        (0, [1, 2, 3], [1, 1], None, ConfigError, "mass point at 0 GeV"),
        (2, [1, 2, 3], [1], None, InputError, "increasing edges"),
        (2, [1, 3, 2], [1, 1], None, InputError, "increasing edges"),
        (2, [1, 2, 3], [1, -1], None, InputError, "count -1.0 at 1"),
        (2, [1, 2, 3], [0, 0], None, InputError, "2 GeV has no events"),
        (2, [1, 2, 3], [3, 2], 4.0, InputError, "5 events of 4 generated"),
    ],
)
def test_bad_histograms(mass, edges, counts, generated, error, message):
    with pytest.raises(error, match=message):
        MassPoint.of_histogram(mass, edges, counts, generated=generated)


def test_bad_samples():
    masses, none = np.array([2000.0, 2100.0]), np.zeros((2, 0))
    with pytest.raises(InputError, match=r"mass point 2000 GeV: weight -1.0 at 1"):
        MassPoint.of(2000, Sample(masses, none, (), np.array([1.0, -1.0])))
    with pytest.raises(InputError, match="2000 GeV has no events"):
        MassPoint.of(2000, Sample(masses[:0], none[:0], ()))
