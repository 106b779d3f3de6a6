"""Flows that windows share: who may serve whom, and that no event has a part in what it is compared with."""

from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import pytest

from hepflow.classifiers import BoostedTrees
from hepflow.errors import ConfigError, InputError
from hepflow.flows import Density, spline_autoregressive
from hepflow.methods import Cathode, SharedCathode, SharedFlows
from hepflow.methods.shared import groups_of
from hepflow.regions import Windows, sliding
from hepflow.sample import Sample
from hepflow.selection import validate
from hepflow.training import TrainingPlan
from hepflow.weights import load_weights, save_weights

RANGE = (2500.0, 5000.0)
TINY = partial(spline_autoregressive, layers=1, hidden=8, bins=4)
PLAN = TrainingPlan(epochs=1, batch_size=128, learning_rate=1e-2, best_epochs=1)
DENSITY = Density(TINY, PLAN, members=1)
FOLDS = 3


def beside(low, high, width=300.0):
    return Windows.beside((low, high), width, RANGE)


EVERY = [beside(low, low + 300) for low in (2800, 2950, 3100, 3400, 3700)]


@pytest.fixture(scope="module")
def data(toy):
    return toy.background(6000, seed=1)


def learned(data, every=EVERY, **options):
    return SharedFlows.learn(DENSITY, data, every, **{"folds": FOLDS, "seed": 3, **options})


@pytest.fixture(scope="module")
def flows(data):
    return learned(data)


def template(flows, data, windows):
    method = SharedCathode(flows=flows, oversampling=5.0, validation_oversampling=2.0)
    return method.fit(data, windows, folds=FOLDS, seed=3)


def same(one, other):
    return np.array_equal(one.mass, other.mass) and np.array_equal(one.features, other.features)


def hidden(one, other):
    """Return which share of the sidebands of a window the signal region of another one covers."""
    mass = np.arange(2000.0, 8000.0)
    return max(np.mean(other.in_signal(mass[(mass >= low) & (mass < high)])) for low, high in one.sidebands)


@pytest.mark.parametrize(("step", "sidebands", "groups"), [(0.5, 1.0, 4), (0.5, 2.0, 5), (1.0, 1.0, 2)])
def test_windows_of_a_group_leave_half_of_every_sideband_to_each_other(step, sidebands, groups):
    within = (2000.0, 8000.0)
    windows = [
        Windows.beside(one, sidebands * (one[1] - one[0]), within)
        for one in sliding(within, 0.1, step, sidebands)
    ]
    found = groups_of(windows)
    assert sorted(one.signal for group in found for one in group) == sorted(one.signal for one in windows)
    assert not any(
        any(one.in_signal(np.arange(*other.signal))) or max(hidden(one, other), hidden(other, one)) > 0.51
        for group in found
        for one, other in combinations(group, 2)
    )
    assert len(found) == groups


def test_windows_apart_share_and_a_window_that_stands_twice_counts_once():
    assert groups_of([EVERY[0], EVERY[3], EVERY[0]]) == ((EVERY[0], EVERY[3]),)


@pytest.mark.parametrize(
    ("folds", "members", "pairs", "each"),
    [(3, 1, 3, 1), (3, 3, 3, 2), (4, 3, 6, 1), (5, 2, 5, 1), (5, 4, 10, 1), (5, 5, 10, 2), (10, 4, 20, 1)],
)
def test_a_fold_has_at_least_so_many_flows_as_a_density_has_members(data, folds, members, pairs, each):
    found = SharedFlows.learn(Density(TINY, PLAN, members), data, EVERY[::3], folds=folds, seed=1)
    assert {density.members for density in found.densities} == {each}
    assert len(found.groups) == 1
    assert (len(found.densities), len(set(found.pairs))) == (pairs, pairs)
    serving = [found.of(EVERY[0], fold) for fold in range(folds)]
    assert {len(one) for one in serving} == {2 * pairs // folds}
    assert 2 * pairs // folds * each >= members
    for fold, densities in enumerate(serving):
        assert all(fold in found.pairs[number] for number in densities)


def test_a_template_is_that_of_cathode_but_for_its_flows(flows, data):
    found = template(flows, data, EVERY[1])
    own = Cathode(DENSITY, oversampling=5.0, validation_oversampling=2.0)
    other = own.fit(data, EVERY[1], folds=FOLDS, seed=3)
    assert found.expected == other.expected
    assert np.array_equal(found.template.mass, other.template.mass)
    assert len(found.examples.sample) == len(other.examples.sample)
    assert (found.losses, SharedCathode(flows=flows).background_densities) == ((), ())


def test_features_of_the_signal_region_have_no_part_in_its_template(flows, data):
    for windows in (EVERY[0], EVERY[3]):
        inside = windows.in_signal(data.mass)
        features = np.where(inside[:, None], data.features[::-1], data.features)
        changed = replace(data, features=features)
        again = learned(changed)
        one, other = template(flows, data, windows), template(again, changed, windows)
        assert same(one.template, other.template)
        assert same(one.validation, other.validation)
        assert same(one.examples.sample, other.examples.sample)
        neighbour = EVERY[1]  # whose sideband it is
        assert not same(
            template(flows, data, neighbour).template, template(again, changed, neighbour).template
        )


@pytest.mark.parametrize("fold", range(FOLDS))
def test_a_fold_has_no_part_in_what_it_is_compared_with(flows, data, folds_apart, fold):
    windows = EVERY[1]

    def fit(changed):
        return template(learned(changed), changed, windows)

    apart = folds_apart(fit, data, windows, fold, windows.in_sidebands, template(flows, data, windows))
    for part in ("template", "validation", "examples"):
        assert apart.made(part) == apart.only_mine


def test_an_event_has_the_same_fold_in_every_window(flows, data):
    known = {tuple(row): fold for row, fold in zip(flows.mass[:, None], flows.fold_of, strict=True)}
    for windows in EVERY:
        fold_of = flows.deal(data, windows)
        used = windows.in_signal(data.mass) | windows.in_sidebands(data.mass)
        assert [known[mass,] for mass in data.mass[used]] == fold_of[used].tolist()
        assert not fold_of[~used].any()


def test_of_equal_masses_each_keeps_its_fold(data):
    rounded = replace(data, mass=np.round(data.mass / 5) * 5)
    flows = learned(rounded)
    inside = (rounded.mass >= flows.mass.min()) & (rounded.mass <= flows.mass.max())
    assert inside.sum() == len(flows.mass)
    outside = rounded.select(~EVERY[2].in_signal(rounded.mass))
    wide = EVERY[2].validation()
    one, other = flows.deal(rounded, EVERY[2]), flows.deal(outside, wide)
    used = wide.in_sidebands(outside.mass)
    assert np.array_equal(other[used], one[~EVERY[2].in_signal(rounded.mass)][used])


def test_the_trainings_behind_a_template_are_counted_once(flows, data):
    """A density serves two folds, and no event is drawn twice."""
    found = template(flows, data, EVERY[0])
    assert np.unique(found.replica).tolist() == [0, 1, 2]
    for number, pair in enumerate(combinations(range(FOLDS), 2)):
        assert set(found.folds.template[found.replica == number]) == set(pair)
    drawn = np.concatenate([found.template.features, found.examples.sample.features])
    assert len(np.unique(drawn, axis=0)) == len(drawn)


def test_kept_flows_make_the_same_template(flows, data, tmp_path):
    save_weights(tmp_path / "flows.safetensors", flows)
    again = load_weights(tmp_path / "flows.safetensors", SharedFlows)
    assert (again.groups, again.folds) == (flows.groups, flows.folds)
    for windows in EVERY:
        one, other = template(flows, data, windows), template(again, data, windows)
        assert same(one.template, other.template)
        assert np.array_equal(one.folds.data, other.folds.data)


def test_validation_bands_have_flows_that_did_not_see_them(data):
    wide = [one.validation() for one in EVERY]
    flows, width = learned(data, wide), None
    method, trees = SharedCathode(flows=flows, oversampling=5.0), BoostedTrees(members=1, max_iter=5)
    found = validate(method, trees, data, EVERY[1], width=width, folds=FOLDS, seed=3)
    assert found.windows == wide[1]
    assert not EVERY[1].in_signal(found.data.sample.mass).any()


@pytest.mark.slow
def test_a_mean_that_moves_with_the_mass_is_interpolated_in_every_window():
    """Of x ~ N((m - 3500) / 1000, 0.3) the template has the mean and the width, without data of the window."""
    random = np.random.default_rng(1)
    mass = 2500 + random.exponential(900.0, 30_000)
    data = Sample(mass, random.normal((mass[:, None] - 3500) / 1000, 0.3), ("x",)).window(*RANGE)
    plan = TrainingPlan(epochs=20, batch_size=256, learning_rate=1e-2)
    flows = SharedFlows.learn(Density(TINY, plan, 1), data, EVERY, folds=FOLDS, seed=1)
    for windows in EVERY:
        found = template(flows, data, windows).template
        pull = (found.features[:, 0] - (found.mass - 3500) / 1000) / 0.3
        assert abs(pull.mean()) < 0.1
        assert abs(pull.std() - 1) < 0.1


def test_what_flows_were_not_trained_for_is_refused(flows, data):
    other = beside(2800, 3100, 200.0)
    with pytest.raises(
        ConfigError, match="none was trained for the signal region 2800-3100 GeV and its sidebands"
    ):
        template(flows, data, other)
    with pytest.raises(ConfigError, match="of 3 folds; expected those, got 5"):
        SharedCathode(flows=flows).fit(data, EVERY[0], seed=1)
    with pytest.raises(InputError, match="the data are not those that they were trained for"):
        template(flows, data.select(slice(None, None, -1)), EVERY[0])


def test_what_cannot_be_trained_is_refused(data):
    with pytest.raises(ConfigError, match="no window to serve"):
        learned(data, [])
    with pytest.raises(ConfigError, match="2 folds; expected at least 3, since each flow leaves out two"):
        learned(data, folds=2)
    few = data.select(slice(0, 100))
    with pytest.raises(InputError):
        learned(few)
    features = np.where(
        np.arange(len(data.names)) == 0, data.features > np.median(data.features), data.features
    )
    with pytest.raises(InputError, match="m_J1"):
        learned(replace(data, features=features))


def test_a_region_without_an_event_of_some_fold_is_refused(flows, data):
    windows = EVERY[0]
    inside = windows.in_signal(data.mass)
    first = np.flatnonzero(inside)[0]
    only = data.select(~inside | (data.mass == data.mass[first]))
    with pytest.raises(InputError, match="the signal region: 1 events cannot be dealt into 3 folds"):
        template(flows, only, windows)
