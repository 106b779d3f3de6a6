"""Generators: replicas that make events, in pieces, and are kept."""

from functools import partial

import numpy as np
import pytest

import hepflow as hf
from hepflow.errors import ConfigError, InputError
from hepflow.flows import ConditionalDensity, TrainingPlan, affine_autoregressive
from hepflow.generation import Generated, Generator, generator, replicas_density
from hepflow.weights import load_weights, save_weights

PLAN = TrainingPlan(epochs=3, batch_size=100, learning_rate=0.01)


def small(members=3):
    return ConditionalDensity(partial(affine_autoregressive, layers=2, hidden=8), PLAN, members=members)


def events(count=900, seed=1, weight=None):
    random = np.random.default_rng(seed)
    mass = random.uniform(100, 200, count)
    pt = random.normal(mass / 2, 5.0)
    return hf.Events(
        np.column_stack([pt, mass, random.normal(size=count)]),
        ("pt", "mass", "eta"),
        np.zeros(0) if weight is None else weight,
        quantities=(hf.Quantity("pt", unit="GeV"),),
    )


@pytest.fixture(scope="module")
def trained():
    return Generator(small()).fit(events(), seed=1)


@pytest.fixture(scope="module")
def conditional():
    return Generator(small()).fit(events(weight=np.full(900, 2.0)), given=["mass"], seed=1)


def test_events_have_the_columns_and_the_yield_of_those_learned_from(trained):
    made = trained.generate(1001, seed=2)
    assert made.events.names == ("pt", "mass", "eta")
    assert made.events.quantity("pt").unit == "GeV"
    assert made.events.weight.sum() == pytest.approx(900)
    assert made.events.cutflow == (("events generated", 1001),)
    assert sorted(np.bincount(made.replica)) == [333, 334, 334]
    low, high = events().features.min(axis=0), events().features.max(axis=0)
    assert np.all(made.events.features >= low - 0.2)
    assert np.all(made.events.features <= high + 0.2)


def test_the_same_seed_makes_the_same_events(trained):
    one, other, third = (trained.generate(50, seed=seed).events.features for seed in (2, 2, 3))
    np.testing.assert_array_equal(one, other)
    assert np.all(one != third)


def test_pieces_are_those_of_the_whole(trained, monkeypatch):
    monkeypatch.setattr(generator, "BLOCK", 40)
    whole = trained.generate(100, seed=2)
    pieces = list(trained.blocks(100, seed=2))
    assert [len(piece) for piece in pieces] == [40, 40, 20]
    np.testing.assert_array_equal(whole.events.features[40:80], pieces[1].events.features)
    assert whole.events.cutflow == (("events generated", 100),)
    assert whole.events.weight.sum() == pytest.approx(900)


def test_conditions_are_drawn_from_the_training_or_given(conditional):
    made = conditional.generate(2000, seed=2)
    assert made.events.names == ("pt", "eta", "mass")
    assert made.events.weight.sum() == pytest.approx(1800)
    assert np.corrcoef(made.events["pt"], made.events["mass"])[0, 1] > 0.5
    assert set(made.events["mass"]) <= set(events()["mass"])
    given = np.array([[110.0], [190.0]])
    np.testing.assert_array_equal(conditional.generate(2, seed=2, given=given).events["mass"], given[:, 0])
    with pytest.raises(ConfigError, match=r"conditions of shape \(2, 2\); expected \(2, 1\) for mass"):
        conditional.generate(2, seed=2, given=np.ones((2, 2)))


def test_conditions_of_weighted_events_come_as_often_as_their_weights():
    weight = np.where(events()["mass"] > 150, 3.0, 1.0)
    made = Generator(small()).fit(events(weight=weight), given=["mass"], seed=1).generate(4000, seed=2)
    assert np.mean(made.events["mass"] > 150) == pytest.approx(0.75, abs=0.04)
    with pytest.raises(InputError, match="negative weight"):
        Generator(small()).fit(events(weight=np.where(weight > 1, 3.0, -0.1)), given=["mass"], seed=1)


def test_a_generator_is_kept_to_the_bit(conditional, tmp_path):
    save_weights(tmp_path / "generator.safetensors", conditional)
    found = load_weights(tmp_path / "generator.safetensors", Generator)
    one, other = (each.generate(100, seed=5) for each in (conditional, found))
    np.testing.assert_array_equal(one.events.features, other.events.features)
    np.testing.assert_array_equal(one.events.weight, other.events.weight)
    assert found.quantities == conditional.quantities


def test_a_table_has_the_replica(trained, tmp_path):
    made = trained.generate(100, seed=2)
    hf.save_sample(made.table(), tmp_path / "made.parquet")
    found = Generated.of(hf.load_events(tmp_path / "made.parquet"))
    np.testing.assert_array_equal(found.replica, made.replica)
    np.testing.assert_array_equal(found.events.features, made.events.features)
    assert found.events.names == made.events.names
    with pytest.raises(InputError, match="no column 'replica'"):
        Generated.of(events())


def test_a_histogram_carries_the_error_of_the_training(trained):
    made = trained.generate(30_000, seed=2)
    found = made.expected(made.events["pt"], np.linspace(40, 110, 8))
    assert found.events.sum() == pytest.approx(900, rel=0.02)
    np.testing.assert_array_less(found.statistical, found.error)


@pytest.mark.parametrize(
    ("density", "given", "weight", "message"),
    [
        (small(2), (), None, "2 replicas; expected three or more"),
        (small(), ("pt", "mass", "eta"), None, "all columns are conditions"),
        (small(), (), np.zeros(900), "add up to 0"),
        (small(), ("m_jj",), None, "no feature 'm_jj'"),
    ],
)
def test_what_cannot_be_learned_is_refused(density, given, weight, message):
    with pytest.raises((ConfigError, InputError), match=message):
        Generator(density).fit(events(weight=weight), given=given, seed=1)


def test_nothing_is_made_of_nothing(trained):
    with pytest.raises(ConfigError, match="0 events; expected at least one"):
        trained.generate(0, seed=1)
    with pytest.raises(ConfigError, match="not been trained"):
        Generator(small()).generate(10, seed=1)


def test_fewer_events_take_smaller_steps():
    sizes = [replicas_density(events).plan.batch_size for events in (500, 4000, 20_000, 10**6)]
    assert sizes == [64, 100, 500, 512]
