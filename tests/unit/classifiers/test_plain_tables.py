"""Classifiers learn from plain tables as from samples, and say which columns do not match."""

import numpy as np
import pytest

from hepflow import Sample
from hepflow.classifiers import BoostedTrees, NeuralNetwork, table
from hepflow.errors import ConfigError, InputError
from hepflow.flows import TrainingPlan

PLAN = TrainingPlan(epochs=1, batch_size=100)
KINDS = {
    "trees": lambda **options: BoostedTrees(members=1, max_iter=3),
    "network": lambda **options: NeuralNetwork(members=1, hidden=(4,), plan=PLAN, **options),
}


@pytest.fixture(params=KINDS)
def make(request):
    return KINDS[request.param]


@pytest.fixture
def arrays():
    random = np.random.default_rng(1)
    return random.normal(0.5, 1, (400, 2)), random.normal(0, 1, (500, 2))


def named(x, names=("a", "b")):
    return Sample(np.zeros(len(x)), x, names)


def test_arrays_teach_what_samples_do(make, arrays):
    more, fewer = arrays
    wanted = make().fit(named(more), named(fewer), 1)
    bare = make().fit(more, fewer.tolist(), 1)
    scores = wanted.log_ratio(named(more[:9]))
    assert bare.names == ("x0", "x1")
    assert np.array_equal(bare.log_ratio(more[:9]), scores)
    assert np.array_equal(wanted.log_ratio(more[:9]), scores)  # by place, as no names are there
    frame = {"b": more[:9, 1], "a": more[:9, 0]}  # by name, in any order
    assert np.array_equal(wanted.log_ratio(frame), scores)
    mixed = make().fit({"a": more[:, 0], "b": more[:, 1]}, {"b": fewer[:, 1], "a": fewer[:, 0]}, 1)
    assert np.array_equal(mixed.log_ratio(named(more[:9])), scores)
    assert make().fit(more, named(fewer), 1).names == ("a", "b")


def test_weights_of_a_table_count(make, arrays):
    more, fewer = arrays
    weight = np.linspace(0.1, 2, len(more))
    columns = {"a": more[:, 0], "b": more[:, 1], "weight": weight}
    found = make().fit(columns, named(fewer), 1).log_ratio(fewer)
    expected = make().fit(Sample(np.zeros(400), more, ("a", "b"), weight), named(fewer), 1)
    assert np.array_equal(found, expected.log_ratio(fewer))
    assert not np.array_equal(found, make().fit(more, fewer, 1).log_ratio(fewer))


def test_columns_that_do_not_match(make, arrays):
    more, fewer = arrays
    with pytest.raises(
        ConfigError, match=r"numerator has the columns \('x0', 'x1'\), the denominator \('x0',\)"
    ):
        make().fit(more, fewer[:, :1], 1)
    with pytest.raises(
        ConfigError, match=r"columns \('a', 'b'\), the denominator \('b', 'a'\); expected the same"
    ):
        make().fit(named(more), named(fewer, ("b", "a")), 1)
    with pytest.raises(ConfigError, match=r"columns \('a', 'b'\), the denominator \('a', 'c'\)"):
        make().fit({"a": more[:, 0], "b": more[:, 1]}, {"a": fewer[:, 0], "c": fewer[:, 1]}, 1)
    trained = make().fit(more, fewer, 1)
    for other in (more[:, :1], np.hstack([more, more]), named(more)):
        with pytest.raises(ConfigError, match=r"trained on features \('x0', 'x1'\); got a sample with"):
            trained.log_ratio(other)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(400), r"a row for each event, \(N, D\); got float64 of shape \(400,\)"),
        ([["x", "y"]] * 400, r"expected numbers, a row for each event, \(N, D\); got <U1"),
        ([[1.0, 2.0], [3.0]], r"expected numbers, a row for each event, \(N, D\) \("),
        (np.full((400, 2), np.nan), "feature 'x0' holds NaN or infinite values"),
        (np.empty((0, 2)), "the weights of the two samples add up to 0 and 500"),
        ({"a": np.ones(4), "b": np.ones(5)}, "expected columns of one length"),
    ],
)
def test_what_is_no_table(make, arrays, bad, message):
    with pytest.raises((ConfigError, InputError), match=message):
        make().fit(bad, arrays[1], 1)


def test_a_table_has_no_mass(arrays):
    network = KINDS["network"](with_mass=True)
    with pytest.raises(ConfigError, match=r"a plain table has no mass; with_mass needs hepflow\.Sample"):
        network.fit(*arrays, 1)
    network.fit(named(arrays[0]), named(arrays[1]), 1)
    with pytest.raises(ConfigError, match="a plain table has no mass"):
        network.log_ratio(arrays[0])
    assert table(arrays[0]).mass.max() == 0
