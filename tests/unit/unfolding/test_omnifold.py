"""OmniFold: known answers with efficiency and fakes, errors, files, and what is refused."""

import h5py
import numpy as np
import pytest

import hepflow as hf
from hepflow.classifiers import BoostedTrees, SmoothRatio
from hepflow.errors import CheckError, ConfigError, InputError
from hepflow.unfolding import OmniFold, Pairs, load_unfolded, refolded, save_unfolded

EDGES = np.linspace(-1.5, 2.0, 8)
QUICK = SmoothRatio(4, moments=True)


@pytest.fixture(scope="module")
def unfolded(case):
    pairs, data, _ = case
    return OmniFold(QUICK, replicas=5).unfold(pairs, data, seed=1)


def moments(found):
    events = found.events
    mean = np.average(events["x"], weights=events.weight)
    return mean, np.sqrt(np.average((events["x"] - mean) ** 2, weights=events.weight))


def test_truth_is_found_though_efficiency_and_fakes_differ(unfolded, case):
    _, _, true = case
    mean, width = moments(unfolded.at(5))
    assert mean == pytest.approx(true.mean(), abs=0.05)
    assert width == pytest.approx(true.std(), abs=0.05)
    assert unfolded.total == pytest.approx(len(true), rel=0.03)


def test_weights_belong_to_generated_events_alone(unfolded):
    assert unfolded.weights.shape == (5, len(unfolded.pairs))
    assert unfolded.replicas.shape == (5, 5, len(unfolded.pairs))
    assert not unfolded.weights[:, unfolded.pairs.fakes].any()
    assert (unfolded.weights[:, unfolded.pairs.misses] > 0).all()  # they get what those seen get


def test_histograms_have_errors_of_counting_size(unfolded, case):
    found = unfolded.histogram(EDGES, "x")
    expected = np.histogram(case[2], EDGES)[0]
    assert np.all(np.abs(found.values - expected) < 6 * np.hypot(found.error, np.sqrt(expected)))
    assert np.all((found.error > 0.5 * np.sqrt(expected)) & (found.error < 8 * np.sqrt(expected)))
    assert np.linalg.eigvalsh(found.covariance).min() > 0
    assert found.correlation[0, 0] == 1
    assert len(found.text().splitlines()) == len(EDGES)


def test_any_later_observable_can_be_histogrammed(unfolded):
    squares = unfolded.histogram([0.0, 1.0, 4.0], "x**2")
    x = np.nan_to_num(unfolded.pairs.truth["x"])
    assert np.allclose(unfolded.histogram([0.0, 1.0, 4.0], x**2).values, squares.values)
    assert np.allclose(unfolded.histogram([-9.0, 9.0], iteration=2).values, unfolded.weights[1].sum())
    with pytest.raises(ConfigError, match="no column 'z'"):
        unfolded.histogram(EDGES, "z + 1")
    with pytest.raises(ConfigError, match="rising edges"):
        unfolded.histogram([1.0, 1.0], "x")
    with pytest.raises(ConfigError, match="iteration 6; expected 1 to 5"):
        unfolded.histogram(EDGES, iteration=6)


def test_the_trade_off_is_recorded_and_stops(unfolded):
    steps = unfolded.iterations
    assert steps[0].change > steps[-1].change
    assert steps[0].distance > steps[-1].distance
    assert 2 <= unfolded.iteration <= 5
    assert "(chosen)" in unfolded.text()


def test_reweighted_simulation_looks_like_data(unfolded, case):
    _, data, _ = case
    before = unfolded.pairs
    after = refolded(unfolded.at(5), data, np.linspace(-2, 2.5, 10))
    assert after.p_value > 1e-3
    as_it_was = np.histogram(before.reconstructed["y"], after.edges)[0]
    away = [np.sum((found - after.expected) ** 2) for found in (as_it_was, after.found)]
    assert away[0] > 8 * away[1]


def test_models_weigh_other_events_alike(unfolded):
    pairs = unfolded.pairs
    factor = unfolded.models.factor(pairs.generated, unfolded.iteration - 1)
    assert np.allclose(factor * pairs.generated.weight, unfolded.weight[pairs.pass_truth])


def test_fakes_may_be_modelled(case):
    pairs, data, true = case
    found = OmniFold(QUICK, fakes="model", replicas=0, iterations=8).unfold(pairs, data, seed=1)
    assert found.total == pytest.approx(len(true), rel=0.04)


def test_weights_of_the_simulation_count(case):
    pairs, data, _ = case
    double = OmniFold(QUICK, replicas=0, iterations=2)
    events = {**data, "weight": 2 * np.ones(len(data["y"]))}
    once = double.unfold(pairs, data, seed=1)
    twice = double.unfold(pairs.weighted(2.0), events, seed=1)
    assert np.allclose(twice.weight, 2 * once.weight, rtol=1e-3)


def test_trees_may_take_the_place_of_the_smooth_ratio():
    random = np.random.default_rng(3)
    x, true = random.normal(0, 1, 4000), random.normal(0.4, 1, 4000)
    pairs = Pairs.of({"x": x, "y": x + random.normal(0, 0.2, 4000)}, truth=["x"], reco=["y"])
    trees = BoostedTrees(members=2)
    found = OmniFold(trees, replicas=0).unfold(pairs, true + random.normal(0, 0.2, 4000), seed=1)
    assert moments(found)[0] == pytest.approx(0.4, abs=0.13)  # of few events, trees learn less


def test_files_give_back_what_was_written(unfolded, tmp_path):
    path, models = tmp_path / "u.h5", tmp_path / "u.safetensors"
    save_unfolded(unfolded, path, models)
    back = load_unfolded(path, models)
    assert np.array_equal(back.weights, unfolded.weights)
    assert np.array_equal(back.replicas, unfolded.replicas)
    assert back.iterations == unfolded.iterations
    assert back.iteration == unfolded.iteration
    events = unfolded.pairs.generated
    assert np.array_equal(back.models.factor(events), unfolded.models.factor(events))
    with h5py.File(path) as file:
        assert np.array_equal(file["weights_nominal"][:], unfolded.weight)
    assert load_unfolded(path).models is None
    with pytest.raises(ConfigError, match="no models"):
        save_unfolded(load_unfolded(path), path, models)


def test_damaged_files_are_refused(unfolded, tmp_path):
    path = tmp_path / "u.h5"
    with pytest.raises(InputError, match="no such file"):
        load_unfolded(path)
    path.write_bytes(b"\x80pickle")
    with pytest.raises(InputError, match="not unfolded events that hepflow wrote"):
        load_unfolded(path)
    save_unfolded(unfolded, path)
    with h5py.File(path, "r+") as file:
        del file["weights_mc"]
    with pytest.raises(InputError, match="weights_mc"):
        load_unfolded(path)


def test_a_simulation_that_is_too_far_away_stops():
    random = np.random.default_rng(1)
    x = random.normal(0, 1, 3000)
    pairs = Pairs.of({"x": x, "y": x}, truth=["x"], reco=["y"])
    data = random.uniform(3.0, float(x.max()), 3000)
    with pytest.raises((CheckError, InputError), match=r"are worth|no event is simulated"):
        OmniFold(QUICK, replicas=0).unfold(pairs, data, seed=1)


def test_few_events_that_stand_for_all_are_said():
    random = np.random.default_rng(1)
    x = np.concatenate([random.normal(0, 0.3, 40_000), random.normal(5, 0.3, 200)])
    pairs = Pairs.of({"x": x, "y": x}, truth=["x"], reco=["y"])
    with pytest.raises(
        CheckError, match=r"events of the simulation are worth \d+ of equal weight, less than 1 %"
    ):
        OmniFold(SmoothRatio(12), replicas=0).unfold(pairs, random.normal(5, 0.2, 4000), seed=1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"z": [1.0]}, "the data have no column 'y'"),
        (np.zeros((5, 2)), r"expected \(N, 1\)"),
        ({"y": np.r_[np.zeros(200), np.nan]}, "NaN or infinite in 1 of 201"),
        ({"y": np.linspace(-1, 1, 50)}, "50 events, are worth 50"),
        ({"y": np.linspace(-1, 1, 200), "weight": -np.ones(200)}, "add up to -200"),
        ({"y": np.linspace(100, 200, 200)}, "100 % of the data lies where no event is simulated in 'y'"),
        ({"y": np.r_[np.linspace(-1, 1, 400), np.full(20, 50.0)]}, "4.76 % of the data lies"),
    ],
)
def test_data_that_do_not_fit_are_named(case, data, message):
    with pytest.raises((ConfigError, InputError), match=message):
        OmniFold(replicas=0).unfold(case[0], data, seed=1)


def test_what_ratios_cannot_do_is_refused(case):
    pairs, data, _ = case
    trees = BoostedTrees(members=1)
    with pytest.raises(ConfigError, match="take fakes='model'"):
        OmniFold(trees).unfold(pairs, data, seed=1)
    negative = pairs.weighted(np.where(np.arange(len(pairs)) < 10, -1.0, 1.0))
    with pytest.raises(InputError, match="10 of 6,400 events of the pairs have negative weights"):
        OmniFold(trees, fakes="model").unfold(negative, data, seed=1)
    rounded = {"y": np.round(data["y"], 2)}
    told = "feature 'y' has 2 decimals in the measured sample and all digits in the simulated one"
    with pytest.raises(InputError, match=told):
        OmniFold(trees, fakes="model").unfold(pairs, rounded, seed=1)
    OmniFold(replicas=0).unfold(pairs, rounded, seed=1)  # a smooth ratio does not see it
    few = {"y": data["y"][:150]}
    with pytest.raises(InputError, match="nothing is left"):
        OmniFold(QUICK).unfold(pairs, few, seed=1)
    for options in ({"iterations": 0}, {"replicas": 2}, {"fakes": "forget"}):
        with pytest.raises(ConfigError, match="OmniFold"):
            OmniFold(**options)


def test_without_replicas_there_is_no_covariance(case):
    found = OmniFold(QUICK, replicas=0, iterations=1).unfold(*case[:2], seed=1)
    with pytest.raises(InputError, match="three or more"):
        found.histogram(EDGES)
    assert isinstance(found.events, hf.Events)
