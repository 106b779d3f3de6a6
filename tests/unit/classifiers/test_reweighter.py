"""Reweighter: known ratios are found, clipped, normalised and carried on; plain tables as good as samples."""

import numpy as np
import pytest

from hepflow.classifiers import BoostedTrees, CrossFit, DensityRatio, Reweighter, crossfit, table
from hepflow.errors import ConfigError, InputError
from hepflow.sample import Sample

SHIFT = 0.6


class Exact:
    """The ratio of two normal distributions that are `SHIFT` apart, times a factor that it should not have."""

    def __init__(self, wrong=0.0):
        self.wrong, self.trained = wrong, 0

    def fit(self, numerator, denominator, seed):
        self.trained = len(numerator)
        return self

    def log_ratio(self, sample):
        return SHIFT * sample.features[:, 0] - 0.5 * SHIFT**2 + self.wrong


def normal(events, seed, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1.0, (events, 1))


@pytest.fixture
def exact():
    target = table(normal(3000, 1, SHIFT), np.full(3000, 2.0))
    return Reweighter(Exact(), folds=3).fit(target, normal(5000, 2), seed=1)


def test_weights_are_the_ratio_and_add_up_to_the_target(exact):
    weighted = exact.weighted
    x, weight = weighted.sample.features[:, 0], weighted.sample.weight
    assert weight.sum() == pytest.approx(6000)
    ratio = np.exp(SHIFT * x)
    np.testing.assert_allclose(weight / weight.mean(), ratio / ratio.mean(), rtol=1e-12)
    assert weighted.effective_size == pytest.approx(weight.sum() ** 2 / (weight**2).sum())
    assert weighted.largest_weight == pytest.approx(weight.max() / weight.mean())
    assert sorted(set(weighted.replica)) == [0, 1, 2]
    assert weighted.clipped == 0
    mean, error = exact.normalisation
    assert abs(mean - 1) < 4 * error
    assert error == pytest.approx(np.sqrt(np.exp(SHIFT**2) - 1) / np.sqrt(5000), rel=0.2)


def test_closure_before_and_after(exact):
    before, after = exact.closure()
    assert before.auc - 0.5 > 10 * before.error
    assert abs(after.auc - 0.5) < 4 * after.error
    assert after.error > before.error  # weighted events are worth fewer


def test_weights_are_clipped_and_counted():
    target, source = normal(3000, 1, SHIFT), normal(5000, 2)
    clipped = Reweighter(Exact(), folds=2, largest=2.0).fit(target, source, seed=1)
    weighted, over = clipped.weighted, np.exp(SHIFT * source[:, 0] - 0.5 * SHIFT**2) > 2
    assert weighted.clipped == over.sum() > 100
    assert np.exp(clipped.log_ratios).max() == pytest.approx(2.0)
    assert weighted.sample.weight.sum() == pytest.approx(3000)
    mean, error = clipped.normalisation
    assert mean < 1 - 3 * error
    with pytest.raises(ConfigError, match=r"a largest ratio of 0\.5; expected one above 1"):
        Reweighter(Exact(), largest=0.5)


def test_other_events_stand_for_as_much_of_the_target(exact):
    """Half as many events of the source, elsewhere: half of the target's yield, by the ratio there."""
    other = exact.carry(normal(2500, 7), seed=3)
    assert other.sample.weight.sum() == pytest.approx(3000, rel=0.05)
    known = exact.weighted.sample
    of_one = known.weight[0] / np.exp(SHIFT * known.features[0, 0])
    np.testing.assert_allclose(other.sample.weight, of_one * np.exp(SHIFT * other.sample.features[:, 0]))


def test_a_ratio_that_is_too_large_everywhere_shows_in_the_normalisation():
    wrong = Reweighter(Exact(wrong=0.3), folds=2).fit(normal(3000, 1, SHIFT), normal(5000, 2), seed=1)
    mean, error = wrong.normalisation
    assert mean == pytest.approx(np.exp(0.3), abs=5 * error)
    assert wrong.weighted.sample.weight.sum() == pytest.approx(3000)


def test_each_weight_is_from_a_training_that_did_not_see_the_event():
    """A classifier that knows its events by heart tells which it saw."""

    class Memory:
        def fit(self, numerator, denominator, seed):
            self.seen = set(denominator.features[:, 0].tolist())
            return self

        def log_ratio(self, sample):
            return np.array([float(x in self.seen) for x in sample.features[:, 0]])

    reweighter = Reweighter(Memory(), folds=2).fit(normal(300, 1), normal(300, 2), seed=1)
    assert not reweighter.log_ratios.any()


def test_trees_on_plain_tables():
    columns = {"a": normal(1500, 1, SHIFT)[:, 0], "b": normal(1500, 3)[:, 0]}
    other = {"a": normal(1500, 2)[:, 0], "b": normal(1500, 4)[:, 0], "weight": np.full(1500, 0.5)}
    reweighter = Reweighter(BoostedTrees(members=1, min_samples_leaf=50), folds=2).fit(columns, other, seed=1)
    before, after = reweighter.closure()
    assert before.auc > 0.6
    assert abs(after.auc - 0.5) < 0.06  # of few trees, too sure of themselves
    sample = reweighter.weighted.sample
    assert sample.names == ("a", "b")
    assert np.average(sample.feature("a"), weights=sample.weight) == pytest.approx(SHIFT, abs=0.2)  # from 0


def test_a_cross_fit_of_arrays_is_that_of_samples():
    target, source = normal(300, 1, SHIFT), normal(300, 2)
    trees = BoostedTrees(members=1, max_iter=5)
    masses = np.full(300, 3500.0)
    one = crossfit(trees, target, source, folds=2, seed=1)
    same = crossfit(trees, *(Sample(masses, x, ("x0",)) for x in (target, source)), folds=2, seed=1)
    assert isinstance(one, CrossFit)
    assert isinstance(trees, DensityRatio)
    assert np.array_equal(one.numerator, same.numerator)
    assert np.array_equal(one.log_ratio(source), same.log_ratio(Sample(masses, source, ("x0",))))
    assert np.array_equal(
        one.score(source, np.arange(300) % 2), same.score(table(source), np.arange(300) % 2)
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros(5), r"expected numbers, a row for each event, \(N, D\); got float64 of shape \(5,\)"),
        (np.array([["a"]]), "got <U1"),
        ({"a": np.zeros(5), "b": np.zeros(4)}, "columns of one length"),
        ({}, "columns of one length"),
    ],
)
def test_tables_that_are_none(rows, message):
    with pytest.raises(ConfigError, match=message):
        table(rows)


def test_what_cannot_be_weighted():
    with pytest.raises(ConfigError, match="this Reweighter has not been trained"):
        Reweighter(Exact()).weighted  # noqa: B018
    for weight, total in ((-np.ones(300), "-300"), (np.full(300, np.nan), "nan")):
        with pytest.raises(InputError, match=f"weights of the source add up to {total}"):
            Reweighter(Exact()).fit(normal(300, 1), table(normal(300, 2), weight), seed=1)
    with pytest.raises(ConfigError, match="features differ"):
        Reweighter(Exact()).fit(normal(300, 1), table(normal(300, 2), names=["y"]), seed=1)
