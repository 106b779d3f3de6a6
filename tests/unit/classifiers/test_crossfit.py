"""Cross-fitting: no event is scored by a model that saw it, and truth never reaches a training."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from hepflow.classifiers import BoostedTrees, crossfit, deal, train_fold
from hepflow.errors import ConfigError, InputError
from hepflow.sample import Sample

TREES = BoostedTrees(members=1, max_iter=20)
FITS = []  # every fit of every Memory: copies share no other memory


@pytest.fixture(autouse=True)
def _forget():
    FITS.clear()


@dataclass
class Memory:
    """A classifier that only remembers: its score tells whether it saw the event (its one feature is unique)."""

    name: int = 0
    seen: set = field(default_factory=set)

    def fit(self, numerator, denominator, seed):
        assert not self.seen, "a classifier that was trained already is trained again"
        assert numerator.label is None
        assert denominator.label is None
        rows = numerator.features[:, 0], denominator.features[:, 0]
        self.seen = {*rows[0].tolist(), *rows[1].tolist()}
        weights = numerator.weight, denominator.weight
        FITS.append({"rows": rows, "weights": weights, "seed": seed, "model": self})
        return self

    def log_ratio(self, sample):
        return np.array([float(value in self.seen) for value in sample.features[:, 0]])


def unique(events, start=0.0, **options):
    values = start + np.arange(events, dtype=float)
    return Sample(np.full(events, 3500.0), values[:, None], ("id",), **options)


def gaussian(events, seed, shift=0.0, **options):
    x = np.random.default_rng(seed).normal(shift, 1, (events, 2)).round(1)  # few values: trees bin them fast
    return Sample(np.full(events, 3500.0), x, ("a", "b"), **options)


@pytest.mark.parametrize("folds", [2, 3, 5])
@pytest.mark.parametrize("ratio", [0.5, 4.0])
def test_no_event_is_scored_by_a_model_that_saw_it(folds, ratio):
    data, template = unique(201), unique(900, start=10_000)
    fit = crossfit(Memory(), data, template, folds=folds, training_ratio=ratio, seed=1)
    assert fit.numerator.shape == (201,)
    assert fit.denominator.shape == (900,)
    assert not fit.numerator.any()
    assert not fit.denominator.any()
    assert len(FITS) == folds
    for each in FITS:
        assert len(each["rows"][0]) in (201 - 201 // folds, 201 - 201 // folds - 1)
    trained = np.concatenate([each["rows"][0] for each in FITS])
    assert (
        np.unique(trained, return_counts=True)[1].tolist() == [folds - 1] * 201
    )  # all are used by all but one
    assert len({each["seed"] for each in FITS}) == folds


def test_template_is_scored_by_the_folds_that_score_data():
    """Each classifier leaves a fifth of both samples out, and scores both with the same model."""
    data, template = unique(100), unique(400, start=1000)
    crossfit(Memory(), data, template, folds=5, seed=3)
    for each in FITS:
        left, right = (
            set(data.features[:, 0]) - each["model"].seen,
            set(template.features[:, 0]) - each["model"].seen,
        )
        assert len(left) == 20
        assert len(right) >= 80


def test_training_ratio_bounds_the_template():
    data, template = unique(200), unique(10_000, start=1000)
    fit = crossfit(Memory(), data, template, folds=2, training_ratio=4.0, seed=1)
    for each in FITS:
        assert len(each["rows"][1]) == pytest.approx(400, rel=0.2)
    assert len(fit.denominator) == 10_000  # all are scored


def test_the_classifier_given_stays_untrained():
    classifier = Memory()
    crossfit(classifier, unique(40), unique(40, start=1000), folds=2, seed=1)
    assert not classifier.seen


def test_weights_go_with_their_events():
    weight = np.random.default_rng(1).random(100)
    data, template = unique(100, weight=weight), unique(100, start=1000, weight=10 * weight)
    crossfit(Memory(), data, template, folds=4, seed=1)
    for each in FITS:
        assert np.array_equal(each["weights"][0], weight[each["rows"][0].astype(int)])
        assert np.array_equal(each["weights"][1], 10 * weight[each["rows"][1].astype(int) - 1000])


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_weights_are_respected_by_the_trees(power):
    """A template reweighted to the density of the data is scored like them; half-way there, half a log ratio is left.

    Its weighted AUC would be a half whatever the score.
    """
    data, wide = gaussian(6000, 1), gaussian(12_000, 2, shift=1.0)
    ratio = np.exp(0.5 - wide.features[:, 0] + 0.5 - wide.features[:, 1])
    fit = crossfit(TREES, data, replace(wide, weight=ratio**power), folds=2, seed=1)
    assert fit.numerator.mean() - fit.denominator.mean() == pytest.approx(2 * (1 - power), abs=0.2)


def test_classes_count_the_same():
    """Twice the template, or template weights of a tenth, must not shift the log-ratio."""
    data = gaussian(1000, 1)
    few, many = gaussian(1000, 2), gaussian(4000, 3)
    light = replace(many, weight=np.full(4000, 0.05))
    for template in (few, many, light):
        fit = crossfit(TREES, data, template, folds=2, seed=1)
        assert abs(fit.numerator.mean()) < 0.15


def test_folds_may_be_trained_one_by_one():
    data, template = gaussian(400, 1, shift=0.5), gaussian(600, 2)
    together = crossfit(TREES, data, template, folds=2, seed=3)
    trained = {fold: train_fold(TREES, data, template, fold, folds=2, seed=3) for fold in (0, 1)}
    apart = crossfit(TREES, data, template, folds=2, trained=trained, seed=3)
    assert apart.classifiers == (trained[0], trained[1])
    assert np.array_equal(apart.numerator, together.numerator)
    assert np.array_equal(apart.denominator, together.denominator)


def taught(each=80, folds=4):
    """Return examples for each fold, in an order of their own."""
    fold = np.random.default_rng(1).permutation(np.repeat(np.arange(folds), each))
    return unique(len(fold), start=50_000), fold


@pytest.mark.parametrize("ratio", [0.5, 4.0])
def test_classifiers_learn_from_the_examples_of_their_fold_alone(ratio):
    """The denominator is only scored; each classifier scores the data that it did not see."""
    data, template = unique(200), unique(900, start=10_000)
    sample, fold = taught()
    fold_of = deal(200, 4, seed=5), deal(900, 4, seed=6)
    fit = crossfit(
        Memory(),
        data,
        template,
        folds=4,
        training_ratio=ratio,
        fold_of=fold_of,
        examples=(sample, fold),
        seed=1,
    )
    assert not fit.numerator.any()
    assert not fit.denominator.any()
    assert not any(each.log_ratio(template).any() for each in fit.classifiers)  # none saw any of it
    for number, each in enumerate(FITS):
        assert {*each["rows"][0]} == {*data.features[fold_of[0] != number, 0]}
        own = {*sample.features[fold == number, 0]}
        assert {*each["rows"][1]} <= own
        assert len(each["rows"][1]) == pytest.approx(min(len(own), ratio * 150), rel=0.3)
        if ratio == 4:
            assert {*each["rows"][1]} == own  # of 80, where 600 may be used


def test_data_and_examples_of_a_fold_change_no_other_classifier_than_theirs():
    data, template, known = gaussian(400, 1, shift=0.5), gaussian(600, 2), gaussian(900, 3)
    fold = np.arange(900) % 3
    fold_of = deal(400, 3, seed=5), deal(600, 3, seed=6)

    def run(data, known):
        return crossfit(TREES, data, template, folds=3, fold_of=fold_of, examples=(known, fold), seed=1)

    first = run(data, known)
    for number in range(3):
        changed = np.where((fold_of[0] == number)[:, None], 2 * data.features, data.features)
        other = run(replace(data, features=changed), known)  # learned by all but one
        moved = np.where((fold == number)[:, None], 2 * known.features, known.features)
        taught = run(data, replace(known, features=moved))  # learned by one alone
        for place, expected in enumerate(np.arange(3) == number):
            asked = [fit.classifiers[place].log_ratio(template) for fit in (first, other, taught)]
            assert np.array_equal(asked[0], asked[1]) == expected
            assert np.array_equal(asked[0], asked[2]) != expected


def test_examples_without_truth_and_with_their_weights():
    sample, fold = taught()
    weight = 1 + np.random.default_rng(2).random(len(sample))
    labelled = replace(sample, label=np.ones(len(sample)), weight=weight)
    crossfit(Memory(), unique(200), unique(200, start=10_000), folds=4, examples=(labelled, fold), seed=1)
    for each in FITS:  # Memory refuses labels
        assert np.array_equal(each["weights"][1], weight[each["rows"][1].astype(int) - 50_000])


def test_a_classifier_for_each_fold():
    given = [Memory(name=number) for number in range(4)]
    data, template = unique(200), unique(300, start=10_000)
    fit = crossfit(given, data, template, folds=4, seed=1)
    assert [each.name for each in fit.classifiers] == [0, 1, 2, 3]
    assert not any(each.seen for each in given)
    assert not fit.numerator.any()
    alone = train_fold(given, data, template, 2, folds=4, seed=1)
    assert (alone.name, alone.seen) == (2, fit.classifiers[2].seen)


@pytest.mark.parametrize("sequence", [False, True])
def test_folds_with_examples_may_be_trained_one_by_one(sequence):
    data, template, known = gaussian(400, 1, shift=0.5), gaussian(600, 2), gaussian(800, 3)
    classifier = [TREES, replace(TREES, max_iter=5)] if sequence else TREES
    options = {"folds": 2, "examples": (known, np.arange(800) % 2), "seed": 3}
    together = crossfit(classifier, data, template, **options)
    trained = {fold: train_fold(classifier, data, template, fold, **options) for fold in (0, 1)}
    apart = crossfit(classifier, data, template, trained=trained, **options)
    assert np.array_equal(apart.numerator, together.numerator)
    assert np.array_equal(apart.denominator, together.denominator)


def test_truth_never_reaches_a_training():
    random = np.random.default_rng(2)
    data, template = gaussian(300, 1), gaussian(600, 2)
    scores = []
    for label in (None, np.zeros(300), random.integers(0, 2, 300)):
        fit = crossfit(TREES, replace(data, label=label), template, folds=2, seed=1)
        scores.append((fit.numerator, fit.denominator))
    for other in scores[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(scores[0], other, strict=True))


def test_mass_never_reaches_a_training():
    data, template = gaussian(200, 1), gaussian(200, 2)
    one = crossfit(TREES, data, template, folds=2, seed=1)
    other = crossfit(TREES, replace(data, mass=np.linspace(1, 9, 200)), template, folds=2, seed=1)
    assert np.array_equal(one.numerator, other.numerator)


def test_the_seed_decides_the_scores():
    data, template = gaussian(300, 1, 0.3), gaussian(600, 2)
    one, same, other = (crossfit(TREES, data, template, folds=2, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.numerator, same.numerator)
    assert np.array_equal(one.score(data, deal(300, 2, 5)), same.score(data, deal(300, 2, 5)))
    assert not np.array_equal(one.numerator, other.numerator)


def test_further_events_are_scored_by_the_classifier_that_left_their_fold_out():
    data, template = unique(100), unique(100, start=1000)
    fold_of = deal(100, 2, seed=7), deal(100, 2, seed=8)
    fit = crossfit(Memory(), data, template, folds=2, fold_of=fold_of, seed=1)
    assert not fit.score(data, fold_of[0]).any()
    assert fit.score(data, 1 - fold_of[0]).all()
    assert not fit.score(unique(50, start=5000), deal(50, 2, seed=1)).any()


def test_an_event_in_both_samples_is_seen_in_neither():
    data = unique(200)
    fold_of = deal(200, 4, seed=1)
    fit = crossfit(Memory(), data, data.select(slice(100)), folds=4, fold_of=(fold_of, fold_of[:100]), seed=1)
    assert not fit.numerator.any()
    assert not fit.denominator.any()


@pytest.mark.parametrize("events", [0, 1, 2])
def test_fewer_further_events_than_folds(events):
    fit = crossfit(TREES, gaussian(100, 1), gaussian(100, 2), folds=5, seed=1)
    assert fit.score(gaussian(events, 3), deal(events, 5, seed=1)).shape == (events,)


def test_log_ratio_is_the_log_of_the_density_ratio():
    """Two Gaussians a unit apart: the exact log-ratio is known."""
    data, template = gaussian(6000, 1, shift=0.5), gaussian(6000, 2, shift=-0.5)
    fit = crossfit(BoostedTrees(members=2, max_iter=60), data, template, folds=2, seed=1)
    exact = data.features.sum(axis=1)
    near = np.abs(exact) < 2
    assert np.corrcoef(fit.numerator[near], exact[near])[0, 1] > 0.9
    assert np.mean(fit.numerator[near] - exact[near]) == pytest.approx(0.0, abs=0.1)
    auc = roc_auc_score(np.repeat([1, 0], 6000), np.concatenate([fit.numerator, fit.denominator]))
    assert auc == pytest.approx(norm.cdf(1.0), abs=0.02)


def test_members_of_an_ensemble_differ_and_are_averaged():
    x, y = gaussian(300, 1, 0.5), gaussian(300, 2)
    three = BoostedTrees(members=3, max_iter=10).fit(x, y, seed=7)
    each = [BoostedTrees(members=1, max_iter=10).fit(x, y, seed=7 + k).log_ratio(x) for k in range(3)]
    np.testing.assert_allclose(three.log_ratio(x), np.mean(each, axis=0))
    assert not np.array_equal(each[0], each[1])
    again = three.fit(x, y, seed=7)  # a second fit starts anew
    np.testing.assert_allclose(again.log_ratio(x), np.mean(each, axis=0))


@pytest.mark.parametrize(
    ("data", "template", "folds", "error", "message"),
    [
        (unique(100), gaussian(100, 1), 2, ConfigError, r"features differ: \('id',\) and \('a', 'b'\)"),
        (unique(100), unique(100), 1, ConfigError, "expected at least 2 folds, got 1"),
        (
            unique(30),
            unique(1000),
            2,
            InputError,
            "30 and 1,000 events cannot be dealt into 2 folds.* at least 40",
        ),
        (
            unique(1000),
            unique(0),
            5,
            InputError,
            "1,000 and 0 events cannot be dealt into 5 folds.* at least 100",
        ),
    ],
)
def test_bad_input(data, template, folds, error, message):
    with pytest.raises(error, match=message):
        crossfit(Memory(), data, template, folds=folds, seed=1)
