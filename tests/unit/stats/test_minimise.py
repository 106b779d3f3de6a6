"""The minimiser: bounds, saddles, flat directions, and MIGRAD behind it."""

import numpy as np
import pytest

from hepflow.stats import HistFactory, open_workspace, workspace
from hepflow.stats.minimise import _minuit, curvature_at, minimise, newton

INF = np.full(2, np.inf)
FREE = np.array([True, True])


def quadratic(x):
    """Minimum 3 at (1, -2), correlated."""
    curvature = np.array([[4.0, 1.0], [1.0, 2.0]])
    away = x - np.array([1.0, -2.0])
    return 3.0 + 0.5 * away @ curvature @ away, curvature @ away, curvature


def banana(x):
    """Rosenbrock's valley, with the curvature that leaves out second derivatives of the residuals."""
    residuals = np.array([1 - x[0], 10 * (x[1] - x[0] ** 2)])
    jacobian = np.array([[-1.0, 0.0], [-20 * x[0], 10.0]])
    return residuals @ residuals, 2 * jacobian.T @ residuals, 2 * jacobian.T @ jacobian


def test_quadratic_in_one_step():
    found = minimise(quadratic, np.array([50.0, 80.0]), -INF, INF, FREE)
    np.testing.assert_allclose(found.x, [1.0, -2.0], atol=1e-9)
    assert found.valid
    assert found.value == pytest.approx(3.0)


def test_bound_holds():
    found = minimise(quadratic, np.array([5.0, 5.0]), np.array([-np.inf, -1.0]), INF, FREE)
    np.testing.assert_allclose(found.x, [0.75, -1.0], atol=1e-9)
    assert found.valid


def test_start_on_a_bound_can_leave_it():
    found = minimise(quadratic, np.array([0.0, 0.0]), np.array([0.0, -np.inf]), np.array([np.inf, 0.0]), FREE)
    np.testing.assert_allclose(found.x, [1.0, -2.0], atol=1e-9)


def test_fixed_parameters_stay():
    found = minimise(quadratic, np.array([9.0, 5.0]), -INF, INF, np.array([False, True]))
    np.testing.assert_allclose(found.x, [9.0, -6.0], atol=1e-9)
    nothing = minimise(quadratic, np.array([9.0, 5.0]), -INF, INF, np.array([False, False]))
    np.testing.assert_array_equal(nothing.x, [9.0, 5.0])
    assert nothing.valid


def test_curved_valley():
    found = newton(banana, np.array([-1.2, 1.0]), -INF, INF, FREE)
    np.testing.assert_allclose(found.x, [1.0, 1.0], atol=1e-6)
    assert found.valid


def misleading(x):
    value, gradient, _ = banana(x)
    return value, gradient, 1e9 * np.eye(2)  # every step far too short


def test_newton_turns_to_the_true_curvature():
    found = newton(misleading, np.array([-1.2, 1.0]), -INF, INF, FREE)
    assert found.valid
    np.testing.assert_allclose(found.x, [1.0, 1.0], atol=1e-3)


def test_every_retry_of_minuit_arrives():
    start = np.array([-1.2, 1.0])
    ends = list(_minuit(banana, start, np.array([0.5, 2.0]), -INF, INF, FREE))
    assert len(ends) == 4
    for end in ends:
        np.testing.assert_allclose(end, [1.0, 1.0], atol=0.05)


def test_minuit_takes_over(monkeypatch):
    monkeypatch.setattr("hepflow.stats.minimise._MAX_STEPS", 2)
    start = np.array([-1.2, 1.0])
    assert not newton(misleading, start, -INF, INF, FREE).valid
    found = minimise(misleading, start, -INF, INF, FREE)
    assert found.valid
    np.testing.assert_allclose(found.x, [1.0, 1.0], atol=1e-3)


def test_without_a_finite_value_nothing_is_valid():
    def nowhere(x):
        return np.inf, np.zeros(2), np.eye(2)

    assert not minimise(nowhere, np.zeros(2), -INF, INF, FREE).valid


def test_covariance():
    _, _, curvature = quadratic(np.zeros(2))
    x = np.array([1.0, -2.0])
    np.testing.assert_allclose(
        curvature_at(quadratic, x, -INF, INF, FREE).covariance, 2 * np.linalg.inv(curvature), rtol=1e-6
    )
    one = curvature_at(quadratic, x, -INF, INF, np.array([True, False])).covariance
    np.testing.assert_allclose(one, [[0.5, 0.0], [0.0, 0.0]], atol=1e-9)


def test_covariance_of_a_flat_direction_is_infinite():
    def flat(x):
        away = x[0] + x[1] - 3.0
        return away**2, 2 * away * np.ones(2), 2 * np.ones((2, 2))

    found = curvature_at(flat, np.array([1.0, 2.0]), -INF, INF, FREE)
    assert np.all(np.isinf(np.diag(found.covariance)))
    assert found.variance(np.ones(2)) == pytest.approx(1.0)  # their sum is known
    assert found.variance(np.array([1.0, 0.5])) == np.inf


@pytest.mark.parametrize("scale", [3.0, 300.0])
def test_newton_and_minuit_agree(make_spectrum, scale):
    model, data = open_workspace(workspace(make_spectrum(scale, excess=2 * np.sqrt(scale))))
    likelihood = HistFactory(model)

    def objective(x):
        return likelihood.evaluate(x, np.array(data))

    arguments = (likelihood.low, likelihood.high, ~likelihood.fixed)
    found = newton(objective, likelihood.init, *arguments)
    assert found.valid
    end = next(_minuit(objective, likelihood.init, likelihood.init, *arguments))
    assert objective(end)[0] == pytest.approx(found.value, abs=1e-4)
    assert objective(end)[0] > found.value - 1e-9


def test_what_is_no_number_is_no_minimum_and_no_warning():
    """As of a rate whose error is 1e-300: infinite weights times derivatives of zero."""

    def endless(x):
        weight = np.array([np.inf, 1.0])
        curvature = np.diag(weight) @ np.zeros((2, 2))
        return float(np.sum(weight * 0.0 * x)), weight * 0.0, curvature

    assert not minimise(endless, np.zeros(2), -INF, INF, FREE).valid
    assert np.isinf(np.diag(curvature_at(endless, np.zeros(2), -INF, INF, FREE).covariance)).all()
