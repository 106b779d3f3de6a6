"""Analytic signal shapes against closed forms, scipy and quadrature."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from hepflow.errors import ConfigError, InputError
from hepflow.stats import counting_signal, crystal_ball_signal, gaussian_signal

WIDE = np.linspace(-1e6, 1e6, 3)


def density(t, alpha_low, n_low, alpha_high, n_high):
    """Return the two-sided Crystal Ball as ATLAS writes it (arXiv:1407.6583), not normalised."""
    if -alpha_low <= t <= alpha_high:
        return np.exp(-(t**2) / 2)
    a, n = (alpha_low, n_low) if t < 0 else (alpha_high, n_high)
    return np.exp(-(a**2) / 2) / (a / n * (n / a - a + abs(t))) ** n


def test_gaussian_signal(edges):
    signal = gaussian_signal(edges, 3500, 80, 20)
    assert signal.counts.sum() == pytest.approx(20)
    centres = 0.5 * (edges[1:] + edges[:-1])
    assert np.average(centres, weights=signal.counts) == pytest.approx(3500)
    np.testing.assert_array_equal(signal.statistical, np.zeros(50))


def test_far_tails_leave_a_gaussian(edges):
    ball = crystal_ball_signal(edges, 3500, 80, 9.0, 5.0, 9.0, 5.0, 20)
    np.testing.assert_allclose(ball.counts, gaussian_signal(edges, 3500, 80, 20).counts, atol=1e-12)


def test_one_tail_is_that_of_scipy(edges):
    ball = crystal_ball_signal(edges, 3500, 80, 1.2, 3.0, 9.0, 5.0, 20)
    expected = 20 * np.diff(stats.crystalball.cdf(edges, 1.2, 3.0, loc=3500, scale=80))
    np.testing.assert_allclose(ball.counts, expected, atol=1e-9)


def test_mirrored_parameters_mirror_the_shape():
    edges = np.linspace(-1000, 1000, 21)
    one = crystal_ball_signal(edges, 0, 80, 1.2, 3.0, 0.7, 8.0).counts
    other = crystal_ball_signal(edges, 0, 80, 0.7, 8.0, 1.2, 3.0).counts
    np.testing.assert_allclose(one, other[::-1], atol=1e-14)


@given(
    st.floats(0.2, 4.0),
    st.floats(1.1, 50.0),
    st.floats(0.2, 4.0),
    st.floats(1.1, 50.0),
    st.floats(-12.0, 11.0),
)
@settings(max_examples=30, deadline=None)
def test_bins_hold_the_integral(alpha_low, n_low, alpha_high, n_high, start):
    shape = (alpha_low, n_low, alpha_high, n_high)
    breaks = sorted({-alpha_low, alpha_high})

    def integral(low, high):
        inside = [b for b in breaks if low < b < high]
        points = [low, *inside, high]
        return sum(quad(density, a, b, args=shape)[0] for a, b in pairwise(points))

    edges = (
        np.array([-12.0, start, start + 1.0, 12.0]) if start > -12.0 else np.array([-12.0, -11.0, 0.0, 12.0])
    )
    counts = crystal_ball_signal(edges, 0.0, 1.0, *shape, events=5.0).counts
    expected = [integral(a, b) for a, b in pairwise(edges)]
    np.testing.assert_allclose(
        counts / counts.sum(), np.array(expected) / sum(expected), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("n", [1.5, 3.0, 200.0])
def test_tails_count_to_infinity(n):
    ball = crystal_ball_signal(1e12 * WIDE, 3500, 80, 1.5, n, 1.5, n, 7.0)
    assert ball.counts.sum() == pytest.approx(7.0, rel=1e-6)


def test_counting_signal_is_one_event(make_spectrum):
    spectrum = make_spectrum()
    signal = counting_signal(spectrum)
    assert signal.counts.sum() == pytest.approx(1.0)
    assert not np.any(signal.counts[~spectrum.in_signal])


@pytest.mark.parametrize(
    ("mass", "width", "events"), [(3500, 0, 1), (3500, -80, 1), (np.nan, 80, 1), (3500, 80, 0)]
)
def test_bad_core(edges, mass, width, events):
    with pytest.raises(
        ConfigError, match=f"Gaussian signal at {mass} GeV of width {width} GeV with {events}"
    ):
        gaussian_signal(edges, mass, width, events)
    with pytest.raises(ConfigError, match=f"Crystal Ball signal at {mass} GeV of width {width} GeV"):
        crystal_ball_signal(edges, mass, width, 1.5, 3.0, 1.5, 3.0, events)


@pytest.mark.parametrize(
    "tails", [(0.0, 3.0, 1.5, 3.0), (1.5, 1.0, 1.5, 3.0), (1.5, 3.0, 1.5, np.nan), (np.inf, 3.0, 1.5, 3.0)]
)
def test_bad_tails(edges, tails):
    with pytest.raises(ConfigError, match="finite alpha above zero, and finite n above one"):
        crystal_ball_signal(edges, 3500, 80, *tails)


def test_resonance_outside_the_edges(edges):
    with pytest.raises(InputError, match="zero in every bin"):
        gaussian_signal(edges, 100, 1)
