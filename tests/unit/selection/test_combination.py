"""The combination: out of fold everywhere, yields kept, and no method has a say that found nothing."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from hepflow.classifiers import BoostedTrees
from hepflow.errors import ConfigError, InputError
from hepflow.methods import EventFolds
from hepflow.regions import Windows
from hepflow.sample import Sample
from hepflow.selection import (
    Truth,
    Validation,
    combine,
    crossfit_scores,
    cuts,
    load_classifiers,
    save_classifiers,
    score,
    score_together,
)

TREES = BoostedTrees(members=1, max_iter=20)
SAMPLES = ("data", "template", "sidebands", "validation", "signal")


@dataclass
class Memory:
    """Scores an event by whether it was trained on."""

    seen: set = field(default_factory=set)

    def fit(self, numerator, denominator, seed):
        self.seen = {*numerator.features[:, 0].tolist(), *denominator.features[:, 0].tolist()}
        return self

    def log_ratio(self, sample):
        return np.array([float(value in self.seen) for value in sample.features[:, 0]])


@dataclass
class Scaled:
    """A classifier whose scores are on a scale of their own, or noise of a size."""

    inner: BoostedTrees
    scale: float
    noise: float

    def fit(self, numerator, denominator, seed):
        self.fitted = self.inner.fit(numerator, denominator, seed)
        return self

    def log_ratio(self, sample):
        random = np.random.default_rng(len(sample))
        return self.scale * self.fitted.log_ratio(sample) + random.normal(0, self.noise, len(sample))


@pytest.fixture(scope="module")
def mixed(toy):
    """Background, with signal that is easily found."""
    data = Sample.concat([toy.background(8000, 5), toy.signal(100, 6)])
    return data.select(np.random.default_rng(7).permutation(len(data)))


@pytest.fixture(scope="module")
def backgrounds(make_background, mixed):
    return {"one": make_background(mixed, seed=1, replicas=3), "two": make_background(mixed, seed=2)}


@pytest.fixture(scope="module")
def together(mixed, backgrounds, toy):
    return score_together(TREES, mixed, backgrounds, signal=toy.signal(400, 8), seed=1, pooled=4.0)


def test_each_method_is_scored_as_alone(mixed, backgrounds, together, toy):
    singles, _ = together
    assert list(singles) == ["one", "two"]
    alone = score(TREES, mixed, backgrounds["two"], signal=toy.signal(400, 8), seed=1)
    for name in SAMPLES:
        assert np.array_equal(getattr(singles["two"], name).score, getattr(alone, name).score)


def test_no_event_is_scored_by_a_model_that_saw_it(mixed, backgrounds, toy):
    beside = np.flatnonzero(toy.windows.in_sidebands(mixed.mass))
    folds = backgrounds["two"].folds
    own = replace(  # data of the sidebands as the template
        backgrounds["two"],
        template=mixed.select(beside).without_truth(),
        replica=np.zeros(len(beside), int),
        folds=replace(folds, template=folds.data[beside]),
    )
    both = {"one": backgrounds["one"], "two": own}
    _, combined = score_together(Memory(), mixed, both, signal=toy.signal(50, 1), seed=1)
    for name in SAMPLES:
        scores = getattr(combined, name).score
        assert np.ptp(scores) == 0
    apart = EventFolds.at_random(folds.count, folds.data, len(beside), len(folds.validation), seed=1)
    seen, _ = score_together(Memory(), mixed, {**both, "two": replace(own, folds=apart)}, seed=1)
    assert seen["two"].sidebands.score.any()


def test_the_pooled_template_keeps_the_yield(backgrounds, together):
    _, combined = together
    for pool, parts, wanted in (
        (combined.template, [one.template for one in backgrounds.values()], 4.0),
        (combined.validation, [one.validation for one in backgrounds.values()], 2.0),
    ):
        expected = np.mean([part.weight.sum() for part in parts])
        assert pool.sample.weight.sum() == pytest.approx(expected)
        assert len(pool.sample) == pytest.approx(wanted * expected, abs=2)
        first = np.isin(pool.sample.mass, parts[0].mass)
        assert pool.sample.weight[first].sum() == pytest.approx(0.5 * parts[0].weight.sum())
    assert combined.template.sample is combined.background.template
    assert combined.validation.sample is combined.background.validation


def test_weights_of_a_template_are_kept_in_proportion(mixed, backgrounds):
    one = backgrounds["one"]
    weight = np.random.default_rng(1).exponential(1, len(one.template))
    weight *= one.template.weight.sum() / weight.sum()
    weighted = {**backgrounds, "one": replace(one, template=replace(one.template, weight=weight))}
    _, combined = score_together(TREES, mixed, weighted, seed=1, pooled=4.0)
    pool = combined.template.sample
    order = np.argsort(one.template.mass)
    place = order[np.searchsorted(one.template.mass[order], pool.mass[: len(pool) // 2 - 5])]
    ratio = pool.weight[: len(pool) // 2 - 5] / weight[place]
    np.testing.assert_allclose(ratio, ratio[0])


def test_a_template_with_few_events_joins_whole(mixed, backgrounds):
    one = backgrounds["one"]
    few = np.arange(len(one.template)) < 500
    small = replace(
        one,
        template=replace(one.template.select(few), weight=one.template.weight[few] * len(few) / 500),
        replica=one.replica[few],
        folds=one.folds.keeping(few),
    )
    _, combined = score_together(TREES, mixed, {"small": small, "two": backgrounds["two"]}, seed=1)
    assert np.isin(small.template.mass, combined.template.sample.mass).all()
    weight = combined.template.sample.weight
    assert weight[:500].sum() == pytest.approx(0.5 * small.template.weight.sum())


def test_replicas_of_all_methods_are_told_apart(backgrounds, together):
    _, combined = together
    for replica, pool, name in (
        (combined.background.replica, combined.template, "template"),
        (combined.background.validation_replica, combined.validation, "validation"),
    ):
        first = np.isin(pool.sample.mass, getattr(backgrounds["one"], name).mass)
        assert set(replica[first]) == {0, 1, 2}
        assert set(replica[~first]) == {3}


def test_the_combination_is_cut_and_validated_like_any_other(together):
    _, combined = together
    (cut,) = cuts(combined, [0.02])
    assert cut.signal_passes
    assert len(combined.template.above(cut.threshold)) == pytest.approx(
        0.02 * len(combined.template.sample), abs=6
    )
    validation = Validation.of(combined)
    assert validation.windows == combined.background.windows
    assert np.array_equal(validation.template.score, combined.template.score)
    assert validation.data.sample.names == ()


def test_a_method_that_found_nothing_or_has_another_scale_does_not_drown_the_other(mixed, backgrounds, toy):
    signal = toy.signal(2000, 8)
    alone = Truth.of(score(TREES, mixed, backgrounds["one"], signal=signal, seed=1)).auc
    for scale, noise in ((0.0, 0.1), (0.0, 100.0), (1000.0, 0.0)):
        other = replace(
            backgrounds["two"],
            scoring=lambda inner, _, scale=scale, noise=noise: Scaled(inner, scale, noise),
        )
        both = {"one": backgrounds["one"], "two": other}
        _, combined = score_together(TREES, mixed, both, signal=signal, seed=1)
        assert Truth.of(combined).auc > alone - 0.03


def test_truth_is_not_looked_at(mixed, backgrounds, together, toy):
    _, first = together
    shuffled = replace(mixed, label=np.random.default_rng(1).permutation(mixed.label))
    _, second = score_together(TREES, shuffled, backgrounds, signal=toy.signal(400, 8), seed=1, pooled=4.0)
    for name in SAMPLES:
        assert np.array_equal(getattr(first, name).score, getattr(second, name).score)
    assert np.array_equal(
        second.data.sample.label, shuffled.select(toy.windows.in_signal(shuffled.mass)).label
    )


@pytest.mark.parametrize("dealt", [{"folds": 3}, {"fold_seed": 2}])
def test_other_folds_cannot_be_combined(mixed, backgrounds, make_background, dealt):
    other = {**backgrounds, "two": make_background(mixed, seed=2, **dealt)}
    with pytest.raises(
        ConfigError, match="two dealt the data into other folds than one; fit every method with"
    ):
        score_together(TREES, mixed, other, seed=1)
    judged = {name: crossfit_scores(TREES, mixed, one, seed=1) for name, one in other.items()}
    with pytest.raises(ConfigError, match="two dealt the data into other folds than one"):
        combine(judged, seed=1)


def test_the_pooled_template_keeps_the_folds_of_its_events(backgrounds, together):
    _, combined = together
    folds = combined.background.folds
    assert (folds.count, len(folds.data)) == (2, len(backgrounds["one"].folds.data))
    for part in ("template", "validation"):
        known = {
            mass: fold
            for one in backgrounds.values()
            for mass, fold in zip(getattr(one, part).mass, getattr(one.folds, part), strict=True)
        }
        pool = getattr(combined, part).sample
        assert [known[mass] for mass in pool.mass] == getattr(folds, part).tolist()


def test_what_cannot_be_combined(mixed, backgrounds):
    with pytest.raises(ConfigError, match="combination of one: expected at least two methods"):
        score_together(TREES, mixed, {"one": backgrounds["one"]}, seed=1)
    other = replace(backgrounds["two"], windows=Windows((3300, 3600), [(2500, 3300), (3600, 5000)]))
    with pytest.raises(ConfigError, match="two has other regions than one"):
        score_together(TREES, mixed, {**backgrounds, "two": other}, seed=1)


def test_what_was_kept_is_combined_to_the_same_scores(mixed, backgrounds, together, toy, tmp_path):
    back = {}
    for name, background in backgrounds.items():
        judged = crossfit_scores(TREES, mixed, background, signal=toy.signal(400, 8), seed=1)
        save_classifiers(tmp_path / name, judged)
        back[name] = load_classifiers(tmp_path / name, judged.scores)
    combined = combine(back, seed=1, pooled=4.0)
    for name in SAMPLES:
        assert np.array_equal(getattr(combined, name).score, getattr(together[1], name).score)
    assert np.array_equal(combined.background.replica, together[1].background.replica)


def test_kept_folds_of_other_samples_are_refused(mixed, backgrounds, toy, tmp_path):
    judged = crossfit_scores(TREES, mixed, backgrounds["one"], signal=toy.signal(50, 8), seed=1)
    save_classifiers(tmp_path / "w", judged)
    for part, scores in (
        ("signal", replace(judged.scores, signal=None)),
        ("data", replace(judged.scores, data=judged.scores.template)),
    ):
        with pytest.raises(InputError, match=f"w: folds of .* events for a sample '{part}' of"):
            load_classifiers(tmp_path / "w", scores)
    none = replace(judged.fold_of, data=judged.fold_of.data + 2)
    save_classifiers(tmp_path / "w", replace(judged, fold_of=none))
    with pytest.raises(InputError, match="data: events of folds that none of 2 classifiers left out"):
        load_classifiers(tmp_path / "w", judged.scores)
