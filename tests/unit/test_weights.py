"""Trained objects in files: the same scores to the last bit, and no file that can do harm."""

import json
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from hepflow.classifiers import BoostedTrees, CrossFit, NeuralNetwork, crossfit
from hepflow.errors import ConfigError, InputError
from hepflow.flows.bijections import Chain, Log, MinMaxLogit, Standardise
from hepflow.sample import Sample
from hepflow.selection import load_weights, save_weights
from hepflow.training import TrainingPlan
from hepflow.weights import SCHEMA, State, storable

NAMES = ("m_J1", "dm_J")


def gaussian(events, seed, shift=0.0):
    random = np.random.default_rng(seed)
    return Sample(random.uniform(3300, 3700, events), random.normal(shift, 1, (events, 2)), NAMES)


@pytest.fixture(scope="module")
def trees():
    return BoostedTrees(members=2, max_iter=5, min_samples_leaf=20).fit(
        gaussian(800, 1, 0.5), gaussian(900, 2), 3
    )


@pytest.fixture
def kept(trees, tmp_path):
    save_weights(tmp_path / "w.safetensors", trees)
    return tmp_path / "w.safetensors"


def change(path, arrays=None, **described):
    """Write a file again with some of its arrays, or the top of its description, replaced."""
    with safe_open(path, framework="numpy") as file:
        text = json.loads(file.metadata()["hepflow"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file({**tensors, **(arrays or {})}, path, metadata={"hepflow": json.dumps({**text, **described})})


def array(path, name):
    with safe_open(path, framework="numpy") as file:
        return file.get_tensor(name)


def test_scores_are_the_same_to_the_last_bit(trees, kept):
    other = gaussian(500, 9)
    back = load_weights(kept, BoostedTrees)
    assert (back.names, back.members, back.max_iter) == (NAMES, 2, 5)
    np.testing.assert_array_equal(back.log_ratio(other), trees.log_ratio(other))
    save_weights(kept, back)
    np.testing.assert_array_equal(load_weights(kept, BoostedTrees).log_ratio(other), trees.log_ratio(other))


@pytest.mark.parametrize(("with_mass", "bins"), [(False, 5), (True, 5), (True, 0)])
def test_networks(tmp_path, with_mass, bins):
    plan = TrainingPlan(epochs=3, batch_size=128, best_epochs=2)
    trained = NeuralNetwork(members=2, hidden=(8, 4), bins=bins, with_mass=with_mass, plan=plan)
    trained.fit(gaussian(800, 1, 0.5), gaussian(900, 2), seed=3)
    save_weights(tmp_path / "w", trained)
    before = torch.get_rng_state()
    back = load_weights(tmp_path / "w", NeuralNetwork)
    assert torch.equal(torch.get_rng_state(), before)
    assert (back.members, back.hidden, back.bins, back.with_mass, back.plan, back.names) == (
        2,
        (8, 4),
        bins,
        with_mass,
        plan,
        NAMES,
    )
    np.testing.assert_array_equal(back.log_ratio(gaussian(500, 9)), trained.log_ratio(gaussian(500, 9)))


def test_networks_of_before_there_were_bins():
    plan = TrainingPlan(epochs=1, batch_size=128)
    trained = NeuralNetwork(1, (4,), bins=0, plan=plan).fit(gaussian(400, 1), gaussian(400, 2), seed=3)
    state = trained.state()
    del state.settings["options"]["bins"]
    back = NeuralNetwork.from_state(state)
    assert back.bins == 0
    np.testing.assert_array_equal(back.log_ratio(gaussian(9, 9)), trained.log_ratio(gaussian(9, 9)))


def test_a_cross_fit_keeps_classifiers_and_scores(tmp_path):
    fit = crossfit(BoostedTrees(1, max_iter=4), gaussian(600, 1, 0.5), gaussian(900, 2), folds=3, seed=1)
    save_weights(tmp_path / "w", fit)
    back = load_weights(tmp_path / "w", CrossFit)
    np.testing.assert_array_equal(back.numerator, fit.numerator)
    np.testing.assert_array_equal(back.denominator, fit.denominator)
    other, fold_of = gaussian(300, 9), np.arange(300) % 3
    np.testing.assert_array_equal(back.score(other, fold_of), fit.score(other, fold_of))
    np.testing.assert_array_equal(back.log_ratio(other), fit.log_ratio(other))
    save_weights(tmp_path / "w", fit.without_scores())
    assert len(load_weights(tmp_path / "w", CrossFit).numerator) == 0


def test_a_file_says_what_it_holds(kept):
    with safe_open(kept, framework="numpy") as file:
        described = json.loads(file.metadata()["hepflow"])
    assert described["schema"] == SCHEMA
    assert set(described["versions"]) == {"hepflow", "numpy", "scikit-learn", "torch"}
    content = described["content"]
    assert content["class"] == "BoostedTrees"
    assert content["settings"]["features"] == list(NAMES)
    assert content["settings"]["options"]["max_iter"] == 5


def test_others_may_read_it_as_any_file(kept):
    other = kept.with_name("other")
    other.touch()
    assert kept.stat().st_mode == other.stat().st_mode


def test_equal_arrays_are_written_once(tmp_path):
    same = Standardise(np.zeros(3), np.ones(3))
    save_weights(tmp_path / "w", Chain((same, same, Log(np.array([-np.inf, 0.0, 1.0])))))
    with safe_open(tmp_path / "w", framework="numpy") as file:
        assert len(file.keys()) == 3
    back = load_weights(tmp_path / "w", Chain)
    assert [type(part) for part in back.parts] == [Standardise, Standardise, Log]
    np.testing.assert_array_equal(back.parts[1].scale, np.ones(3))
    assert back.parts[2].low[0] == -np.inf


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("the pickle was opened",)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_is_not_opened(tmp_path, protocol):
    path = tmp_path / "w.safetensors"
    path.write_bytes(pickle.dumps(Bomb(), protocol=protocol))
    with pytest.raises(
        InputError, match=r"w\.safetensors: (a pickle stands there.*refused|cannot be read as safe)"
    ):
        load_weights(path, BoostedTrees)


def test_nor_one_of_torch(tmp_path):
    torch.save({"a": torch.zeros(3)}, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"w\.safetensors: a zip archive.*around pickles.*refused"):
        load_weights(tmp_path / "w.safetensors", BoostedTrees)


def test_damage_is_named(kept):
    content = kept.read_bytes()
    for part in (content[:-10], content[: len(content) // 2], content[:5], b""):
        kept.write_bytes(part)
        with pytest.raises(InputError, match=r"w\.safetensors: cannot be read as safetensors"):
            load_weights(kept, BoostedTrees)
    kept.unlink()
    with pytest.raises(InputError, match="no such file"):
        load_weights(kept, BoostedTrees)
    with pytest.raises(InputError, match="no such file"):
        load_weights(kept.parent, BoostedTrees)


def test_files_of_others(tmp_path, kept):
    save_file({"a": np.zeros(3)}, tmp_path / "other")
    with pytest.raises(InputError, match="not weights that hepflow wrote"):
        load_weights(tmp_path / "other", BoostedTrees)
    for text in ("[1]", "{", "null", '{"schema": NaN}', "[" * 100_000):
        save_file({"a": np.zeros(3)}, tmp_path / "other", metadata={"hepflow": text})
        with pytest.raises(InputError, match="not weights that hepflow wrote"):
            load_weights(tmp_path / "other", BoostedTrees)
    with pytest.raises(InputError, match="holds a BoostedTrees; expected a CrossFit"):
        load_weights(kept, CrossFit)
    change(kept, schema="hepflow-weights-9")
    with pytest.raises(
        InputError, match="schema 'hepflow-weights-9'; this hepflow reads 'hepflow-weights-1'"
    ):
        load_weights(kept, BoostedTrees)


@pytest.mark.parametrize(
    "content",
    [
        {"class": "Popen", "settings": {"args": "true"}, "arrays": {}, "parts": {}},
        {"class": "Standardise", "settings": {}, "arrays": {"mean": "nowhere"}, "parts": {}},
        {"class": "Standardise", "settings": {"mean": 1, "scale": 2, "more": 3}, "arrays": {}, "parts": {}},
        {"class": "BoostedTrees", "settings": {}, "arrays": {}, "parts": {}},
        {"class": "CrossFit", "settings": {}, "arrays": {}, "parts": {}},
        {"class": "NeuralNetwork", "settings": {"options": 3, "features": None}, "arrays": {}, "parts": {}},
        {"class": ["BoostedTrees"], "settings": {}, "arrays": {}, "parts": {}},
        {"class": "BoostedTrees"},
        [],
        None,
    ],
)
def test_descriptions_that_make_no_sense(kept, content):
    change(kept, content=content)
    with pytest.raises(InputError, match=r"w\.safetensors: not whole, or changed by hand: "):
        load_weights(kept, BoostedTrees)


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        (
            "forest.value",
            lambda a: np.where(np.arange(len(a)) == 1, np.nan, a),
            "'value' holds numbers that are not",
        ),
        ("forest.baselines", lambda a: a + np.inf, "'baselines' holds numbers that are not finite"),
        ("forest.left", np.zeros_like, "'left' leads out of its tree or back"),
        ("forest.right", lambda a: a + 10**6, "'right' leads out of its tree or back"),
        ("forest.right", lambda a: a - 10**6, "'right' leads out of its tree or back"),
        ("forest.feature_idx", lambda a: a + 7, "asks for a feature beyond the 2"),
        ("forest.feature_idx", lambda a: a - 7, "asks for a feature beyond the 2"),
        ("forest.nodes_of_tree", lambda a: a + 1, "do not add up"),
        ("forest.nodes_of_tree", lambda a: -a, "do not add up"),
        ("forest.trees_of_member", lambda a: a * 0, "do not add up"),
        ("forest.value", lambda a: a[:-1], "do not add up"),
        ("forest.value", lambda a: a.astype(np.float32), "'value' of float32.*expected float64"),
        ("forest.value", lambda a: a[None], r"shape \(1, .*expected float64, \(any\)"),
        ("edges.0", lambda a: a[::-1].copy(), "rising edges"),
        ("edges.1", lambda a: a * np.nan, "'edges.1' holds numbers that are not finite"),
    ],
)
def test_arrays_that_make_no_sense(kept, name, spoil, message):
    change(kept, {name: spoil(array(kept, name))})
    with pytest.raises(InputError, match=rf"w\.safetensors: .*{message}"):
        load_weights(kept, BoostedTrees)


def test_no_flipped_byte_does_worse_than_an_error(kept):
    """Whatever a disk makes of a file, it is refused, or has trees that score every event."""
    content, random, sample = bytearray(kept.read_bytes()), np.random.default_rng(1), gaussian(20, 4)
    refused = 0
    for place in random.integers(0, len(content), 300):
        spoiled = content.copy()
        spoiled[place] ^= 1 << int(random.integers(8))
        kept.write_bytes(spoiled)
        try:
            assert load_weights(kept, BoostedTrees).forest.score(sample.features).shape == (20,)
        except InputError:
            refused += 1
    assert refused > 20


def test_other_features_than_those_of_the_training(trees):
    sample = gaussian(10, 1)
    with pytest.raises(
        ConfigError, match=r"on features \('m_J1', 'dm_J'\); got a sample with \('dm_J', 'm_J1'\)"
    ):
        trees.log_ratio(Sample(sample.mass, sample.features, NAMES[::-1]))


def test_what_cannot_be_kept(tmp_path):
    for untrained in (BoostedTrees(), NeuralNetwork()):
        with pytest.raises(ConfigError, match="has not been trained; call fit first"):
            save_weights(tmp_path / "w", untrained)
    with pytest.raises(
        ConfigError, match=r"object cannot be kept in a file; expected an object of .*BoostedTrees"
    ):
        save_weights(tmp_path / "w", object())
    assert list(tmp_path.iterdir()) == []


def test_a_class_of_ones_own(tmp_path):
    @storable
    @dataclass(frozen=True)
    class OwnLine:
        slope: np.ndarray
        of: tuple[str, ...]
        inner: MinMaxLogit

    save_weights(tmp_path / "w", OwnLine(np.arange(2.0), ("a", "b"), MinMaxLogit(np.zeros(2), np.ones(2))))
    back = load_weights(tmp_path / "w", OwnLine)
    assert back.of == ("a", "b")
    np.testing.assert_array_equal(back.inner.high, np.ones(2))
    change(tmp_path / "w", {"slope": np.array([np.nan, 0.0])})
    with pytest.raises(InputError, match="array 'slope' holds NaN"):
        load_weights(tmp_path / "w", OwnLine)


def test_state_names_what_is_missing():
    with pytest.raises(InputError, match="no array 'a'"):
        State().array("a", np.float64, (None,))
    with pytest.raises(InputError, match="part 'a' is a NoneType; expected a Log"):
        State().part("a", Log)
