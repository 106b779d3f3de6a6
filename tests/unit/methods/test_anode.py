"""ANODE and R-ANODE on a search in miniature: scores from densities alone."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.flows import Density, spline_autoregressive
from hepflow.methods import Anode, Cathode, RAnode
from hepflow.methods.anode import LEAST, TwoDensities
from hepflow.methods.ranode import ResidualDensity
from hepflow.sample import Sample
from hepflow.selection import Truth, crossfit_scores, score
from hepflow.training import TrainingPlan

TINY = partial(spline_autoregressive, layers=2, hidden=16, bins=4)
PLAN = TrainingPlan(epochs=4, batch_size=128, learning_rate=1e-2, best_epochs=1)


def cathode():
    return Cathode(Density(TINY, PLAN, members=2), oversampling=3.0, validation_oversampling=0.5)


METHODS = {
    "anode": lambda: Anode(cathode(), Density(TINY, PLAN, members=2)),
    "r-anode": lambda: RAnode(cathode(), TINY, PLAN, members=2),
}


@pytest.fixture(scope="module")
def data(toy):
    return Sample.concat([toy.background(8000, seed=1), toy.signal(150, seed=2)])


@pytest.fixture(scope="module", params=METHODS)
def fitted(request, toy, data):
    make = METHODS[request.param]
    background = make().fit(data, toy.windows, folds=2, seed=3)
    return (
        make,
        background,
        crossfit_scores(None, data, background, signal=toy.signal(200, seed=9), seed=1),
    )


def test_the_template_is_that_of_cathode(fitted, data, toy):
    background, other = fitted[1], cathode().fit(data, toy.windows, folds=2, seed=3)
    assert np.array_equal(background.template.features, other.template.features)
    assert np.array_equal(background.validation.mass, other.validation.mass)


def test_a_signal_is_found(fitted):
    assert Truth.of(fitted[2].scores).auc > 0.85


def test_truth_is_not_looked_at_and_no_classifier_takes_part(fitted, data, toy):
    make, _, judged = fitted
    other = replace(data, label=np.random.default_rng(0).permutation(data.label))
    background = make().fit(other, toy.windows, folds=2, seed=3)
    again = score("no classifier", other, background, signal=toy.signal(200, seed=9), seed=1)
    for name in ("data", "template", "sidebands", "validation", "signal"):
        assert np.array_equal(getattr(judged.scores, name).score, getattr(again, name).score)


def test_events_have_no_part_in_the_score_of_their_fold(fitted, data, toy, folds_apart):
    """Neither those of the sidebands nor those of the signal region, bit for bit."""
    make, background, _ = fitted

    def fit(sample):
        return make().fit(sample, toy.windows, folds=2, seed=3)

    two = folds_apart(fit, data, toy.windows, 0, lambda mass: mass > 0, background)
    for part in ("template", "validation", "examples"):
        assert two.made(part) == two.only_mine
    assert two.classifiers() == two.only_mine


def test_a_bar_counts_the_densities(fitted, data, on_terminal):
    cross_fit, events = fitted[2].fit, data.select(slice(20))
    found, shown = on_terminal(lambda: cross_fit.log_ratio(events))
    own = "signal densities" if isinstance(cross_fit.classifiers[0], ResidualDensity) else "densities"
    assert "scores" in shown
    assert f"\r{own}" in shown.replace("\n", "\r")
    assert np.array_equal(found, cross_fit.log_ratio(events))


def test_the_denominator_is_known_already(fitted, data, toy):
    inside, outside = toy.windows.split(data)
    one, other = (
        fitted[1].scoring(None, 0).fit(inside, denominator, seed=1).log_ratio(outside)
        for denominator in (outside, outside.select(slice(10)))
    )
    assert np.array_equal(one, other)


def test_every_score_is_finite_even_where_no_density_lives(fitted, data):
    events = data.select(slice(4))
    odd = np.array([[1e6, 0, 0.5], [100, 1e6, 0.5], [100, 100, 2.0], [np.finfo(float).max, 0, 0]])
    trained = fitted[2].fit.classifiers[0]
    lowest = trained.log_ratio(replace(events, features=odd))
    if isinstance(trained, ResidualDensity):  # data that hold no signal there: what is left of the background
        assert lowest == pytest.approx(np.log1p(-trained.fractions.mean()))
    else:
        assert np.array_equal(lowest, np.full(4, LEAST))
    far, end = (replace(events, mass=np.full(4, mass)) for mass in (4500.0, 3700.0))
    assert np.isfinite(trained.log_ratio(far)).all()
    assert np.array_equal(trained.log_ratio(far), trained.log_ratio(end))


def test_the_ratio_is_that_of_the_two_densities(toy):
    one, two = (Density(TINY, PLAN, members=1) for _ in range(2))
    below, above = toy.background(2000, seed=1), toy.background(2000, seed=2)
    ratio = TwoDensities(one.fit(below, 1), two, (3300, 3700)).fit(above, below, seed=2)
    inner = above.window(3300, 3700).select(slice(50))
    expected = two.log_prob(inner.features, inner.mass) - one.log_prob(inner.features, inner.mass)
    known = np.isfinite(expected)
    assert known.sum() > 45
    assert ratio.log_ratio(inner)[known] == pytest.approx(expected[known])


class Exact:
    """The density of the background of the search in miniature, as it is."""

    def __init__(self, toy):
        self.log_prob = toy.log_prob


def test_the_fraction_of_a_signal_on_a_known_background(toy):
    """Of 150 in 900 events the fit knows it to 8 % each time; some background that looks like signal is counted."""
    ratios = []
    for seed in range(4):
        data = Sample.concat([toy.background(8000, 10 + seed), toy.signal(150, 20 + seed)])
        inside = data.window(*toy.windows.signal)
        method = RAnode(cathode(), TINY, replace(PLAN, epochs=30), members=2)
        fit = ResidualDensity(method, Exact(toy), toy.windows.signal).fit(inside, inside, seed=seed)
        ratios.append(fit.fractions.mean() / inside.label.mean())
    assert np.mean(ratios) == pytest.approx(1.06, abs=0.08)


def test_r_anode_measures_the_fraction_of_a_signal(data, toy):
    inside = toy.windows.in_signal(data.mass)
    true = data.label[inside].mean()
    longer = replace(PLAN, epochs=30)
    background = RAnode(cathode(), TINY, longer, members=2).fit(data, toy.windows, folds=2, seed=3)
    fit = background.scoring(None, 1).fit(data.select(inside), background.template, seed=1)
    assert fit.fractions.shape == (2,)
    assert fit.fractions.mean() == pytest.approx(true, rel=0.25)  # the background is learned, too


@pytest.mark.parametrize("make", METHODS.values())
def test_too_few_events_in_the_signal_region(make, data, toy):
    few = data.select(~toy.windows.in_signal(data.mass) | (np.arange(len(data)) % 4 == 0))
    background = make().fit(few, toy.windows, folds=2, seed=1)
    with pytest.raises(InputError, match="cannot train a network in batches of 128"):
        score(None, few, background, seed=1)


@pytest.mark.parametrize("fraction", [0, 1, -0.1])
def test_impossible_fractions(fraction):
    with pytest.raises(ConfigError, match=r"signal fraction of .* expected one in \(0, 1\)"):
        RAnode(fraction=fraction)


def test_r_anode_must_be_fitted_first(toy):
    scoring = RAnode(cathode()).fit(toy.background(6000, seed=1), toy.windows, folds=2, seed=1).scoring
    with pytest.raises(ConfigError, match="call fit first"):
        scoring(None, 0).log_ratio(toy.signal(5, seed=1))
