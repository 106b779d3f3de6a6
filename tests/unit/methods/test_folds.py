"""Folds of the data: dealt alike for the same arguments, evenly in each region, and never fewer than two."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.methods import EventFolds, deal_data
from hepflow.sample import Sample


@pytest.fixture(scope="module")
def data(toy):
    return toy.background(5000, seed=1)


@pytest.mark.parametrize("folds", [2, 3, 5, 20])
def test_each_region_is_dealt_evenly_and_at_random(data, toy, folds):
    fold_of = deal_data(data, toy.windows, folds, seed=1)
    assert fold_of.shape == (5000,)
    for inside in (toy.windows.in_signal(data.mass), toy.windows.in_sidebands(data.mass)):
        counts = np.bincount(fold_of[inside], minlength=folds)
        assert len(counts) == folds
        assert np.ptp(counts) <= 1
        means = [data.mass[inside & (fold_of == fold)].mean() for fold in range(folds)]
        assert np.ptp(means) < 6 * data.mass[inside].std() / np.sqrt(inside.sum() / folds)


def test_the_same_arguments_deal_alike_and_others_do_not(data, toy):
    one, again, seed, more = (
        deal_data(data, toy.windows, *arguments) for arguments in ((3, 1), (3, 1), (3, 2), (4, 1))
    )
    assert np.array_equal(one, again)
    for inside in (toy.windows.in_signal(data.mass), toy.windows.in_sidebands(data.mass)):
        assert not np.array_equal(one[inside], seed[inside])
        assert not np.array_equal(one[inside], more[inside])


def test_only_regions_count(data, toy):
    """Neither features, weights and labels, nor how many events the other region holds."""
    known = deal_data(data, toy.windows, 3, seed=1)
    other = replace(data, features=data.features[::-1], label=None, weight=np.full(5000, 0.5))
    assert np.array_equal(deal_data(other, toy.windows, 3, seed=1), known)
    more = Sample.concat([data, toy.signal(77, seed=2).window(*toy.windows.signal)])
    beside = toy.windows.in_sidebands(more.mass)
    assert np.array_equal(deal_data(more, toy.windows, 3, seed=1)[beside], known[beside[:5000]])


def test_events_of_no_region_are_in_the_first_fold(data, toy):
    beyond = replace(data, mass=np.where(np.arange(5000) % 2, 9000.0, data.mass))
    assert not deal_data(beyond, toy.windows, 3, seed=1)[1::2].any()


@pytest.mark.parametrize("folds", [1, 0, -1])
def test_fewer_than_two_folds(data, toy, folds):
    with pytest.raises(ConfigError, match=f"^{folds} folds; expected at least 2: else events are scored by"):
        deal_data(data, toy.windows, folds, seed=1)


@pytest.mark.parametrize(("name", "mass"), [("signal region", 3500.0), ("sidebands", 2600.0)])
def test_fewer_events_than_folds(data, toy, name, mass):
    inside = toy.windows.in_signal if name == "signal region" else toy.windows.in_sidebands
    few = Sample.concat(
        [data.select(~inside(data.mass)), replace(data.select(slice(3)), mass=np.full(3, mass))]
    )
    message = (
        f"the {name}: 3 events cannot be dealt into 4 folds, .* set classifier.folds to fewer, or add data"
    )
    with pytest.raises(InputError, match=message):
        deal_data(few, toy.windows, 4, seed=1)
    assert np.bincount(deal_data(few, toy.windows, 3, seed=1)[-3:]).tolist() == [1, 1, 1]


def test_a_region_without_events_is_not_its_matter(data, toy):
    """The signal region of the validation bands holds none; where some are needed, the methods say so."""
    outside = data.select(~toy.windows.in_signal(data.mass))
    assert len(deal_data(outside, toy.windows, 5, seed=1)) == len(outside)


def test_a_template_apart_from_the_data(data, toy):
    fold_of = deal_data(data, toy.windows, 3, seed=1)
    one, again, other = (EventFolds.at_random(3, fold_of, 100, 200, seed=seed) for seed in (1, 1, 2))
    assert np.bincount(one.template).tolist() == [34, 33, 33]
    assert np.bincount(one.validation).tolist() == [67, 67, 66]
    assert np.array_equal(one.template, again.template)
    assert not np.array_equal(one.validation, other.validation)
    kept = one.keeping(np.arange(100) < 10)
    assert np.array_equal(kept.template, one.template[:10])
    assert (kept.count, kept.data is one.data, kept.validation is one.validation) == (3, True, True)
