"""Two-sample tests: which tables they take, what they refuse, and how they look."""

import numpy as np
import pytest
from made_up.layout import faults
from scipy import stats

import hepflow as hf
from hepflow import plots
from hepflow.errors import ConfigError, InputError
from hepflow.plots.label import Label
from hepflow.twosample import TESTS, ClassifierTest, MaximumMeanDiscrepancy, Statistic

QUICK = {"tests": ["ks", "frechet"], "replicas": 19, "seed": 1}


def rows(seed, events=200, columns=2):
    return np.random.default_rng(seed).normal(size=(events, columns))


@pytest.fixture(scope="module")
def found():
    names = ["m_J1", "dm_J", "tau21_J1"]
    return hf.two_sample(rows(1, 300, 3), rows(2, 250, 3) + 0.3, names=names, replicas=19, seed=1)


def test_tables_of_all_kinds():
    a, b = rows(1), rows(2)
    names, mass = ("pt", "eta"), np.full(200, 3500.0)
    whole = hf.two_sample(a, b, names=names, **QUICK)
    assert whole == hf.two_sample(hf.Sample(mass, a, names), hf.Sample(mass, b, names), **QUICK)
    assert whole == hf.two_sample(dict(zip(names, a.T, strict=True)), b, names=names, **QUICK)
    turned = {"eta": b[:, 1], "pt": b[:, 0], "other": b[:, 1]}
    assert whole == hf.two_sample(dict(zip(names, a.T, strict=True)), turned, names=names, **QUICK)
    swapped = {"eta": b[:, 1], "pt": b[:, 0]}
    assert whole == hf.two_sample(dict(zip(names, a.T, strict=True)), swapped, **QUICK)


def test_data_frames():
    pandas = pytest.importorskip("pandas")
    a, b = rows(1), rows(2)
    frames = [pandas.DataFrame(x, columns=["x0", "x1"]) for x in (a, b)]
    assert hf.two_sample(*frames, **QUICK) == hf.two_sample(a, b, **QUICK)


def test_weights():
    """Those of a sample are its own; what all events share does not count, and a zero is no event."""
    a, b = rows(1), rows(2)
    plain = hf.two_sample(a, b, **QUICK)
    assert hf.two_sample(a, b, weight_a=np.full(200, 0.25), **QUICK) == plain
    weight = np.random.default_rng(3).random(200)
    sample = hf.Sample(np.full(200, 3500.0), b, ("x0", "x1"), weight)
    assert hf.two_sample(a, sample, **QUICK) == hf.two_sample(a, b, weight_b=weight, **QUICK)
    assert sample.weight.sum() / plain.worth[1] < 1
    some = np.r_[np.ones(200), np.zeros(100)]
    longer = hf.two_sample(a, np.concatenate([b, rows(4, 100) + 9]), weight_b=some, **QUICK)
    for one in plain.differences:
        assert longer[one.test, one.feature].value == pytest.approx(one.value)
    lowest = np.concatenate([b.round(), np.full((100, 2), -9.0)])  # in a bin of their own
    values = hf.two_sample(a.round(), lowest, weight_b=some, tests=["chi2"], replicas=19, seed=1)
    assert all(np.isfinite(one.value) for one in values.differences)
    assert longer.worth == pytest.approx((200, 200))


def test_events_without_a_resonance():
    a, b, weight = rows(1), rows(2), np.arange(200) + 1.0
    one, other = hf.Events(a, ("pt", "eta"), weight), hf.Events(b[:, ::-1], ("eta", "pt"), weight)
    found = hf.two_sample(one, other, **QUICK)
    assert found == hf.two_sample(a, b, weight_a=weight, weight_b=weight, names=("pt", "eta"), **QUICK)


def test_negative_weights():
    """As of simulation at next-to-leading order: events taken back, here all those at two."""
    a, b = rows(1, 1500), rows(2, 1500)
    extra = np.full((400, 2), 2.0)
    weight = np.r_[np.ones(1900), -np.ones(400)]
    taken_back = np.concatenate([b, extra, extra])
    found = hf.two_sample(a, taken_back, weight_b=weight, replicas=19, seed=1)
    assert all(np.isfinite((one.value, one.error, one.p_value)).all() for one in found.differences)
    same = hf.two_sample(a, b, tests=["wasserstein"], replicas=19, seed=1)["Wasserstein", "x0"]
    assert found["Wasserstein", "x0"].value == pytest.approx(same.value)
    assert found["Wasserstein", "x0"].error > same.error


def test_seeds():
    a, b = rows(1, 300), rows(2, 300)
    one, same, other = (hf.two_sample(a, b, replicas=19, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_discrete_columns():
    a, b = rows(1).round(), rows(2).round()
    found = hf.two_sample(a, b, replicas=19, seed=1)
    assert all(np.isfinite((one.value, one.p_value)).all() for one in found.differences)
    a, b = (a > 0).astype(float), (b > 1).astype(float)
    two = hf.two_sample(a, b, tests=["chi2"], replicas=19, seed=1)["chi2 / ndf", "x0"]
    theirs = stats.chi2_contingency([np.bincount(x[:, 0].astype(int)) for x in (a, b)], correction=False)
    assert (two.value, two.p_value) == pytest.approx((theirs.statistic, theirs.pvalue))


def test_a_column_of_one_value_in_one_sample():
    a, b = rows(1), rows(2)
    b[:, 1] = 0.0
    found = hf.two_sample(a, b, replicas=19, seed=1)
    assert found["Kolmogorov-Smirnov", "x1"].beyond
    assert found["chi2 / ndf", "x1"].p_value < 1e-6
    assert all(np.isfinite((one.value, one.p_value)).all() for one in found.differences)


def test_one_feature():
    found = hf.two_sample(rows(1, columns=1), rows(2, columns=1), replicas=19, seed=1)
    assert "sliced Wasserstein" not in {one.test for one in found.differences}
    assert len(found.differences) == 8


def test_few_events_need_no_classifier():
    found = hf.two_sample(rows(1, 60), rows(2, 60), replicas=19, seed=1)
    assert "classifier" not in {one.test for one in found.differences}


def test_a_statistic_of_ones_own():
    class Mean(Statistic):
        label = "mean"

        def prepare(self, pooled, seed):
            return lambda u, v: np.abs(pooled.x[:, 0] @ (u - v))

    a, b = rows(1), rows(2)
    found = hf.two_sample(a, b, tests=[Mean()], replicas=19, seed=1)["mean"]
    assert found.value == pytest.approx(abs(a[:, 0].mean() - b[:, 0].mean()))


def bad(x, column, value):
    x = x.copy()
    x[3:5, column] = value
    return x


@pytest.mark.parametrize(
    ("a", "b", "options", "error", "message"),
    [
        (rows(1), rows(2, columns=3), {}, ConfigError, "different columns: 'x0', 'x1' and 'x0', 'x1', 'x2'"),
        ({"pt": rows(1)[:, 0]}, {"p_t": rows(2)[:, 0]}, {}, ConfigError, "different columns: 'pt' and 'p_t'"),
        ({"pt": rows(1)[:, 0]}, rows(2), {"names": ["eta"]}, ConfigError, r"has no column \['eta'\]"),
        ({"a": np.ones(60), "b": np.ones(70)}, rows(2), {}, ConfigError, "different lengths"),
        (
            {"a": np.array(["x"] * 60)},
            rows(2),
            {},
            ConfigError,
            "column 'a' of the first sample holds no plain",
        ),
        ({"a": rows(1)}, rows(2), {}, ConfigError, "expected one number for each event in column 'a'"),
        (rows(1)[:, 0], rows(2), {}, ConfigError, r"x\[:, None\] in the first sample; got shape \(200,\)"),
        (rows(1), rows(2), {"names": ["a"]}, ConfigError, "2 columns; expected as many names"),
        (rows(1), rows(2), {"names": ["a", "a"]}, ConfigError, "each once"),
        (
            rows(1),
            bad(rows(2), 1, np.nan),
            {},
            InputError,
            "'x1' is NaN or infinite in 0 events of the first and 2",
        ),
        (
            bad(rows(1), 0, np.inf),
            rows(2),
            {},
            InputError,
            "'x0' is NaN or infinite in 2 events of the first and 0",
        ),
        (np.ones((200, 1)), np.ones((100, 1)), {}, InputError, "'x0' is 1 in every event of both samples"),
        (rows(1, 49), rows(2), {}, InputError, "first sample has 49 events which is too few"),
        (rows(1, 0), rows(2), {}, InputError, "first sample has 0 events"),
        (rows(1), rows(2), {"weight_b": np.ones(3)}, ConfigError, "3 weights for 200 events of the second"),
        (rows(1), rows(2), {"weight_b": -np.ones(200)}, InputError, "second sample add up to -200"),
        (rows(1), rows(2), {"weight_a": np.full(200, np.nan)}, InputError, "200 of 200 weights of the first"),
        (
            rows(1),
            rows(2),
            {"weight_a": np.r_[1e3, np.ones(199)]},
            InputError,
            "worth 1.44, which is too few",
        ),
        (rows(1), rows(2), {"weight_a": np.zeros(200)}, InputError, "worth 0, which is too few"),
        (rows(1), rows(2), {"tests": ["kss"]}, ConfigError, "no test 'kss'; did you mean 'ks'"),
        (rows(1), rows(2), {"tests": "ks"}, ConfigError, "expected a list"),
        (rows(1), rows(2), {"tests": []}, ConfigError, "expected a list"),
        (
            rows(1)[:, :1],
            rows(2)[:, :1],
            {"tests": ["correlations"]},
            ConfigError,
            "needs 2 features or more",
        ),
        (rows(1, 199), rows(2), {"tests": ["classifier"]}, InputError, "there are 199 and 200"),
        (rows(1), rows(2), {"replicas": 5}, ConfigError, "5 replicas; expected 19 or more"),
    ],
)
def test_bad_input(a, b, options, error, message):
    with pytest.raises(error, match=message):
        hf.two_sample(a, b, **{**QUICK, **options})


def test_bad_settings():
    with pytest.raises(ConfigError, match="score 'loss'; expected 'auc'"):
        ClassifierTest(score="loss")
    with pytest.raises(ConfigError, match="1 folds"):
        ClassifierTest(folds=1)
    with pytest.raises(ConfigError, match="width above zero"):
        MaximumMeanDiscrepancy(width=0.0)
    weight = np.random.default_rng(1).random(200)
    with pytest.raises(ConfigError, match="use folds=None"):
        hf.two_sample(rows(1), rows(2), weight_a=weight, tests=[ClassifierTest(folds=2)], seed=1)


def test_the_table(found):
    lines = repr(found).splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("TwoSample: 300 and 250 events, 20 tests, global p < 0.05")
    assert lines[1].split() == ["test", "feature", "value", "same", "p"]
    assert lines[-1] == "and 13 of larger p: see text()"
    assert len(found.text().splitlines()) == 22
    html = found._repr_html_()
    assert html.count("<tr>") == 21
    assert "&lt; 0.05" in html
    short = hf.two_sample(rows(1), rows(2), weight_a=np.random.default_rng(1).random(200), **QUICK)
    assert repr(short) == short.text()
    assert "200 (worth 15" in repr(short)


def test_one_of_the_table(found):
    assert found["Frechet"].feature is None
    assert found["Wasserstein", "dm_J"].feature == "dm_J"
    with pytest.raises(KeyError, match="no test 'Fréchet'; there are"):
        found["Fréchet"]


def test_every_test_has_a_name_of_its_own():
    labels = [kind.label for kind in TESTS.values()]
    assert len(set(labels)) == len(labels) == 10


@pytest.mark.parametrize("label", ["hepflow", Label("CMS", "Preliminary", luminosity=138, energy=13)])
def test_the_figure(found, label):
    assert faults(plots.two_sample(found, label=label)) == []


def test_the_figure_of_one_test():
    one = hf.two_sample(rows(1), rows(2) + 9, tests=["ks"], names=["a_long_name_of_a_feature", "$b"], seed=1)
    assert faults(plots.two_sample(one)) == []
