"""Event subtraction: differences of known densities, what must add up, and what is refused."""

import numpy as np
import pytest

import hepflow as hf
from hepflow.classifiers import BoostedTrees, SmoothRatio
from hepflow.errors import ConfigError, InputError

EDGES = np.geomspace(1, 200, 21)
TRUTH = 0.01 * np.diff(EDGES)
FLAT, FALLING = 1.99, np.log(200)


def spectra(events, seed):
    """Return ``1/x + 0.01`` and ``1/x`` on [1, 200] with their integrals as yields."""
    random = np.random.default_rng(seed)
    falling = np.exp(FALLING * random.random((2, events)))
    flat = random.random(events) < FLAT / (FLAT + FALLING)
    both = np.where(flat, 1 + 199 * random.random(events), falling[0])
    return (
        {"x": both, "weight": np.full(events, (FLAT + FALLING) / events)},
        {"x": falling[1], "weight": np.full(events, FALLING / events)},
    )


def boxes(events, seed, extra=0.5):
    """Return normal events of two correlated columns with more of them in a corner, and without."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(2 * events, 2))
    more = random.normal(1.0, 0.5, (int(extra * events), 2))
    return np.concatenate([x[:events], more]), x[events:]


@pytest.fixture(scope="module")
def hard():
    return hf.subtract(*spectra(10_000, 3), replicas=5, seed=1)


def test_the_difference_is_that_of_the_densities_with_less_noise_than_counting(hard):
    found = hard.histogram(EDGES)
    off, counting = found.values - TRUTH, found.binned - TRUTH
    assert np.sqrt(np.mean((off / found.binned_error) ** 2)) < 0.75
    assert np.sqrt(np.mean((off / found.binned_error) ** 2)) < np.sqrt(
        np.mean((counting / found.binned_error) ** 2)
    )
    assert np.sqrt(np.mean((off / found.error) ** 2)) < 2
    assert np.all(found.error > 0)
    assert found.covariance.shape == (20, 20)
    np.testing.assert_allclose(found.covariance, found.covariance.T)


def test_totals_are_kept_exactly(hard):
    assert hard.total == pytest.approx(FLAT, rel=1e-9)
    found = hard.histogram([1, 200], "x")
    assert found.values[0] == pytest.approx(found.binned[0], rel=1e-9)
    assert found.outside == pytest.approx(0, abs=1e-9)
    assert hard.normalisation == pytest.approx(1, abs=0.01)
    assert 0 < hard.effective_size <= 10_000
    assert hard.histogram([1, 100]).outside > 0.4


def test_positive_events_keep_the_difference_and_count_what_is_left_out(hard):
    events = hard.positive(1)
    assert np.ptp(events.weight) == 0
    assert events.weight[0] > 0
    assert events.weight.sum() == pytest.approx(FLAT)
    assert len(events) + sum(number for _, number in events.cutflow) == 10_000
    counted = np.histogram(events["x"], [1, 100, 200], weights=events.weight)[0]
    np.testing.assert_allclose(counted, [0.99, 1.0], atol=0.12)
    again = hard.positive(1)
    np.testing.assert_array_equal(events["x"], again["x"])


def test_the_same_seed_gives_the_same_weights_and_scales_are_respected():
    both, minus = spectra(1000, 1)
    first, second = (hf.subtract(both, minus, replicas=2, seed=4) for _ in range(2))
    np.testing.assert_array_equal(first.replicas, second.replicas)
    scaled = [{**one, "weight": 1000 * one["weight"]} for one in (both, minus)]
    third = hf.subtract(*scaled, replicas=2, seed=4)
    np.testing.assert_allclose(third.events.weight, 1000 * first.events.weight, rtol=1e-6, atol=1e-6)


def test_two_columns_at_once_and_expressions_of_them():
    both, minus = boxes(3000, 1)
    found = hf.subtract(both, minus, names=["a", "b"], replicas=4, seed=1)
    assert found.total == pytest.approx(1500)
    histogram = found.histogram([-6, 0, 1, 2, 3, 9], "a + b")
    wide = np.random.default_rng(9).normal(1.0, 0.5, (200_000, 2)).sum(axis=1)
    truth = np.histogram(wide, [-6, 0, 1, 2, 3, 9])[0] * (1500 / 200_000)
    assert np.all(np.abs(histogram.values - truth) < 4 * np.hypot(histogram.error, 15))
    assert "difference" in histogram.text()
    with pytest.raises(ConfigError, match="which column"):
        found.histogram([0, 1])
    with pytest.raises(ConfigError, match="no column 'c'"):
        found.histogram([0, 1], "a + c")
    with pytest.raises(ConfigError, match="rising edges"):
        found.histogram([1, 0], "a")


def test_tables_of_every_kind_are_the_same_and_the_mass_of_a_sample_is_a_column():
    both, minus = boxes(500, 1)
    plain = hf.subtract(both, minus, names=["m_jj", "b"], replicas=2, seed=1)
    samples = [hf.Sample(x[:, 0], x[:, 1:], ("b",)) for x in (both, minus)]
    frames = [{"m_jj": x[:, 0], "b": x[:, 1]} for x in (both, minus)]
    turned = [frames[0], {"b": minus[:, 1], "m_jj": minus[:, 0]}]
    for one in (samples, frames, turned):
        again = hf.subtract(*one, replicas=2, seed=1)
        np.testing.assert_array_equal(again.events.weight, plain.events.weight)


def test_trees_are_cross_fitted():
    both, minus = boxes(400, 2)
    trees = BoostedTrees(members=1, max_iter=5, min_samples_leaf=20)
    found = hf.subtract(both, minus, ratio=trees, folds=2, replicas=2, seed=1)
    assert found.total == pytest.approx(200)
    assert found.others is None


def test_negative_weights_of_the_input_are_respected_but_not_drawn():
    both, minus = boxes(1000, 1)
    random = np.random.default_rng(2)
    signs = np.where(random.random(len(both)) < 0.1, -1.0, 1.0)
    one = hf.Events(both, ("a", "b"), signs / signs.mean())
    found = hf.subtract(one, hf.Events(minus, ("a", "b")), replicas=3, seed=1)
    assert found.total == pytest.approx(500)
    with pytest.raises(InputError, match="negative weights themselves"):
        found.positive(1)


def test_a_region_with_more_subtracted_than_there_is_cannot_be_made_positive():
    random = np.random.default_rng(1)
    both = np.concatenate([random.normal(-1, 0.5, (6000, 1)), random.normal(1, 0.5, (2000, 1))])
    minus = np.concatenate([random.normal(-1, 0.5, (2000, 1)), random.normal(1, 0.5, (4000, 1))])
    found = hf.subtract(both, minus, replicas=4, seed=1)
    assert found.negative_share < -0.5
    with pytest.raises(InputError, match=r"negative in a whole region.*more is subtracted than there is"):
        found.positive(1)


def change(column, rows=slice(None), of=0):
    def changed(both, minus):
        (both, minus)[of][rows, 0] = column
        return both, minus

    return changed


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (change(np.nan, 3), InputError, "'x0' of `both` is NaN or infinite in 1 of"),
        (change(np.inf, 3, 1), InputError, "'x0' of `minus` is NaN or infinite in 1 of"),
        (change(2.0), InputError, "'x0' is 2 in all events of `both`"),
        (change(50.0, slice(50), 1), InputError, "lies beyond all events of `both` in 'x0'"),
        (lambda b, s: (b, s[:, :1]), ConfigError, "different columns"),
        (lambda b, s: (b[:100], s[:90]), InputError, "`both` has 100 events"),
        (lambda b, s: (s, b), InputError, "`minus` add up to 600, those of `both` to 400: nothing is left"),
        (lambda b, s: (b, hf.Events(s, ("x0", "x1"), -np.ones(400))), InputError, "`minus` add up to -400"),
        (lambda b, s: (hf.Events(b, ("x0", "x1"), np.zeros(600)), s), InputError, "`both` add up to 0"),
        (
            lambda b, s: (np.round(b, 3), s),
            InputError,
            "has 3 decimals in the `both` sample and all digits in the `minus` one",
        ),
        (lambda b, s: (b, s.astype(str)), ConfigError, "expected numbers"),
        (lambda b, s: (b[:, 0], s[:, 0]), ConfigError, r"x\[:, None\]"),
    ],
)
def test_what_cannot_be_subtracted_is_refused(spoil, error, message):
    both, minus = spoil(*boxes(400, 1))
    with pytest.raises(error, match=message):
        hf.subtract(both, minus, replicas=2, seed=1)


def test_arguments_are_checked():
    both, minus = boxes(400, 1)
    for wrong, message in (
        ({"replicas": 1}, "1 replicas"),
        ({"folds": 1}, "1 folds"),
        ({"names": ["a"]}, "2 columns; got 1 names"),
        ({"names": ["a", "a"]}, "each once"),
    ):
        with pytest.raises(ConfigError, match=message):
            hf.subtract(both, minus, seed=1, **wrong)
    with pytest.raises(ConfigError, match="no column 'z' in `both`"):
        hf.subtract({"a": both[:, 0]}, {"a": minus[:, 0]}, names=["z"], seed=1)


def test_a_ratio_of_ones_own_stiffness_is_taken(hard):
    stiff = hf.subtract(*spectra(1000, 1), ratio=SmoothRatio(degree=3, ridge=1e6), replicas=2, seed=1)
    assert np.ptp(stiff.events.weight) < np.ptp(hard.events.weight) * 10


def test_the_figure_has_all_parts(hard):
    found = hard.histogram(EDGES)
    figure = hf.plots.subtraction(found, truth=TRUTH)
    assert [ax.get_xscale() for ax in figure.canvas.axes] == ["log"] * 3
    assert figure.encode("png")
    few = hard.histogram(np.linspace(1, 200, 9))
    figure = hf.plots.subtraction(few)  # without the truth: over the error of counting
    pulls = figure.canvas.axes[-1].patches[0].get_data().values
    np.testing.assert_allclose(pulls, (few.values - few.binned) / few.binned_error)
    with pytest.raises(ConfigError, match="truth of shape"):
        hf.plots.subtraction(found, truth=TRUTH[:3])
