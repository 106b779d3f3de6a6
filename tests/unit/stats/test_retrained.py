"""Limits with an efficiency that depends on the signal: curves with an analytic solution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepflow.errors import ConfigError
from hepflow.stats import EfficiencyCurve, mean_efficiency

GRID = np.array([0.0, 100, 200, 400, 800])


def curve(value, error=0.0, injected=GRID):
    return EfficiencyCurve.of(injected, value, np.full(len(injected), error))


@pytest.mark.parametrize("events", [0.5, 12.0, 150.0])
def test_a_constant_efficiency_is_the_limit_without_retraining(events):
    assert curve(np.full(5, 0.3)).solve(events) == pytest.approx((events / 0.3,) * 3, rel=1e-8)


@pytest.mark.parametrize("events", [0.5, 12.0, 150.0])
def test_an_efficiency_that_rises_in_proportion(events):
    """``n (n / 1000) = s`` has the solution ``sqrt(1000 s)``."""
    assert curve(GRID / 1000).solve(events)[0] == pytest.approx(np.sqrt(1000 * events), rel=1e-8)


def test_a_step_is_flat_on_both_sides():
    step = curve([0.1, 0.1, 0.5, 0.5, 0.5])
    assert step.solve(5)[0] == pytest.approx(50)
    assert step.solve(150)[0] == pytest.approx(300)
    n = step.solve(50)[0]  # on the cubic between: 0.1 + 0.4 (3 t^2 - 2 t^3), of no slope at either end
    t = (n - 100) / 100
    assert n * (0.1 + 0.4 * (3 - 2 * t) * t**2) == pytest.approx(50)


def test_nothing_is_extrapolated():
    found = curve([0.1, 0.1, 0.5, 0.5, 0.5])
    assert found.reach == 400
    assert found.solve(399.9)[0] == pytest.approx(399.9 / 0.5)
    assert np.isnan(found.solve(400.1)[0])
    assert np.isnan(found.solve(np.nan)).all()
    assert np.isnan(found.at([801.0])).all()


def test_a_cut_without_efficiency_has_no_limit():
    assert np.isnan(curve(np.zeros(5)).solve(3.0)).all()


def test_a_fall_is_noise_and_averaged():
    assert curve([0.1, 0.3, 0.1, 0.4, 0.4]).value == pytest.approx([0.1, 0.2, 0.2, 0.4, 0.4])


def test_the_band_of_the_limit_is_that_of_the_efficiency():
    limit, low, high = curve(np.full(5, 0.3), 0.1).solve(30)
    assert (limit, low, high) == pytest.approx((100, 75, 150))


@given(
    st.lists(st.floats(0, 1), min_size=5, max_size=5),
    st.floats(0, 0.3),
    st.floats(1e-3, 1000),
)
def test_a_solution_solves_the_equation_inside_its_band(value, error, events):
    found = curve(value, error)
    middle, low, high = found.at(np.linspace(0, 800, 500))
    assert np.all(np.diff(middle) >= -1e-12)
    assert np.all(low <= middle)
    assert np.all(middle <= high)
    limit, least, most = found.solve(events)
    if events > found.reach:
        assert np.isnan(limit)
    else:
        assert limit * found.at([limit])[0, 0] == pytest.approx(events, rel=1e-4)
        assert least <= limit * (1 + 1e-6)
        assert np.isnan(most) or most >= limit * (1 - 1e-6)


@pytest.mark.parametrize(
    ("injected", "value", "message"),
    [
        ([0, 10], [0.1, 0.2, 0.3], "of one length"),
        ([0], [0.1], "two or more"),
        ([5, 10], [0.1, 0.2], "rise from 0"),
        ([0, 10, 10], [0.1, 0.2, 0.2], "rise from 0"),
    ],
)
def test_points_that_make_no_curve(injected, value, message):
    with pytest.raises(ConfigError, match=message):
        EfficiencyCurve.of(injected, value, np.zeros(len(value)))


def test_the_error_of_a_mean_efficiency():
    assert mean_efficiency([0.2, 0.4], [0.0, 0.0]) == pytest.approx((0.3, 0.1))
    assert mean_efficiency([0.3], [0.05]) == pytest.approx((0.3, 0.05))
    assert mean_efficiency([0.2, 0.4], [0.1, 0.1]) == pytest.approx((0.3, np.hypot(0.1, 0.1)))
