"""Pairs of events at two levels: from one table, two, or by a key; and what is refused."""

import numpy as np
import pytest

import hepflow as hf
from hepflow.errors import ConfigError, InputError
from hepflow.unfolding import Pairs

ONE = {"truth": ["x"], "reco": ["y"]}
X = np.array([1.0, 2.0, 3.0, 4.0])


def test_one_table_holds_both_levels():
    table = {"x": X, "y": X + 0.1, "weight": 2 * np.ones(4), "seen": [1, 1, 1, 0]}
    pairs = Pairs.of(table, **ONE, pass_reco="seen")
    assert len(pairs) == 4
    assert pairs.efficiency == 0.75
    assert pairs.fake_share == 0.0
    assert list(pairs.misses) == [False, False, False, True]
    assert list(pairs.generated.weight) == [2.0] * 4
    assert list(pairs.reconstructed["y"]) == [1.1, 2.1, 3.1]


def test_fakes_are_reconstructed_and_not_generated():
    pairs = Pairs.of({"x": [1.0, 2.0, np.nan], "y": X[:3]}, **ONE, pass_truth=[1, 1, 0])
    assert list(pairs.fakes) == [False, False, True]
    assert pairs.fake_share == pytest.approx(1 / 3)


def test_events_of_two_tables_with_units():
    x = hf.Events(X[:, None], ("x",), weight=[1.0, 1, 1, 3], quantities=(hf.Quantity("x", unit="GeV"),))
    pairs = Pairs.of(x, hf.Events(X[:, None] + 1, ("y",)), **ONE)
    assert pairs.truth.quantity("x").unit == "GeV"
    assert list(pairs.weight) == [1, 1, 1, 3]


def keyed():
    generated = {"x": X, "run": [1, 1, 2, 2], "event": [1, 2, 1, 2], "w": [1.0, 2, 3, 4]}
    seen = {"y": [30.0, 10.0, 99.0], "run": [2, 1, 3], "event": [1, 1, 1], "w": [7.0, 8, 9]}
    return generated, seen


def test_keys_join_events_in_any_order():
    pairs = Pairs.of(*keyed(), **ONE, key=["run", "event"], weight="w", unmatched="keep")
    assert list(pairs.pass_truth) == [1, 1, 1, 1, 0]
    assert list(pairs.pass_reco) == [1, 0, 1, 0, 1]
    assert list(pairs.reco["y"][pairs.pass_reco]) == [10.0, 30.0, 99.0]
    assert list(pairs.weight) == [1, 2, 3, 4, 9]  # of the other table where there is no first
    assert dict(pairs.cutflow) == {
        "generated events without a reconstructed one, not reconstructed": 2,
        "reconstructed events without a generated one, fakes": 1,
    }


def test_keys_without_partner_are_dropped_when_asked():
    pairs = Pairs.of(*keyed(), **ONE, key=["run", "event"], unmatched="drop")
    assert list(pairs.truth["x"]) == [1.0, 3.0]
    assert list(pairs.reco["y"]) == [10.0, 30.0]
    assert sum(events for _, events in pairs.cutflow) == 3


def test_keys_are_as_exact_as_whole_numbers():
    large = 2**60 + np.arange(4)
    pairs = Pairs.of({"x": X, "k": large}, {"y": X[::-1], "k": large[::-1]}, **ONE, key="k")
    assert np.array_equal(pairs.truth["x"], pairs.reco["y"])


def test_negative_zero_weights_and_negative_ones_are_allowed_as_long_as_the_sum_is_positive():
    assert Pairs.of({"x": X, "y": X}, **ONE, weight=[1.0, -0.5, 1, 1]).efficiency == 1.0


@pytest.mark.parametrize(
    ("tables", "options", "message"),
    [
        (({"x": X}, {"y": X[:3]}), {}, "4 generated and 3 reconstructed events"),
        (({"x": X, "y": [1, np.nan, 2, 3]},), {}, "reconstructed column 'y' is NaN or infinite in 1 of 4"),
        (({"x": [1, np.inf, 2, 3], "y": X},), {}, "generated column 'x' is NaN or infinite in 1 of 4"),
        (({"x": X, "y": X},), {"pass_reco": [0, 0, 0, 0]}, "pass_reco passes none of 4"),
        (({"x": X, "y": X},), {"pass_truth": [1, 0, 0, 0], "pass_reco": [0, 1, 1, 1]}, "none is both"),
        (({"x": X, "y": X},), {"weight": [1, -1, 1, -1]}, "add up to 0"),
        (({"x": X, "y": X},), {"weight": [1, np.nan, 1, 1]}, "weight is NaN in 1 of 4"),
        (({"x": X, "y": X},), {"weight": "wait"}, "no column 'wait'"),
        (({"x": X, "y": X},), {"reco": ["z"]}, "no column 'z'"),
        (({"x": X, "y": X},), {"reco": "y"}, "expected a list of names"),
        (({"x": X, "y": X},), {"pass_reco": [1, 0]}, "a number for each of 4 events"),
        (({"x": X, "y": X},), {"key": "x"}, "a key joins two tables"),
        (keyed(), {"key": ["run", "event"]}, "2 of 4 generated events have no reconstructed one, and 1 of 3"),
        (keyed(), {"key": "run", "unmatched": "keep"}, "2 of 4 generated events have the key of another"),
        (keyed(), {"key": "evnt"}, "did you mean 'event'"),
        (keyed(), {"key": "event", "unmatched": "lose"}, "unmatched='lose'"),
        (keyed(), {"key": ["run", "event"], "weight": X}, "names of columns"),
        (({"x": X, "k": X + 0.5}, {"y": X, "k": X}), {"key": "k"}, "not whole"),
        (({"x": X, "k": X}, {"y": X, "k": X + 9}), {"key": "k", "unmatched": "keep"}, "none of 4 generated"),
    ],
)
def test_bad_input_is_named(tables, options, message):
    with pytest.raises((ConfigError, InputError), match=message):
        Pairs.of(*tables, **{**ONE, **options})
