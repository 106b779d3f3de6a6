"""CATHODE on a search in miniature: yields, masses, seeds, and what it must not look at."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.flows import Density, spline_autoregressive
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.methods import Cathode, deal_data, fit_sidebands
from hepflow.methods.folds import EXAMPLES
from hepflow.regions import Windows
from hepflow.sample import Sample
from hepflow.training import TrainingPlan

TINY = partial(spline_autoregressive, layers=1, hidden=8, bins=4)
PLAN = TrainingPlan(epochs=1, batch_size=256, learning_rate=1e-2, best_epochs=1)


def cathode(**options):
    return Cathode(Density(TINY, PLAN, options.pop("members", 1)), **{"oversampling": 5.0, **options})


@pytest.fixture(scope="module")
def data(toy):
    return toy.background(6000, seed=1)


@pytest.fixture(scope="module")
def background(toy, data):
    return cathode().fit(data, toy.windows, folds=3, seed=3)


def same(one, other):
    return np.array_equal(one.mass, other.mass) and np.array_equal(one.features, other.features)


def test_weights_add_up_to_the_yield_of_the_sideband_fit(background, toy):
    expected, error = background.expected
    assert background.template.weight.sum() == pytest.approx(expected, abs=0.5)
    in_sidebands = sum(background.smooth.yield_in(*band)[0] for band in toy.windows.sidebands)
    assert background.validation.weight.sum() == pytest.approx(in_sidebands, abs=1)
    assert len(background.template) == pytest.approx(5 * expected, abs=1)
    assert error > 0


def test_the_yield_is_that_of_the_data(background, data, toy):
    expected, error = background.expected
    observed = toy.windows.in_signal(data.mass).sum()
    assert abs(observed - expected) < 3 * np.hypot(error, np.sqrt(expected))


def test_masses_lie_in_their_regions(background, toy):
    assert toy.windows.in_signal(background.template.mass).all()
    assert toy.windows.in_sidebands(background.validation.mass).all()
    edges = toy.windows.edges(100)
    drawn = Sample.concat([background.template, background.validation])
    expected = background.smooth.expected(edges)
    binned, squares = (np.histogram(drawn.mass, edges, weights=drawn.weight**k)[0] for k in (1, 2))
    assert np.sum((binned - expected) ** 2 / squares) < 2 * len(expected)


def test_features_are_named_and_inside_the_bounds(background, data):
    for sample in (background.template, background.validation):
        assert sample.names == data.names
        assert sample.label is None
        assert np.isfinite(sample.features).all()
        assert sample.feature("m_J1").min() >= 0
        assert sample.feature("tau21").min() >= 0
        assert sample.feature("tau21").max() <= data.feature("tau21").max() + 0.01


def test_the_losses_are_kept(background):
    assert len(background.losses) == 3  # a flow of each fold
    assert len(background.losses[0].validation) == PLAN.epochs


def test_the_last_digit_of_a_mass_changes_nothing(background, data, toy):
    """The same events from another file differ by rounding; a training must not make another network of that."""
    factor = 1 + 1e-7 * np.random.default_rng(1).uniform(-1, 1, len(data))
    moved = replace(data, mass=data.mass * factor)
    edges = toy.windows.edges(50.0)
    assert np.array_equal(*(np.searchsorted(edges, sample.mass) for sample in (data, moved)))
    assert same(background.template, cathode().fit(moved, toy.windows, folds=3, seed=3).template)


def test_the_seed_decides_the_template(background, data, toy):
    again, other = (cathode().fit(data, toy.windows, folds=3, seed=seed) for seed in (3, 4))
    assert same(background.template, again.template)
    assert same(background.validation, again.validation)
    assert not same(background.template, other.template)


def test_truth_is_not_looked_at(background, data, toy):
    for label in (None, np.random.default_rng(0).permutation(np.arange(len(data)) % 2)):
        other = cathode().fit(replace(data, label=label), toy.windows, folds=3, seed=3)
        assert same(background.template, other.template)
        assert same(background.validation, other.validation)


def test_features_of_the_signal_region_are_not_looked_at(background, data, toy):
    inside = toy.windows.in_signal(data.mass)
    features = np.where(inside[:, None], data.features[::-1], data.features)
    other = cathode().fit(replace(data, features=features), toy.windows, folds=3, seed=3)
    assert same(background.template, other.template)


def test_events_of_the_signal_region_do_not_count(background, data, toy):
    signal = toy.signal(300, 5).window(*toy.windows.signal)
    other = cathode().fit(Sample.concat([data, signal]), toy.windows, folds=3, seed=3)
    assert other.expected == background.expected
    assert same(background.template, other.template)


def test_oversampling_adds_events_but_no_yield(background, data, toy):
    denser = cathode(oversampling=10.0).fit(data, toy.windows, folds=3, seed=3)
    assert denser.expected == background.expected
    assert len(denser.template) == pytest.approx(2 * len(background.template), abs=1)
    assert denser.template.weight.sum() == pytest.approx(background.template.weight.sum(), abs=0.5)


def test_a_gap_between_the_regions_stays_empty(data):
    windows = Windows((3300, 3700), [(2500, 3100), (3900, 5000)])
    background = cathode().fit(data, windows, seed=1)
    assert windows.in_sidebands(background.validation.mass).all()
    assert windows.in_signal(background.template.mass).all()


def test_weights_of_data(data, toy):
    with pytest.raises(ConfigError, match="different weights"):
        cathode().fit(replace(data, weight=np.linspace(1, 2, len(data))), toy.windows, seed=1)
    halves = replace(data, weight=np.full(len(data), 0.5))
    yields = [fit_sidebands(each, toy.windows, 50.0).yield_in(3300, 3700) for each in (data, halves)]
    assert yields[0] == yields[1]  # events are counted, here as in the spectrum of the signal region


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        (Windows((6000, 6500), [(5000, 6000), (6500, 7000)]), "no event in the signal region 6000-6500 GeV"),
        (Windows((4600, 4900), [(3000, 4600), (7000, 8000)]), "no event in the sideband 7000-8000 GeV"),
        (Windows((3.3, 3.7), [(2.5, 3.3), (3.7, 5.0)]), "that masses are read in GeV"),
    ],
)
def test_regions_outside_the_data(data, windows, message):
    with pytest.raises(InputError, match=message):
        cathode().fit(data, windows, seed=1)


def test_too_few_events_in_the_sidebands(data, toy):
    few = data.select(slice(400))
    with pytest.raises(InputError, match="cannot train a network in batches of 256; expected at least 569"):
        cathode().fit(few, toy.windows, seed=1)


def test_a_feature_that_says_nothing(data, toy):
    features = data.features.copy()
    features[:, 1] = 7.0
    with pytest.raises(InputError, match="'dm_J' is 7 in all 5,428 events"):
        cathode().fit(replace(data, features=features), toy.windows, seed=1)


def test_discrete_features_need_a_density_that_knows_of_them(data, toy):
    features = data.features.copy()
    features[:, 1] = np.random.default_rng(1).integers(0, 4, len(data))
    counted = replace(data, features=features)
    with pytest.raises(InputError, match=r"'dm_J' is discrete: 4 values \(0, 1, 2, 3\)"):
        cathode().fit(counted, toy.windows, seed=1)
    knowing = partial(logit_preprocessing, discrete=("dm_J",))
    density = Density(TINY, PLAN, members=1, preprocessing=knowing)
    template = Cathode(density, oversampling=5.0).fit(counted, toy.windows, folds=2, seed=1).template
    assert set(np.unique(template.feature("dm_J"))) == {0, 1, 2, 3}


def test_replicas_share_the_template(data, toy):
    """Each flow of each fold is one, of events that are for that fold."""
    density = Density(TINY, replace(PLAN, epochs=2, best_epochs=2), members=2)
    background = Cathode(density, oversampling=5.0).fit(data, toy.windows, folds=3, seed=1)
    assert len(background.losses) == 6
    for sample, replica, fold in (
        (background.template, background.replica, background.folds.template),
        (background.validation, background.validation_replica, background.folds.validation),
    ):
        assert replica.shape == fold.shape == sample.mass.shape
        assert np.bincount(replica) == pytest.approx(np.full(6, len(sample) / 6), rel=0.05)
        assert np.array_equal(replica // 2, fold)


def test_template_events_are_dealt_evenly_at_any_mass(background, data, toy):
    folds = background.folds
    assert folds.count == 3
    assert np.array_equal(folds.data, deal_data(data, toy.windows, 3, seed=3))
    for sample, fold in ((background.template, folds.template), (background.validation, folds.validation)):
        assert np.ptp(np.bincount(fold)) <= 1
        means = [sample.mass[fold == number].mean() for number in range(3)]
        assert np.ptp(means) < 5 * sample.mass.std() / np.sqrt(len(sample) / 3)


def test_examples_are_other_events_of_the_signal_region(background, data, toy):
    """For each fold four times as many as the data that its classifier learns from."""
    sample, fold = background.examples.sample, background.examples.fold
    assert sample.names == data.names
    assert sample.label is None
    assert toy.windows.in_signal(sample.mass).all()
    assert (sample.weight == 1).all()
    learned = 2 / 3 * background.expected[0]
    assert np.bincount(fold).tolist() == [round(EXAMPLES * learned)] * 3
    assert not np.isin(sample.features[:, 0], background.template.features[:, 0]).any()
    rest = background.without(toy.windows.signal).examples
    assert len(rest.sample) == len(rest.fold) == 0


@pytest.mark.parametrize("fold", [0, 2])
def test_sideband_events_have_no_part_in_what_is_made_for_their_fold(
    background, data, toy, folds_apart, fold
):
    """Bit for bit: its template, the examples of its classifier, and so that classifier."""
    for members, known in ((1, background), (2, None)):
        method = cathode(members=members)

        def fit(sample, method=method):
            return method.fit(sample, toy.windows, folds=3, seed=3)

        two = folds_apart(fit, data, toy.windows, fold, toy.windows.in_sidebands, known or fit(data))
        for part in ("template", "validation", "examples"):
            assert two.made(part) == two.only_mine
        assert two.classifiers() == two.only_mine


def test_events_of_the_signal_region_have_no_part_in_the_classifier_of_their_fold(
    background, data, toy, folds_apart
):
    def fit(sample):
        return cathode().fit(sample, toy.windows, folds=3, seed=3)

    two = folds_apart(fit, data, toy.windows, 1, toy.windows.in_signal, background)
    for part in ("template", "validation", "examples"):
        assert all(two.made(part))
    assert two.classifiers() == two.only_mine


def test_the_recipe_stays_untrained_and_each_fold_has_its_density(data, toy):
    method = cathode(members=2)
    assert method.background_densities == ()
    background = method.fit(data, toy.windows, folds=3, seed=3)
    assert not method.density.trainings
    assert [density.members for density in method.background_densities] == [2, 2, 2]
    trainings = [training.losses for density in method.densities for training in density.trainings]
    assert background.losses == tuple(trainings)
    again = method.fit(data, toy.windows, folds=2, seed=3)
    assert (len(method.densities), again.folds.count) == (2, 2)


def test_fewer_than_two_folds(data, toy):
    with pytest.raises(ConfigError, match="1 folds; expected at least 2"):
        cathode().fit(data, toy.windows, folds=1, seed=1)
