"""Unfolding in bins: exact answers, both regularisations, covariances, and bins without events."""

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.unfolding import IterativeBayes, Pairs, Response, Tikhonov

EDGES, FINE = np.linspace(-1.5, 2.0, 8), np.linspace(-2.5, 3.0, 23)


def exact(data):
    """Return pairs with a known response of two bins, efficiencies 0.8 and 0.5, and one bin of fakes."""
    truth = [0.5] * 100 + [1.5] * 100
    reco = [0.5] * 60 + [1.5] * 20 + [9.0] * 20 + [0.5] * 10 + [1.5] * 40 + [9.0] * 50
    passes = np.array(reco) < 9
    table = {"x": [*truth, *[np.nan] * 5], "y": [*np.where(passes, reco, np.nan), *[1.5] * 5]}
    pairs = Pairs.of(
        table,
        truth=["x"],
        reco=["y"],
        pass_truth=np.arange(205) < 200,
        pass_reco=np.r_[passes, np.ones(5, bool)],
    )
    return pairs, np.repeat([0.5, 1.5], data)


def test_the_response_is_counted():
    response = Response.of(*exact((70, 65)), [0, 1, 2])
    assert response.inner == slice(0, 2)
    assert response.matrix[1:3] == pytest.approx(np.array([[0.6, 0.1], [0.2, 0.4]]))
    assert list(response.fakes) == [0, 0, 5, 0]
    assert list(response.data) == [0, 70, 65, 0]
    assert list(response.prior) == [100, 100]


def test_iterative_bayes_stays_where_the_simulation_is_right():
    found = IterativeBayes(iterations=3, toys=50).unfold(*exact((70, 65)), [0, 1, 2], seed=1)
    assert found.values == pytest.approx([100, 100])


def test_one_iteration_is_bayes_theorem():
    found = IterativeBayes(iterations=1, toys=50).unfold(*exact((140, 65)), [0, 1, 2], seed=1)
    # expected 70 and 65: the first bin weighs twice
    assert found.values == pytest.approx([(60 * 2 + 20) / 0.8, (10 * 2 + 40) / 0.5])


def test_many_iterations_invert_the_response():
    found = IterativeBayes(iterations=500, toys=20).unfold(*exact((140, 105)), [0, 1, 2], seed=1)
    assert found.values == pytest.approx(np.linalg.solve([[0.6, 0.1], [0.2, 0.4]], [140, 100]), rel=1e-6)


@pytest.mark.parametrize("method", [IterativeBayes(4, toys=100), Tikhonov(toys=100)])
def test_truth_is_found_with_errors_that_cover_it(case, method):
    pairs, data, true = case
    found = method.unfold(pairs, data, EDGES, FINE, seed=1)
    expected = np.histogram(true, EDGES)[0]
    pulls = (found.values - expected) / np.hypot(found.error, np.sqrt(expected))
    assert np.abs(pulls).max() < 4
    assert np.sqrt(np.mean(pulls**2)) < 2
    value, bins = found.chi2(expected, np.diag(expected))
    assert bins == len(expected)
    assert value < 40


def test_the_variance_of_a_perfect_detector_is_that_of_counting():
    random = np.random.default_rng(1)
    x, data = random.uniform(0, 4, 400_000), random.uniform(0, 4, 4000)
    pairs = Pairs.of({"x": x, "y": x}, truth=["x"], reco=["y"]).weighted(0.01)
    found = IterativeBayes(4, toys=400).unfold(pairs, data, [0, 1, 2, 3, 4], seed=2)
    assert found.values == pytest.approx(np.histogram(data, [0, 1, 2, 3, 4])[0])
    assert found.error == pytest.approx(np.sqrt(found.values), rel=0.12)


def test_more_strength_is_smoother_and_less_uncertain(case):
    pairs, data, _ = case
    weak, strong = (
        Tikhonov(strength, toys=40).unfold(pairs, data, EDGES, FINE, seed=1) for strength in (1e-4, 1e2)
    )
    rough = [np.sum(np.diff(found.values / found.prior, 2) ** 2) for found in (weak, strong)]
    assert rough[1] < rough[0]
    assert strong.error.sum() < weak.error.sum()


def test_bins_without_events_are_named(case):
    pairs, data, _ = case
    with pytest.raises(InputError, match="generated in bin 50 to 60 is reconstructed"):
        IterativeBayes().unfold(pairs, data, [-1, 0, 50, 60], seed=1)
    x = np.r_[np.linspace(0, 1, 500), np.linspace(2, 3, 500)]
    gap = Pairs.of({"x": x, "y": x}, truth=["x"], reco=["y"])
    more = np.r_[np.linspace(0, 3, 120_000), np.full(600, 1.5)]
    with pytest.raises(InputError, match="of the data lies"):
        IterativeBayes().unfold(gap, more, [0, 1.5, 3], [0, 1.0, 2.0, 3.0], seed=1)
    negative = pairs.weighted(np.where(np.nan_to_num(pairs.truth["x"]) > 1, -0.1, 1.0))
    with pytest.raises(InputError, match=r"weigh .* less than nothing"):
        IterativeBayes().unfold(negative, data, [-1, 0, 1, 2], seed=1)


def test_bad_options_are_named(case):
    pairs, data, _ = case
    for make in (lambda: IterativeBayes(0), lambda: IterativeBayes(toys=2), lambda: Tikhonov(-1.0)):
        with pytest.raises(ConfigError):
            make()
    with pytest.raises(ConfigError, match="at least as many reconstructed"):
        Tikhonov().unfold(pairs, data, EDGES, [-1, 0, 1], seed=1)
    with pytest.raises(ConfigError, match="did you mean"):
        IterativeBayes().unfold(pairs, data, EDGES, of="xx + x1", seed=1)
