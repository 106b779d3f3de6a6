"""The error that trainings leave on a histogram."""

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.replicas import Expected, binned, bootstrapped, expected, modes_of

EDGES = np.linspace(0.0, 1.0, 6)


def test_events_are_counted_by_replica_as_numpy_counts_them():
    random = np.random.default_rng(1)
    values, replica = np.append(random.uniform(-0.2, 1.2, 999), 1.0), random.integers(0, 4, 1000)
    weight = random.uniform(0.5, 2.0, 1000)
    sums, squares = binned(values, replica, EDGES, weight)
    for one in range(4):
        own = replica == one
        np.testing.assert_allclose(sums[one], np.histogram(values[own], EDGES, weights=weight[own])[0])
        np.testing.assert_allclose(
            squares[one], np.histogram(values[own], EDGES, weights=weight[own] ** 2)[0]
        )


def replicas(count, spread, random, events=2e9):
    """Return counts of replicas whose shares have a known covariance, from so many events that these leave none."""
    shares = 0.2 + random.multivariate_normal(np.zeros(5), spread, count)
    return events * shares, np.full(count, events)


def test_many_replicas_give_back_their_covariance():
    random = np.random.default_rng(2)
    root = random.normal(size=(5, 5)) * 1e-3
    spread = root @ root.T
    sums, total = replicas(4000, spread, random)
    found = expected(EDGES, sums, sums, total)
    scale = total.sum()
    np.testing.assert_allclose(found.events / scale, 0.2, atol=1e-4)
    np.testing.assert_allclose(found.covariance / scale**2, spread, atol=0.06 * np.trace(spread))
    np.testing.assert_allclose(
        np.linalg.norm(found.modes, axis=1), -np.sort(-np.linalg.norm(found.modes, axis=1))
    )


def test_the_pulls_of_few_replicas_have_a_width_of_one():
    random, pulls = np.random.default_rng(3), []
    root = random.normal(size=(5, 5)) * 1e-3
    for _ in range(300):
        sums, total = replicas(13, root @ root.T, random)
        mean = sums[:-1].mean(axis=0)
        found = expected(EDGES, sums[:-1], sums[:-1], total[:-1])
        np.testing.assert_allclose(found.events / total[:-1].sum() * total[0], mean)
        pulls.append((sums[-1] / total[0] - 0.2) * total[:-1].sum() / found.error)  # any one of them
    assert np.sqrt(np.mean(np.square(pulls))) == pytest.approx(1.0, abs=0.15)


def test_what_the_number_of_events_explains_is_no_error_of_the_training():
    random = np.random.default_rng(4)
    counts = random.poisson(1000.0, (400, 5)).astype(float)
    found = expected(EDGES, counts, counts, counts.sum(axis=1))
    assert np.sqrt(np.diag(found.modes.T @ found.modes)).max() < 0.4 * np.sqrt(1000.0) * 400
    np.testing.assert_allclose(found.statistical, np.sqrt(400 * 1000.0), rtol=0.05)


def test_a_bias_is_one_more_shift():
    found = Expected(EDGES, np.full(5, 10.0), np.zeros((0, 5)), np.ones(5), np.full(5, 2.0)).scaled(3.0)
    np.testing.assert_allclose(found.shifts, [[6.0] * 5])
    np.testing.assert_allclose(found.covariance, 36.0 + 9.0 * np.eye(5))
    np.testing.assert_allclose(found.events, 30.0)


def test_negative_variances_are_no_shifts():
    assert modes_of(np.diag([4.0, -1.0, 0.0])).tolist() == [[2.0, 0.0, 0.0]]


def test_replicas_are_three_or_more_and_not_empty():
    with pytest.raises(InputError, match="2 replicas, of which 2 have events; expected three or more"):
        expected(EDGES, np.ones((2, 5)), np.ones((2, 5)), np.full(2, 5.0))
    with pytest.raises(InputError, match="of which 2 have events"):
        expected(EDGES, np.ones((3, 5)), np.ones((3, 5)), np.array([5.0, 5.0, 0.0]))
    with pytest.raises(ConfigError, match=r"expected sums and squares \(R, 5\)"):
        expected(EDGES, np.ones((3, 4)), np.ones((3, 4)), np.full(3, 5.0))


def test_a_bootstrap_has_its_own_variances_and_an_inverse_from_few_replicas():
    random = np.random.default_rng(1)
    each = random.multivariate_normal([5.0, 6.0, 7.0, 0.0], np.diag([1.0, 4.0, 9.0, 0.0]), 6)
    found = bootstrapped(np.hstack([each, random.normal(size=(6, 5))]))
    np.testing.assert_allclose(np.diag(found)[:4], each.var(axis=0, ddof=1))
    assert np.linalg.matrix_rank(np.delete(np.delete(found, 3, 0), 3, 1)) == 8  # more than 6 replicas span
    with pytest.raises(InputError, match="2 replicas; expected three or more"):
        bootstrapped(each[:2])
