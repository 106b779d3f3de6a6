"""Sample: shapes, selections, tables, and injected signal."""

import sys

import awkward as ak
import numpy as np
import pytest

from hepflow.errors import ConfigError
from hepflow.sample import Sample, add_cutflows, inject


def make(events, label=None, start=0, **options):
    mass = 1000.0 + start + np.arange(events)
    table = np.stack([mass / 10, mass / 100], axis=1)
    return Sample(mass, table, ("a", "b"), label=None if label is None else np.full(events, label), **options)


def test_defaults_and_types():
    sample = Sample([1, 2], [[3], [4]], ["x"], label=[0, 1])
    assert (sample.mass.dtype, sample.features.dtype, sample.label.dtype) == (np.float64, np.float64, np.int8)
    assert sample.weight.tolist() == [1.0, 1.0]
    assert sample.names == ("x",)
    assert len(sample) == 2
    with pytest.raises(AttributeError):
        sample.mass = None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ([1.0], [[1.0, 2.0]], ("a",)),
            r"expected mass \(N,\) and features \(N, 1\).*got \(1,\) and \(1, 2\)",
        ),
        (([[1.0]], [[1.0]], ("a",)), r"got \(1, 1\) and \(1, 1\)"),
        (([1.0], [[1.0]], ("a",), [1.0, 2.0]), r"expected weight of shape \(1,\); got \(2,\)"),
        (([1.0], [[1.0]], ("a",), [1.0], [0, 1]), r"expected label of shape \(1,\); got \(2,\)"),
        (([1.0, np.nan], [[1.0], [1.0]], ("a",)), r"mass of event 1 is nan, and 1 of 2 are NaN or infinite"),
        (([np.inf, np.nan], [[1.0], [1.0]], ("a",)), r"mass of event 0 is inf, and 2 of 2 are NaN"),
    ],
)
def test_shapes_must_agree(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Sample(*arguments)


def test_one_feature_by_name():
    assert make(3).feature("b").tolist() == [10.0, 10.01, 10.02]
    with pytest.raises(ConfigError, match="no feature 'c' in this sample: known: 'a', 'b'"):
        make(3).feature("c")


def test_text_for_people():
    assert repr(make(3, 1)) == "Sample(3 events, 1000-1002 GeV, features a, b, 3 signal by truth)"
    assert repr(make(0)) == "Sample(0 events, features a, b)"


@pytest.mark.parametrize("rows", [[True, False, True], slice(0, 3, 2), [0, 2], np.array([0, 2])])
def test_select(rows):
    chosen = make(3, 1, weight=np.array([1.0, 2.0, 3.0]), cutflow=(("events read", 3),)).select(rows)
    assert chosen.mass.tolist() == [1000.0, 1002.0]
    assert chosen.weight.tolist() == [1.0, 3.0]
    assert chosen.label.tolist() == [1, 1]
    assert chosen.cutflow == (("events read", 3),)


def test_window_is_half_open():
    assert make(5).window(1001, 1003).mass.tolist() == [1001.0, 1002.0]


def test_without_truth():
    assert make(2, 1).without_truth().label is None


def test_concat_joins_rows_and_cutflows():
    steps = (("events read", 2), ("events kept", 2))
    both = Sample.concat(
        [make(2, 0, cutflow=steps), make(3, 1, start=10, cutflow=(*steps[:1], ("dropped: x", 1)))]
    )
    assert both.mass.tolist() == [1000.0, 1001.0, 1010.0, 1011.0, 1012.0]
    assert both.label.tolist() == [0, 0, 1, 1, 1]
    assert both.cutflow == (("events read", 4), ("events kept", 2), ("dropped: x", 1))
    assert Sample.concat([make(2, 0), make(2)]).label is None  # not all know the truth


def test_concat_refuses_what_does_not_fit():
    with pytest.raises(ConfigError, match="nothing to join"):
        Sample.concat([])
    with pytest.raises(ConfigError, match=r"features \('c',\) differ from \('a', 'b'\)"):
        Sample.concat([make(1), Sample([1.0], [[1.0]], ("c",))])


def test_add_cutflows_keeps_the_order():
    assert add_cutflows([(("a", 1), ("b", 2)), (("c", 3), ("a", 4))]) == (("a", 5), ("b", 2), ("c", 3))
    assert add_cutflows([]) == ()


def test_to_awkward():
    events = make(2, 1).to_awkward()
    assert ak.fields(events) == ["m_jj", "a", "b", "weight", "label"]
    assert events["a"].tolist() == [100.0, 100.1]
    assert "label" not in ak.fields(make(2).to_awkward())


def test_inject():
    data, signal = make(50, 0, cutflow=(("events read", 60),)), make(20, 1, start=500)
    mixed, rest = inject(signal, data, 7, seed=3)
    assert (len(mixed), int(mixed.label.sum()), len(rest)) == (57, 7, 13)
    assert mixed.cutflow == data.cutflow
    together = np.concatenate([mixed.mass[mixed.label == 1], rest.mass])
    assert sorted(together) == signal.mass.tolist()  # no signal event in both, none lost
    assert (np.diff(rest.mass) > 0).all()
    assert not (np.diff(mixed.mass[mixed.label == 0]) > 0).all()  # shuffled
    again, other = inject(signal, data, 7, seed=3)[0], inject(signal, data, 7, seed=4)[0]
    assert np.array_equal(mixed.mass, again.mass)
    assert not np.array_equal(mixed.mass, other.mass)
    assert inject(signal, data, 0, seed=1)[0].label.sum() == 0


@pytest.mark.parametrize("events", [-1, 20, 21])
def test_inject_keeps_some_signal(events):
    with pytest.raises(ConfigError, match=rf"cannot inject {events} events.* ask for 0 to 19"):
        inject(make(20, 1), make(5, 0), events, seed=1)


@pytest.mark.parametrize("events", [1, 7, 19])
@pytest.mark.parametrize("weighted", [False, True])
def test_what_is_not_injected_stands_for_the_injected_yield(events, weighted):
    weight = np.linspace(0.1, 2, 20) if weighted else np.ones(20)
    signal = make(20, 1, start=500, weight=weight)
    mixed, rest = inject(signal, make(50, 0), events, seed=3)
    assert rest.weight.sum() == pytest.approx(events)
    assert (mixed.weight == 1).all()
    if len(rest) > 1:  # relative weights stay
        kept = weight[np.isin(signal.mass, rest.mass)]
        np.testing.assert_allclose(rest.weight / rest.weight[0], kept / kept[0])
    assert not set(mixed.mass[mixed.label == 1]) & set(rest.mass)


def test_nothing_injected_leaves_the_signal_as_it_is():
    signal = make(20, 1, start=500, weight=np.linspace(0.1, 2, 20))
    mixed, rest = inject(signal, make(50, 0), 0, seed=3)
    assert np.array_equal(rest.mass, signal.mass)
    assert np.array_equal(rest.weight, signal.weight)
    assert sorted(mixed.mass) == make(50).mass.tolist()


def test_the_seed_decides_which_signal_is_injected():
    signal, data = make(200, 1, start=500), make(50, 0)
    one, same, other = (inject(signal, data, 20, seed=seed)[1].mass for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert 0.7 < len(np.intersect1d(one, other)) / len(one) < 0.99  # another subset, not a neighbouring one


def test_features_and_weights_stay_with_their_events():
    weight = np.arange(1.0, 51.0)
    mixed, _ = inject(make(20, 1, start=500), make(50, 0, weight=weight), 7, seed=3)
    np.testing.assert_allclose(mixed.features[:, 0], mixed.mass / 10)
    assert np.array_equal(mixed.weight[mixed.label == 0], mixed.mass[mixed.label == 0] - 999.0)


def test_columns_and_events_are_had_as_in_a_table():
    sample = Sample(
        np.array([3.0, 1.0, 2.0]), np.arange(6.0).reshape(3, 2), ("a", "b"), label=np.array([0, 1, 0])
    )
    np.testing.assert_array_equal(sample["b"], [1, 3, 5])
    np.testing.assert_array_equal(sample["m_jj"], [3, 1, 2])
    np.testing.assert_array_equal(sample["weight"], [1, 1, 1])
    np.testing.assert_array_equal(sample["label"], [0, 1, 0])
    assert sample[:2].mass.tolist() == [3, 1]
    assert sample[sample["m_jj"] > 1].mass.tolist() == [3, 2]
    assert sample[[2, 0]].mass.tolist() == [2, 3]
    assert sample[-1].mass.tolist() == [2]
    np.testing.assert_array_equal(np.asarray(sample), sample.features)
    assert np.asarray(sample, dtype=np.float32).dtype == np.float32
    with pytest.raises(ConfigError, match="no column 'c' in this sample"):
        sample["c"]
    with pytest.raises(IndexError, match="event 3 of 3"):
        sample[3]
    with pytest.raises(TypeError, match="not iterable"):
        iter(sample)


class Frame(dict):
    """As pandas has it: columns, each an array by its name."""

    columns = ("m_jj", "a", "weight")


COLUMNS = {"m_jj": [3.0, 1.0], "a": [0.5, 0.25], "weight": [2.0, 1.0]}
STRUCTURED = np.array([(3.0, 0.5, 2.0), (1.0, 0.25, 1.0)], dtype=[(name, float) for name in COLUMNS])


@pytest.mark.parametrize("table", [COLUMNS, Frame(COLUMNS), ak.zip(COLUMNS), STRUCTURED])
def test_from_tables(table):
    sample = Sample.of(table)
    assert sample.names == ("a",)
    assert (sample.mass.tolist(), sample["a"].tolist()) == ([3, 1], [0.5, 0.25])
    assert (sample.weight.tolist(), sample.label) == ([2, 1], None)
    again = Sample.of(sample.to_awkward())
    np.testing.assert_array_equal(again.features, sample.features)


def test_columns_may_be_chosen():
    sample = Sample.of({"mass": [3.0], "b": [1.0], "a": [2.0]}, ["a"], mass="mass")
    assert (sample.names, sample.mass.tolist()) == (("a",), [3.0])


def test_what_is_no_table():
    for table, message in (
        ({"m_j": [1.0]}, "no column 'm_jj'"),
        ({"m_jj": [1.0], "a": [[1.0, 2.0]]}, "column 'a' does not hold one number"),
        ({"m_jj": [1.0], "a": ["x"]}, "column 'a' does not hold one number"),
        ({"m_jj": [1.0], "a": [1.0, 2.0]}, "different lengths"),
        (np.zeros((3, 2)), "expects a table with named columns"),
    ):
        with pytest.raises(ConfigError, match=message):
            Sample.of(table)


def test_to_pandas():
    pandas = pytest.importorskip("pandas")
    sample = Sample.of(COLUMNS)
    frame = sample.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["m_jj", "a", "weight"]
    np.testing.assert_array_equal(Sample.of(frame).features, sample.features)


def test_to_pandas_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match="pip install pandas"):
        Sample.of(COLUMNS).to_pandas()
