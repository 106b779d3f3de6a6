"""CWoLa hunting on a search in miniature: which events stand for the background, and with what weights."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.classifiers import BoostedTrees
from hepflow.errors import ConfigError, InputError
from hepflow.methods import Cwola, deal_data
from hepflow.regions import Windows
from hepflow.sample import Sample
from hepflow.selection import Truth, non_closure, score, validate


@pytest.fixture(scope="module")
def data(toy):
    return toy.background(20_000, seed=1)


@pytest.fixture(scope="module")
def background(toy, data):
    return Cwola().fit(data, toy.windows, seed=3)


def same(one, other):
    return np.array_equal(one.mass, other.mass) and np.array_equal(one.features, other.features)


def rows_of(sample, data):
    """Return the rows of the data that have the features of a sample."""
    order = np.argsort(data.features[:, 0])
    return order[np.searchsorted(data.features[order, 0], sample.features[:, 0])]


def test_the_template_is_the_data_next_to_the_signal_region(background, data):
    beside = (data.mass >= 3100) & (data.mass < 3900) & ~((data.mass >= 3300) & (data.mass < 3700))
    rows = rows_of(background.template, data)
    assert np.array_equal(np.sort(rows), np.flatnonzero(beside))
    assert np.array_equal(background.template.features, data.features[rows])
    assert np.array_equal(background.validation.features, data.features[rows])


def test_an_event_has_the_same_fold_in_data_and_template(background, data, toy):
    folds, rows = background.folds, rows_of(background.template, data)
    assert folds.count == 5
    assert np.array_equal(folds.data, deal_data(data, toy.windows, 5, seed=3))
    assert np.array_equal(folds.template, folds.data[rows])
    assert np.array_equal(folds.validation, folds.data[rows])
    assert background.examples is None


def test_both_neighbours_weigh_the_same(background, data, toy):
    below = data.mass[rows_of(background.template, data)] < 3300
    assert 0 < below.sum() != (~below).sum() > 0
    total = background.template.weight.sum()
    assert background.template.weight[below].sum() == pytest.approx(0.5 * total)
    assert total == pytest.approx(background.expected[0])
    in_sidebands = sum(background.smooth.yield_in(*band)[0] for band in toy.windows.sidebands)
    assert background.validation.weight.sum() == pytest.approx(in_sidebands)


def test_masses_follow_the_fit_in_their_regions(background, toy):
    assert toy.windows.in_signal(background.template.mass).all()
    assert toy.windows.in_sidebands(background.validation.mass).all()
    edges = toy.windows.edges(300)
    drawn = Sample.concat([background.template, background.validation])
    expected = background.smooth.expected(edges)
    binned, squares = (np.histogram(drawn.mass, edges, weights=drawn.weight**k)[0] for k in (1, 2))
    assert np.sum((binned - expected) ** 2 / squares) < 2 * len(expected)


def test_a_feature_that_grows_with_the_mass_has_the_mean_of_the_signal_region(background, data, toy):
    """What the equal weights are for: neighbours of equal size would lean to the lower one."""
    inside = data.select(toy.windows.in_signal(data.mass)).feature("m_J1")
    mean = np.average(background.template.feature("m_J1"), weights=background.template.weight)
    assert mean == pytest.approx(inside.mean(), abs=4 * inside.std() / np.sqrt(len(inside)))


@pytest.mark.parametrize(
    ("width", "sidebands", "neighbours"),
    [
        (None, [(2500, 3300), (3700, 5000)], ((3100, 3300), (3700, 3900))),
        (400, [(2500, 3300), (3700, 5000)], ((2900, 3300), (3700, 4100))),
        (900, [(2500, 3300), (3700, 5000)], ((2500, 3300), (3700, 4600))),
        (100, [(2000, 2400), (2500, 3100), (3900, 5000)], ((3000, 3100), (3900, 4000))),
    ],
)
def test_neighbours_end_with_their_sidebands(width, sidebands, neighbours):
    assert Cwola(width).neighbours(Windows((3300, 3700), sidebands)) == neighbours


def test_the_seed_decides_the_masses_alone(background, data, toy):
    again, other = (Cwola().fit(data, toy.windows, seed=seed) for seed in (3, 4))
    assert same(background.template, again.template)
    assert same(background.validation, again.validation)
    assert np.array_equal(background.template.features, other.template.features)
    assert not np.array_equal(background.template.mass, other.template.mass)


def test_truth_and_the_signal_region_are_not_looked_at(background, data, toy):
    inside = toy.windows.in_signal(data.mass)
    features = np.where(inside[:, None], data.features[::-1], data.features)
    labels = np.random.default_rng(0).permutation(np.arange(len(data)) % 2)
    other = Cwola().fit(replace(data, features=features, label=labels), toy.windows, seed=3)
    assert same(background.template, other.template)
    assert other.template.label is None
    assert background.expected == other.expected


def test_a_signal_is_found_and_the_validation_runs(data, toy):
    with_signal = Sample.concat([data, toy.signal(150, 5)])
    trees = BoostedTrees(members=2, max_iter=20, min_samples_leaf=20)
    found = score(trees, with_signal, Cwola().fit(with_signal, toy.windows, folds=3, seed=1), seed=1)
    assert Truth.of(found).auc > 0.75
    bands = validate(Cwola(), trees, with_signal, toy.windows, folds=2, seed=1)
    found = non_closure([bands], 0.1)
    assert found.error < 0.15
    assert abs(found.value) < 3 * found.error


def test_bad_input(data, toy):
    with pytest.raises(ConfigError, match="neighbourhood of 0 GeV; expected a positive width"):
        Cwola(0)
    with pytest.raises(InputError, match=r"next to the signal region: .* at least 1,000"):
        Cwola(width=30).fit(data, toy.windows, seed=1)
    with pytest.raises(ConfigError, match="different weights"):
        Cwola().fit(replace(data, weight=np.linspace(1, 2, len(data))), toy.windows, seed=1)
    with pytest.raises(ConfigError, match="3000-4000 GeV is wider than the sidebands: 1000 GeV, and 900 GeV"):
        Cwola().fit(data, Windows((3000, 4000), [(2500, 3000), (4000, 4400)]), seed=1)
