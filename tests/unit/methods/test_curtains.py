"""CURTAINs on a search in miniature: events of the sidebands arrive where the signal region's would be."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.flows import Density, Transport, spline_autoregressive, spline_coupling
from hepflow.flows.latents import Latents
from hepflow.methods import curtains as curtains_module
from hepflow.methods.curtains import Curtains
from hepflow.methods.folds import EXAMPLES
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
    return curtains().fit(data, toy.windows, folds=3, seed=3)


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


def sources(sample, data):
    """Return the rows of the data that have the features of a sample."""
    order = np.argsort(data.features[:, 0])
    rows = order[np.searchsorted(data.features[order, 0], sample.features[:, 0])]
    assert np.array_equal(data.features[rows], sample.features)
    return rows


@pytest.fixture
def unmoved(data, toy, monkeypatch):
    """Return a background whose events stayed as they are."""
    monkeypatch.setattr(Transport, "forward", lambda self, x, m, target=None: x)
    return curtains().fit(data, toy.windows, folds=3, seed=3)


def test_events_come_from_the_sidebands_of_the_fold_and_go_somewhere_else(unmoved, background, data, toy):
    folds = unmoved.folds
    for part in ("template", "validation"):
        sample, fold = getattr(unmoved, part), getattr(folds, part)
        rows = sources(sample, data)
        assert toy.windows.in_sidebands(data.mass[rows]).all()
        assert np.array_equal(folds.data[rows], fold)
        assert np.mean(np.abs(data.mass[rows] - sample.mass)) > 100
        there = getattr(background, part)
        assert np.array_equal(there.mass, sample.mass)
        assert np.corrcoef(there.features[:, 0], sample.features[:, 0])[0, 1] > 0.9
        for number in range(3):  # none again before all others
            own = rows[fold == number]
            events = (toy.windows.in_sidebands(data.mass) & (folds.data == number)).sum()
            assert len(np.unique(own)) == min(len(own), events)


def test_examples_come_from_the_other_folds(unmoved, data, toy):
    sample, fold = unmoved.examples.sample, unmoved.examples.fold
    rows = sources(sample, data)
    assert toy.windows.in_signal(sample.mass).all()
    assert toy.windows.in_sidebands(data.mass[rows]).all()
    assert not (unmoved.folds.data[rows] == fold).any()
    assert {*zip(unmoved.folds.data[rows].tolist(), fold.tolist(), strict=True)} == {
        (one, other) for one in range(3) for other in range(3) if one != other
    }
    assert np.bincount(fold).tolist() == [round(EXAMPLES * 2 / 3 * unmoved.expected[0])] * 3


@pytest.mark.parametrize("variant", VARIANTS)
def test_sideband_events_have_no_part_in_what_their_fold_is_judged_by(data, toy, folds_apart, variant):
    """Bit for bit: the examples and classifier of the fold, and the map that carries its events."""
    carried = []
    kind = Latents if variant == "latents" else Transport
    forward = kind.forward

    def watched(self, x, m, target=None):
        carried.append((self, m))
        return forward(self, x, m, target)

    def fit(sample):
        return curtains(variant=variant).fit(sample, toy.windows, folds=3, seed=3)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "forward", watched)
        two = folds_apart(fit, data, toy.windows, 1, toy.windows.in_sidebands, fit(data))
    assert two.made("examples") == two.only_mine
    assert two.classifiers() == two.only_mine
    assert not any(two.made("template"))  # which are its events, or were carried by what learned from them
    calls = len(carried) // 2
    assert calls == 6  # template and examples of each fold
    asked, target = two.data[0].select(slice(200)), np.full(200, 3500.0)
    alike = []
    for (one, m), (other, again) in zip(carried[:calls:2], carried[calls::2], strict=True):
        assert np.array_equal(m, again)  # the same events go to the same places
        moved = (each.forward(asked.features, asked.mass, target) for each in (one, other))
        alike.append(np.array_equal(*moved))
    assert alike == two.only_mine


def test_events_of_the_signal_region_have_no_part_in_the_classifier_of_their_fold(
    background, data, toy, folds_apart
):
    def fit(sample):
        return curtains().fit(sample, toy.windows, folds=3, seed=3)

    two = folds_apart(fit, data, toy.windows, 1, toy.windows.in_signal, background)
    for part in ("template", "validation", "examples"):
        assert all(two.made(part))
    assert two.classifiers() == two.only_mine


@pytest.mark.parametrize("variant", VARIANTS)
def test_features_follow_the_mass(data, toy, variant, monkeypatch):
    """The first feature has a mean of 3 % of the mass: what comes from below grows, what comes from above shrinks."""
    plan = replace(PLAN, epochs=5, batch_size=128)
    flow = partial(
        spline_autoregressive, layers=2, hidden=16, bins=6
    )  # one layer has no mass for the first feature
    method = Curtains(variant, Density(flow, plan, members=1), Transport(MAP, plan))
    kind, carried = Latents if variant == "latents" else Transport, []
    forward = kind.forward

    def watched(self, x, m, target=None):
        moved = forward(self, x, m, target)
        inside = toy.windows.in_signal(target)
        carried.append((m[inside], moved[inside, 0] / x[inside, 0]))
        return moved

    monkeypatch.setattr(kind, "forward", watched)
    method.fit(data, toy.windows, folds=3, seed=3)
    mass, change = map(np.concatenate, zip(*carried, strict=True))
    below, above = mass < 2900, mass > 4200
    assert np.median(change[below]) > 1.05
    assert np.median(change[above]) < 0.95


def test_maps_are_taught_to_carry_events_into_the_signal_region(data, toy, monkeypatch):
    taught = []
    learn = curtains_module.transport_apart

    def watched(*args, targets, **options):
        taught.extend(targets)
        return learn(*args, targets=targets, **options)

    monkeypatch.setattr(curtains_module, "transport_apart", watched)
    background = curtains().fit(data, toy.windows, folds=3, seed=3)
    beside = sum(background.smooth.yield_in(*band)[0] for band in toy.windows.sidebands)
    share = background.expected[0] / (background.expected[0] + beside)
    for fold, target in enumerate(taught):
        events = (toy.windows.in_sidebands(data.mass) & (background.folds.data != fold)).sum()
        assert len(target) == events
        assert toy.windows.in_signal(target).mean() == pytest.approx(share, abs=0.03)


def test_the_seed_decides(background, data, toy):
    again, other = (curtains().fit(data, toy.windows, folds=3, seed=seed) for seed in (3, 4))
    assert same(background.template, again.template)
    assert same(background.validation, again.validation)
    assert not same(background.template, other.template)


def test_truth_is_not_looked_at(background, data, toy):
    for label in (None, np.random.default_rng(0).permutation(np.arange(len(data)) % 2)):
        other = curtains().fit(replace(data, label=label), toy.windows, folds=3, seed=3)
        assert same(background.template, other.template)
        assert same(background.validation, other.validation)


def test_features_of_the_signal_region_are_not_looked_at(background, data, toy):
    inside = toy.windows.in_signal(data.mass)
    features = np.where(inside[:, None], data.features[::-1], data.features)
    other = curtains().fit(replace(data, features=features), toy.windows, folds=3, seed=3)
    assert same(background.template, other.template)


def test_events_of_the_signal_region_do_not_count(background, data, toy):
    signal = toy.signal(300, 5).window(*toy.windows.signal)
    other = curtains().fit(Sample.concat([data, signal]), toy.windows, folds=3, seed=3)
    assert other.expected == background.expected
    assert same(background.template, other.template)


@pytest.mark.parametrize("variant", VARIANTS)
def test_replicas_share_the_template(data, toy, variant):
    """Each flow of each fold is one."""
    background = curtains(members=2, variant=variant).fit(data, toy.windows, folds=3, seed=1)
    assert len(background.losses) == (6 if variant == "latents" else 12)
    for sample, replica, fold in (
        (background.template, background.replica, background.folds.template),
        (background.validation, background.validation_replica, background.folds.validation),
    ):
        assert replica.shape == fold.shape == sample.mass.shape
        assert np.bincount(replica) == pytest.approx(np.full(6, len(sample) / 6), rel=0.05)
        assert np.array_equal(replica // 2, fold)


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
