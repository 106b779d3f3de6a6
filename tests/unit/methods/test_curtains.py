"""CURTAINs on a search in miniature: events of the sidebands arrive where the signal region's would be."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.flows import Density, Transport, spline_autoregressive, spline_coupling
from hepflow.methods.curtains import Curtains
from hepflow.regions import Windows
from hepflow.sample import Sample
from hepflow.selection.closure import closure
from hepflow.training import TrainingPlan

PLAN = TrainingPlan(epochs=1, batch_size=256, learning_rate=1e-2, best_epochs=1)
FLOW = partial(spline_autoregressive, layers=1, hidden=8, bins=4)
MAP = partial(spline_coupling, layers=2, hidden=8, bins=4)


VARIANTS = ["latents", "flows-for-flows"]


def curtains(members=1, plan=PLAN, **options):
    return Curtains(
        base=Density(FLOW, plan, members), flow=Transport(MAP, plan), **{"oversampling": 5.0, **options}
    )


@pytest.fixture(scope="module")
def data(toy):
    return toy.background(6000, seed=1)


@pytest.fixture(scope="module")
def background(data, toy):
    return curtains().fit(data, toy.windows, seed=3)


def same(one, other):
    return np.array_equal(one.mass, other.mass) and np.array_equal(one.features, other.features)


def test_weights_add_up_to_the_yield_of_the_sideband_fit(background, toy):
    expected, _ = background.expected
    assert background.template.weight.sum() == pytest.approx(expected, abs=0.5)
    assert len(background.template) == pytest.approx(5 * expected, abs=1)
    in_sidebands = sum(background.smooth.yield_in(*band)[0] for band in toy.windows.sidebands)
    assert background.validation.weight.sum() == pytest.approx(in_sidebands, abs=1)


def test_masses_lie_in_their_regions(background, toy):
    assert toy.windows.in_signal(background.template.mass).all()
    assert toy.windows.in_sidebands(background.validation.mass).all()


def test_events_come_from_the_sidebands_and_go_somewhere_else(background, data, toy):
    for rows in (background.rows, background.validation_rows):
        assert toy.windows.in_sidebands(data.mass[rows]).all()
    assert len(background.rows) == len(background.template)
    assert len(background.validation_rows) == len(background.validation)
    assert len(np.unique(background.rows)) == min(
        len(background.rows), toy.windows.in_sidebands(data.mass).sum()
    )
    source = data.select(background.validation_rows)
    assert np.mean(np.abs(source.mass - background.validation.mass)) > 100
    assert np.corrcoef(source.features[:, 0], background.validation.features[:, 0])[0, 1] > 0.9


@pytest.mark.parametrize("variant", VARIANTS)
def test_features_follow_the_mass(data, toy, variant):
    """The first feature has a mean of 3 % of the mass: what comes from below grows, what comes from above shrinks."""
    plan = replace(PLAN, epochs=5, batch_size=128)
    flow = partial(
        spline_autoregressive, layers=2, hidden=16, bins=6
    )  # one layer has no mass for the first feature
    method = Curtains(variant, Density(flow, plan, members=1), Transport(MAP, plan))
    background = method.fit(data, toy.windows, seed=3)
    source, template = data.select(background.rows), background.template
    change = template.feature("m_J1") / source.feature("m_J1")
    below, above = source.mass < 2900, source.mass > 4200
    assert np.median(change[below]) > 1.05
    assert np.median(change[above]) < 0.95


def test_the_seed_decides(background, data, toy):
    again, other = (curtains().fit(data, toy.windows, seed=seed) for seed in (3, 4))
    assert same(background.template, again.template)
    assert same(background.validation, again.validation)
    assert not same(background.template, other.template)


def test_truth_is_not_looked_at(background, data, toy):
    for label in (None, np.random.default_rng(0).permutation(np.arange(len(data)) % 2)):
        other = curtains().fit(replace(data, label=label), toy.windows, seed=3)
        assert same(background.template, other.template)
        assert same(background.validation, other.validation)


def test_features_of_the_signal_region_are_not_looked_at(background, data, toy):
    inside = toy.windows.in_signal(data.mass)
    features = np.where(inside[:, None], data.features[::-1], data.features)
    other = curtains().fit(replace(data, features=features), toy.windows, seed=3)
    assert same(background.template, other.template)


def test_events_of_the_signal_region_do_not_count(background, data, toy):
    signal = toy.signal(300, 5).window(*toy.windows.signal)
    other = curtains().fit(Sample.concat([data, signal]), toy.windows, seed=3)
    assert other.expected == background.expected
    assert same(background.template, other.template)


@pytest.mark.parametrize("variant", VARIANTS)
def test_replicas_share_the_template(data, toy, variant):
    background = curtains(members=2, variant=variant).fit(data, toy.windows, seed=1)
    assert len(background.losses) == (2 if variant == "latents" else 4)
    for sample, replica in (
        (background.template, background.replica),
        (background.validation, background.validation_replica),
    ):
        assert replica.shape == sample.mass.shape
        assert np.bincount(replica) == pytest.approx(np.full(2, len(sample) / 2), rel=0.05)


def test_bad_input(data, toy):
    with pytest.raises(ConfigError, match="no variant 'latent'"):
        Curtains("latent")
    with pytest.raises(ConfigError, match="different weights"):
        curtains().fit(replace(data, weight=np.linspace(1, 2, len(data))), toy.windows, seed=1)
    with pytest.raises(InputError, match="no event in the sideband 7000-8000 GeV"):
        curtains().fit(data, Windows((4600, 4900), [(3000, 4600), (7000, 8000)]), seed=1)
    with pytest.raises(InputError, match="cannot train a network in batches of 256"):
        curtains().fit(data.select(slice(400)), toy.windows, seed=1)


@pytest.mark.slow
def test_closure_on_pythia(pythia):
    data, fresh, _, windows = pythia
    background = Curtains().fit(data, windows, seed=1)
    assert closure(fresh, background.template, seed=1).auc < 0.52
