"""The outlier search in miniature: what the detector learns from, and how its score stands beside the others'."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.classifiers import BoostedTrees, CrossFit
from hepflow.errors import ConfigError, InputError
from hepflow.methods import Cwola, Outlier
from hepflow.outliers import IsolationForest, LatentRadius
from hepflow.sample import Sample
from hepflow.selection import mass_correlation, score
from hepflow.selection.scores import crossfit_scores
from hepflow.weights import load_weights, save_weights

SMALL = IsolationForest(trees=20)


class Noted:
    """A detector that keeps what it was given."""

    def fit(self, sample, seed):
        self.seen, self.seed = sample, seed
        return self

    def score(self, sample):
        return sample.features[:, 0]


@pytest.fixture(scope="module")
def data(toy):
    return Sample.concat([toy.background(20_000, seed=1), toy.signal(100, seed=2)])


@pytest.fixture(scope="module")
def background(toy, data):
    return Outlier(SMALL).fit(data, toy.windows, folds=2, seed=3)


def test_a_detector_learns_from_the_sidebands_without_its_fold(toy, data):
    background = Outlier(Noted()).fit(data, toy.windows, folds=2, seed=3)
    fitted = crossfit_scores(BoostedTrees(), data, background, seed=3)
    inside = toy.windows.in_sidebands(data.mass)
    for fold, one in enumerate(fitted.fit.classifiers):
        expected = data.features[inside & (background.folds.data != fold)]
        assert np.array_equal(one.detector.seen.features, expected)
        assert one.detector.seen.label is None
        assert one.usual is None  # which is not kept
    assert np.array_equal(fitted.scores.sidebands.score, data.features[inside, 0])


def test_the_template_is_that_of_cwola_and_the_sidebands_are_data(toy, data, background):
    cwola = Cwola().fit(data, toy.windows, folds=2, seed=3)
    assert np.array_equal(background.template.features, cwola.template.features)
    assert np.array_equal(background.template.mass, cwola.template.mass)
    inside = toy.windows.in_sidebands(data.mass)
    assert np.array_equal(background.validation.features, data.features[inside])
    assert np.array_equal(background.validation.mass, data.mass[inside])
    assert background.validation.label is None
    assert np.array_equal(background.folds.validation, background.folds.data[inside])
    expected = sum(background.smooth.yield_in(*band)[0] for band in toy.windows.sidebands)
    assert background.validation.weight.sum() == pytest.approx(expected)


def test_the_signal_region_has_no_part_in_a_score(toy, data, background):
    """What stands there may be any: events of the sidebands keep their scores."""
    inside = toy.windows.in_signal(data.mass)
    other = replace(data, features=np.where(inside[:, None], data.features[::-1], data.features))
    one = score(BoostedTrees(), data, background, seed=3)
    two = score(BoostedTrees(), other, Outlier(SMALL).fit(other, toy.windows, folds=2, seed=3), seed=3)
    assert np.array_equal(one.sidebands.score, two.sidebands.score)
    assert np.array_equal(one.template.score, two.template.score)


def test_scores_of_files_are_the_same(toy, data, background, tmp_path):
    fit = crossfit_scores(BoostedTrees(), data, background, seed=3).fit
    save_weights(tmp_path / "fit", fit)
    back = load_weights(tmp_path / "fit", CrossFit)
    fold_of = np.arange(len(data)) % 2
    np.testing.assert_array_equal(back.score(data, fold_of), fit.score(data, fold_of))


def test_how_a_score_moves_with_the_mass(toy, data):
    rising = replace(data, features=np.column_stack([data.mass, data.features[:, 1:]]))
    found = score(BoostedTrees(), rising, Outlier(Noted()).fit(rising, toy.windows, folds=2, seed=3), seed=3)
    assert mass_correlation(found) == pytest.approx((1.0, 0.0))
    still = score(BoostedTrees(), data, Outlier(Noted()).fit(data, toy.windows, folds=2, seed=3), seed=3)
    value, error = mass_correlation(still)
    assert abs(value) < 0.3
    assert error == pytest.approx(1 / np.sqrt(len(still.sidebands.score)), rel=0.1)
    flat = replace(still, sidebands=replace(still.sidebands, score=np.ones(len(still.sidebands.score))))
    assert mass_correlation(flat) is None


def test_bad_input(toy, data):
    one = replace(data, features=data.features[:, :1], names=data.names[:1])
    with pytest.raises(ConfigError, match=r"isolation forest: got the features .* at least two"):
        score(BoostedTrees(), one, Outlier(SMALL).fit(one, toy.windows, folds=2, seed=1), seed=1)
    constant = replace(
        data, features=np.column_stack([data.features[:, 0], np.ones(len(data))]), names=("a", "b")
    )
    with pytest.raises(InputError, match="latent radius: feature 'b' is 1 in every training event"):
        score(
            BoostedTrees(),
            constant,
            Outlier(LatentRadius()).fit(constant, toy.windows, folds=2, seed=1),
            seed=1,
        )
    with pytest.raises(ConfigError, match="a neighbourhood of -1 GeV"):
        Outlier(width=-1).fit(data, toy.windows, seed=1)
