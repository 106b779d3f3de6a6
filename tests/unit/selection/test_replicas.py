"""Replicas: constructed with a covariance that is known, and found again."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepflow.selection import cuts
from hepflow.selection.cuts import TRAINING
from hepflow.selection.replicas import replica_counts, training_modes

BINS, EVENTS = 8, 3000
SHARE = np.exp(-np.arange(BINS) / 6)
SHARE = SHARE / SHARE.sum()
SLOPE = np.linspace(-1, 1, BINS)
SLOPE = SLOPE - SHARE @ SLOPE  # moves no event in total


def draw(random, replicas=8, rate=0.0, slope=0.0):
    """Return the counts of replicas with a relative error of the rate, and one of the shape along SLOPE."""
    factor = np.exp(rate * random.normal(size=(replicas, 1)))
    tilt = 1 + slope * random.normal(size=(replicas, 1)) * SLOPE
    passing = random.poisson(EVENTS * factor * SHARE * tilt.clip(0))
    return passing.astype(float), random.poisson(4 * EVENTS, replicas).astype(float)


def many(rate, slope, replicas=8, repeats=150):
    """Return the mean covariance of repeats, shape (B, B), and the share of them with an error of the shape."""
    random = np.random.default_rng(1)
    modes = [training_modes(*draw(random, replicas, rate, slope)) for _ in range(repeats)]
    return np.mean([one.T @ one for one in modes], axis=0), np.mean([len(one) > 1 for one in modes])


def test_replicas_that_agree_have_no_error():
    covariance, found = many(rate=0, slope=0)
    assert found < 0.1  # 1 in 20, as promised
    assert np.sqrt(covariance.max()) < 0.03  # beside 0.05, the statistical error of a bin


def test_an_error_of_the_rate():
    covariance, found = many(rate=0.1, slope=0)
    assert found < 0.1
    np.testing.assert_allclose(covariance, 0.1**2, rtol=0.15)


def test_an_error_of_the_shape():
    covariance, found = many(rate=0, slope=0.2)
    assert found > 0.99
    np.testing.assert_allclose(covariance, 0.2**2 * np.outer(SLOPE, SLOPE), atol=0.15 * 0.2**2)
    assert np.sqrt(SHARE @ covariance @ SHARE) < 0.015  # of all events together: the rate is known


def test_errors_of_both_are_independent():
    covariance, found = many(rate=0.15, slope=0.2)
    assert found > 0.99
    expected = 0.15**2 + 0.2**2 * np.outer(SLOPE, SLOPE)
    np.testing.assert_allclose(covariance, expected, atol=0.2 * expected.max())
    assert SHARE @ covariance @ SHARE == pytest.approx(0.15**2, rel=0.2)


def test_more_replicas_see_smaller_errors():
    assert many(0, 0.04, replicas=40)[1] > 0.9 > 2 * many(0, 0.04, replicas=8)[1] > 0.2


def test_two_errors_of_the_shape():
    """Two directions, known without noise: as many modes, and their covariance."""
    random = np.random.default_rng(2)
    bend = SLOPE**2 - SHARE @ SLOPE**2
    shifts = random.normal(size=(2, 2000, 1))
    share = SHARE * (1 + 0.1 * shifts[0] * SLOPE + 0.1 * shifts[1] * bend)
    modes = training_modes(random.poisson(EVENTS * share.clip(0)).astype(float), np.full(2000, 4.0 * EVENTS))
    assert len(modes) == 3
    expected = 0.1**2 * (np.outer(SLOPE, SLOPE) + np.outer(bend, bend))
    np.testing.assert_allclose(modes[1:].T @ modes[1:], expected, atol=0.1 * expected.max())


@given(counts=st.lists(st.tuples(*[st.integers(0, 50)] * 4, st.integers(0, 200)), min_size=1, max_size=10))
def test_any_counts(counts):
    """Whatever passes, the shifts are finite; those of the shape add up to nothing."""
    passing, beside = np.array(counts, float)[:, :4], np.array(counts, float)[:, 4]
    modes = training_modes(passing, beside)
    usable = (passing.sum(axis=1) > 0) & (beside > 0)
    assert np.isfinite(modes).all()
    assert len(modes) >= (usable.sum() >= 2)
    np.testing.assert_allclose(modes[1:] @ passing[usable].sum(axis=0), 0, atol=1e-8)
    assert not modes[:, passing.sum(axis=0) == 0].any()


def test_one_replica_has_no_spread():
    assert training_modes(np.full((1, 4), 10.0), np.array([40.0])).shape == (0, 4)


def test_replicas_are_counted_behind_the_cut(make_scores, make_background, data, toy):
    background = make_background(data, replicas=3)
    scores, edges = make_scores(data, background), toy.windows.edges(100.0)
    threshold = scores.template.quantile(0.1)
    passing, beside = replica_counts(scores, threshold, edges)
    above = scores.template.score > threshold
    for one in range(3):
        mass = background.template.mass[above & (background.replica == one)]
        np.testing.assert_allclose(passing[one], np.histogram(mass, edges)[0])
    outside = scores.validation.score > threshold
    np.testing.assert_allclose(beside, np.bincount(background.validation_replica[outside]))


def test_weighted_events_count_for_fewer(make_scores, make_background, data, toy):
    """Twice the same events with half the weight: as many as before; with unequal weights, fewer."""
    background = make_background(data, replicas=2)
    template, edges = background.template, toy.windows.edges(100.0)
    uneven = replace(template, weight=np.random.default_rng(1).exponential(size=len(template)))
    plain, heavy, spread = (
        replica_counts(make_scores(data, replace(background, template=one)), 0.0, edges)[0].sum()
        for one in (template, replace(template, weight=7 * template.weight), uneven)
    )
    assert heavy == pytest.approx(plain)
    assert spread == pytest.approx(plain / 2, rel=0.05)  # <w>^2 / <w^2> of an exponential


def test_they_become_errors_of_the_cut(make_scores, make_background, data):
    """Replicas that agree cost next to nothing; one that is drawn to the score costs what it moves the template."""
    none, alike = (
        cuts(make_scores(data, make_background(data, replicas=n)), [0.1])[0].spectrum for n in (1, 2)
    )
    assert not [name for name in none.modes if name.startswith(TRAINING)]
    assert alike.modes[f"{TRAINING}_0"].sum() < 0.1 * alike.expected[alike.in_signal].sum()
    two = make_background(data, replicas=2)
    moved = replace(two.template, features=two.template.features + 60.0 * two.replica[:, None] * [1, 0, 0])
    spectrum = cuts(make_scores(data, replace(two, template=moved)), [0.1])[0].spectrum
    mode = spectrum.modes[f"{TRAINING}_0"]
    assert mode.sum() > 0.1 * spectrum.expected[spectrum.in_signal].sum()
    assert (mode >= 0).all()
    assert not mode[~spectrum.in_signal].any()


def test_a_bin_of_a_replica_that_does_not_count_is_empty():
    """The one replica with events in the last bin has none in the sidebands, and so no say."""
    passing = np.array([[40.0, 30.0, 0.0], [38.0, 33.0, 0.0], [42.0, 29.0, 0.0], [30.0, 20.0, 5.0]])
    modes = training_modes(passing, np.array([50.0, 52.0, 47.0, 0.0]))
    assert np.isfinite(modes).all()
    assert not modes[:, 2].any()
