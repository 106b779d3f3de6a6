"""What a simulation must offer: features, regions and support, each said where it is missing."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.methods.simulation import check_simulation
from hepflow.sample import Sample


@pytest.fixture(scope="module")
def data(toy):
    return toy.background(2000, seed=1)


@pytest.fixture(scope="module")
def simulation(toy):
    return toy.background(3000, seed=2)


def check(simulation, data, toy):
    return check_simulation(simulation, data, toy.windows, "SALAD")


def with_feature(sample, name, values):
    column = sample.names.index(name)
    features = sample.features.copy()
    features[:, column] = values
    return replace(sample, features=features)


def test_events_stay_and_truth_goes(simulation, data, toy):
    checked = check(simulation, data, toy)
    assert np.array_equal(checked.features, simulation.features)
    assert np.array_equal(checked.mass, simulation.mass)
    assert checked.label is None


def test_features_come_in_the_order_of_the_data(simulation, data, toy):
    wider = Sample(
        simulation.mass,
        np.column_stack([simulation.features[:, ::-1], np.zeros(len(simulation))]),
        (*reversed(simulation.names), "tau32"),
        simulation.weight,
    )
    checked = check(wider, data, toy)
    assert checked.names == data.names
    assert np.array_equal(checked.features, simulation.features)


def test_no_simulation(data, toy):
    with pytest.raises(ConfigError, match=r"SALAD starts from simulated background.*inputs\.simulation"):
        check(None, data, toy)


def test_a_missing_feature_is_named(simulation, data, toy):
    renamed = replace(simulation, names=("m_J1", "dm_J", "tau_21"))
    with pytest.raises(ConfigError, match="lacks the feature 'tau21' of the data: did you mean 'tau_21'"):
        check(renamed, data, toy)


def test_a_region_without_simulation(simulation, data, toy):
    for low, high in ((3300, 3700), (3700, 5000)):
        rest = simulation.select((simulation.mass < low) | (simulation.mass >= high))
        with pytest.raises(InputError, match=f"no event in {low}-{high} GeV"):
            check(rest, data, toy)


def test_disjoint_support_names_feature_and_share(simulation, data, toy):
    rows = np.flatnonzero(toy.windows.in_sidebands(data.mass))
    values = data.feature("m_J1").copy()
    values[rows[: len(rows) // 4]] = 1e4
    values[rows[len(rows) // 4 :]] = 100.0
    with pytest.raises(InputError, match=r"(24\.9|25\.0)% of the data in the sidebands .* feature 'm_J1'"):
        check(simulation, with_feature(data, "m_J1", values), toy)


def test_a_stray_event_does_not_widen_the_range(simulation, data, toy):
    values = simulation.feature("tau21").copy()
    values[0] = 1e6
    moved = with_feature(data, "tau21", 50.0 + data.feature("tau21"))
    with pytest.raises(InputError, match="'tau21'"):
        check(with_feature(simulation, "tau21", values), moved, toy)


def test_the_signal_region_of_the_data_is_not_looked_at(simulation, data, toy):
    inside = toy.windows.in_signal(data.mass)
    moved = with_feature(data, "m_J1", np.where(inside, 1e6, data.feature("m_J1")))
    check(simulation, moved, toy)


def test_a_few_events_may_lie_outside(simulation, data, toy):
    values = data.feature("m_J1").copy()
    values[:20] = 1e6
    check(simulation, with_feature(data, "m_J1", values), toy)


def test_values_that_are_not_finite(simulation, data, toy):
    values = simulation.feature("dm_J").copy()
    values[toy.windows.in_sidebands(simulation.mass).argmax()] = np.nan
    with pytest.raises(InputError, match="'dm_J' of the simulation holds NaN"):
        check(with_feature(simulation, "dm_J", values), data, toy)
