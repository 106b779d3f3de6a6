"""The idealized reference on a search in miniature: true background as the template."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.catalogue import METHODS
from hepflow.engine.job import find
from hepflow.errors import ConfigError, InputError
from hepflow.methods import Idealized, deal_data
from hepflow.sample import Sample


@pytest.fixture(scope="module")
def data(toy):
    return Sample.concat([toy.background(15_000, seed=1), toy.signal(300, seed=2)])


@pytest.fixture(scope="module")
def reference(toy):
    return toy.background(30_000, seed=3)


def test_the_labelled_background_of_the_data(data, toy):
    background = Idealized().fit(data, toy.windows, seed=1)
    folds = background.folds
    assert np.array_equal(folds.data, deal_data(data, toy.windows, 5, seed=1))
    for fold, sample, inside in (
        (folds.template, background.template, toy.windows.in_signal),
        (folds.validation, background.validation, toy.windows.in_sidebands),
    ):
        rows = np.flatnonzero(inside(data.mass) & (data.label == 0))
        assert np.array_equal(fold, folds.data[rows])
        assert np.array_equal(sample.features, data.features[rows])
        assert np.array_equal(sample.mass, data.mass[rows])
        assert sample.label is None


def test_a_separate_reference(data, reference, toy):
    background = Idealized(reference).fit(data, toy.windows, seed=1)
    assert (
        np.ptp(np.bincount(background.folds.template)) <= 1
    )  # dealt as what has nothing to do with the data
    assert np.ptp(np.bincount(background.folds.validation)) <= 1
    assert np.array_equal(
        background.template.mass, reference.select(toy.windows.in_signal(reference.mass)).mass
    )


@pytest.mark.parametrize("separate", [False, True])
def test_weights_follow_the_sideband_fit(data, reference, toy, separate):
    background = Idealized(reference if separate else None).fit(data, toy.windows, seed=1)
    edges = toy.windows.edges(50.0)
    drawn = Sample.concat([background.template, background.validation])
    assert np.histogram(drawn.mass, edges, weights=drawn.weight)[0] == pytest.approx(
        background.smooth.expected(edges), rel=1e-6
    )
    assert background.template.weight.sum() == pytest.approx(background.expected[0])


def test_only_references_use_truth():
    references = {name for name, row in METHODS.items() if row.needs_truth}
    assert references == {name for name, row in METHODS.items() if find(row.where) is Idealized}
    assert references == {"idealized", "supervised"}


def test_bad_input(data, reference, toy):
    with pytest.raises(InputError, match="carry no truth labels; give a separate sample"):
        Idealized().fit(data.without_truth(), toy.windows, seed=1)
    with pytest.raises(InputError, match="300 of the 15,300 reference events are signal"):
        Idealized(data).fit(data, toy.windows, seed=1)
    with pytest.raises(ConfigError, match="the reference has the features"):
        Idealized(replace(reference, names=("a", "b", "c"))).fit(data, toy.windows, seed=1)
    with pytest.raises(InputError, match=r"worth .* expected at least 1,000"):
        Idealized(reference.select(slice(3000))).fit(data, toy.windows, seed=1)
