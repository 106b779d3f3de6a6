"""A generation from files to its record: steps, output, resume, and what is refused before any training."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from hepflow.engine.folder import RunFolder
from hepflow.engine.provenance import read_provenance
from hepflow.errors import ConfigError, InputError
from hepflow.events import Events
from hepflow.generation import Generated, Generator
from hepflow.storage import load_events
from hepflow.studies.generation.counting import correlations, counted, panel_edges
from hepflow.studies.generation.study import STUDY
from hepflow.studies.generation.text import text
from hepflow.studies.generation.work import Read, check_enough, dealt, digest
from hepflow.studies.known import study_of
from hepflow.weights import load_weights


@pytest.fixture(scope="module")
def found(run_folder):
    return STUDY.read(run_folder)


def test_what_is_published(run_folder, found):
    assert study_of(run_folder) is STUDY
    manifest = json.loads((run_folder / "manifest.json").read_text("utf-8"))
    assert manifest["file"] == "generated.parquet"
    assert manifest["sha256"] == digest(run_folder / "generated.parquet")
    assert [one["name"] for one in manifest["columns"]] == ["x", "y"]
    assert manifest["columns"][1] == {
        "name": "y",
        "label": "$y$",
        "unit": "GeV",
        "expression": "why",
        "given": False,
    }
    weights = run_folder / "stages" / "generator" / "generator.safetensors"
    assert manifest["training"]["weights"] == digest(weights) == found.fingerprint
    assert manifest["training"]["step"] == RunFolder(run_folder, None).record("generator").key
    assert manifest["events"] == found.generated == 2000
    assert manifest["replicas"] == 3


@pytest.mark.parametrize("posterior", ["bayesian", "laplace"])
def test_replicas_that_are_draws_of_weights(prepare, tmp_path, posterior):
    config = prepare(f"model.posterior={posterior}", "model.replicas=6", "model.bias=null")
    STUDY.run(config, tmp_path / "toy", until="judgement")
    made = load_weights(tmp_path / "toy/stages/generator/generator.safetensors", Generator)
    assert (made.density.posterior, made.density.members) == (posterior, 6)
    histograms = json.loads((tmp_path / "toy/stages/histograms/histograms.json").read_text("utf-8"))[0]
    errors = np.array([[one["error"], one["statistical"]] for one in histograms])
    assert np.all(errors[:, 0] > 1.5 * errors[:, 1])  # with that of the training


def test_the_generated_file(run_folder):
    events = load_events(run_folder / "generated.parquet")
    made = Generated.of(events)
    assert len(made) == 2000
    assert np.ptp(np.bincount(made.replica, minlength=3)) <= 2
    assert made.events.weight.sum() == pytest.approx(1000)  # as many as were learned from
    assert pq.ParquetFile(run_folder / "generated.parquet").schema.names == ["x", "y", "replica", "weight"]
    again = load_weights(run_folder / "stages/generator/generator.safetensors", Generator).generate(2000, 1)
    assert np.array_equal(again.events.features, made.events.features)


def test_the_record(found):
    assert (found.trained, found.held_out) == (1000, 1000)
    assert found.cutflows["training"][-3:] == (
        ("events kept", 2000),
        ("dealt: learned from", 1000),
        ("dealt: held out", 1000),
    )
    assert [one.quantity.name for one in found.histograms] == ["x", "y", "sum"]
    panel = found.histograms[2]
    assert panel.quantity.axis == "sum [GeV]"
    assert sum(panel.real) == pytest.approx(998, abs=2)
    assert sum(panel.generated) < 1000.001
    assert all(error >= part for error, part in zip(panel.error, panel.statistical, strict=True))
    assert len(found.losses) == 3
    assert len(found.losses[0]["validation"]) == 2
    made, real = found.correlations
    assert len(made) == len(real) == 3
    assert real[0][1] == pytest.approx(0.28, abs=0.08)
    judged = found.judgement
    assert judged.events == (2000, 1000)
    assert len(judged.planted) == 1
    assert {one.name for one in judged.tails} == {"x", "y", "sum"}


def test_limits_end_on_a_plateau(found):
    """With the error of the training, of staterror alone, and of the training's events as they are."""
    limits = found.limits
    right, wrong = (limits.curve(0.1, training=training).limits for training in (True, False))
    assert right[1] == pytest.approx(right[0], rel=0.05)
    assert wrong[1] < 0.9 * wrong[0]
    assert wrong[1] < limits.plain[0] < right[1]
    assert limits.plain[0] == pytest.approx(wrong[0], rel=0.1)  # as many events
    assert sum(limits.background) == pytest.approx(1000)
    assert sum(limits.signal) == pytest.approx(50)


def test_failed_checks_stand_first_and_last(found):
    """A flow of two epochs is no generator."""
    assert "classifier" in STUDY.failed(found)
    lines = text(found).splitlines()
    assert lines[0].startswith("FAILED CHECKS")
    assert lines[1] == lines[-len(found.failed)]
    assert "staterror alone" in text(found)
    assert "is wrong" in text(found)


def test_it_goes_on_from_what_is_there(run_folder, prepare, tmp_path):
    """Other settings of the judgement train nothing anew."""
    out = shutil.copytree(run_folder, tmp_path / "run")
    config = prepare("model.bias=mixture_autoregressive", "limits.bins=5")
    left = {step for step, why in STUDY.dry_run(config, out, until="generation").items() if why is not None}
    assert left == {"manifest", "limits", "generation"}
    STUDY.run(config, out, until="generation")
    assert set(read_provenance(out).runs[-1].seconds_of_steps) == left
    assert len(STUDY.read(out).limits.background) == 5


def test_a_classifier_as_observable(run_folder, prepare, tmp_path):
    """Limits with a score: the signal stands at high values of it."""
    out = shutil.copytree(run_folder, tmp_path / "run")
    STUDY.run(
        prepare("model.bias=mixture_autoregressive", "limits.observable=score"), out, until="generation"
    )
    limits = STUDY.read(out).limits
    assert limits.observable.name == "score"
    assert 0 < limits.edges[0] < limits.edges[-1] < 1
    shares = [np.array(each) / sum(each) for each in (limits.signal, limits.background)]
    assert shares[0][-1] > 1.5 * shares[1][-1]


def test_other_formats(run_folder, prepare, tmp_path):
    """The same events come from every kind of file, and the older file goes."""
    out = shutil.copytree(run_folder, tmp_path / "run")
    before = load_events(out / "generated.parquet")
    config = prepare("model.bias=mixture_autoregressive", "output.format=csv")
    STUDY.run(config, out, until="generated")
    assert not (out / "generated.parquet").exists()
    assert np.array_equal(load_events(out / "generated.csv").features, before.features)


def test_an_input_in_the_run_folder(prepare, tables, tmp_path):
    """Nothing is written over an input."""
    out = tmp_path / "run"
    out.mkdir()
    shutil.copy(tables / "training.csv", out / "generated.csv")
    config = prepare(f"inputs.training.path={out / 'generated.csv'}", "output.format=csv")
    for act in (STUDY.run, STUDY.dry_run):
        with pytest.raises(ConfigError, match=r"inputs\.training: .*generated\.csv stands in the run folder"):
            act(config, out)


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (["columns=[x, {name: y, expression: zed * 2}]"], InputError, "no branch 'zed'"),
        (["judgement.derived=[{name: sum, expression: x + z}]"], ConfigError, "'sum': no column 'z'"),
        (["judgement.derived=[{name: sum, expression: x +}]"], ConfigError, "x +"),
        (["columns=[x, {name: y, expression: 0 * why}]"], InputError, "feature 'y' is 0 in all 2,000 events"),
        (["columns=[x, {name: y, expression: 2 * x + 1}]"], InputError, "feature 'y' is 'x' times a number"),
        (["columns=[x, why, {name: y, column: x}]"], InputError, "feature 'y' is the same as 'x'"),
        (["held_out=0.9"], InputError, "200 events are learned from; expected 400 or more"),
        (["held_out=0.1"], InputError, "200 events are held out; expected 400 or more"),
    ],
)
def test_what_is_refused_before_a_training(overrides, error, message, prepare, tmp_path):
    with pytest.raises(error) as told:
        STUDY.run(prepare(*overrides), tmp_path / "run", until="events")
    assert message in str(told.value)


def test_negative_weights_and_conditions(prepare, tables, tmp_path):
    lines = (tables / "training.csv").read_text("utf-8").splitlines()
    weighted = [f"{lines[0]},w", *(f"{line},{1 - 2 * (i % 9 == 0)}" for i, line in enumerate(lines[1:]))]
    (tables / "negative.csv").write_text("\n".join(weighted), "utf-8")
    settings = ("inputs.training={path: negative.csv, format: table, weight: w}", "given=[x]")
    with pytest.raises(InputError, match="events of negative weight, and conditions \\(x\\) cannot be drawn"):
        STUDY.run(prepare(*settings), tmp_path / "run", until="events")


def test_weights_that_cancel():
    events = Events(np.zeros((1000, 1)), ("x",), np.tile([1.0, -1.0], 500))
    with pytest.raises(InputError, match="the weights of the events learned from add up to 0"):
        check_enough(Read(events, events))


def test_events_are_dealt_once():
    events = Events(np.arange(10.0)[:, None], ("x",))
    training, held = dealt(events, 0.3, seed=1)
    assert sorted([*training["x"], *held["x"]]) == list(range(10))
    assert len(held) == 3


def test_pieces_are_counted_as_the_whole():
    """Also where the last piece has no event of the last replica."""
    random = np.random.default_rng(1)
    x, replica = random.normal(size=1000), np.arange(1000) % 5
    edges = {"x": np.linspace(-2, 2, 5)}
    whole = Generated(Events(x[:, None], ("x",)), replica)
    parts = [
        Generated(whole.events.select(slice(*ends)), replica[slice(*ends)])
        for ends in ((0, 998), (998, 1000))
    ]
    found = counted(parts, lambda events: {"x": events["x"]}, edges, 5)["x"]
    expected = whole.expected(x, edges["x"])
    assert found.events == pytest.approx(expected.events)
    assert found.covariance == pytest.approx(expected.covariance)


def test_bins_of_a_panel():
    assert panel_edges(np.array([0.0, 1.0, 1.0, 2.0])).tolist() == [-0.5, 0.5, 1.5, 2.5]
    edges = panel_edges(np.linspace(0, 1, 10_001))
    assert len(edges) == 41
    assert edges[[0, -1]] == pytest.approx([0.001, 0.999])


def test_correlations_with_weights():
    """Of two events of weight 1 and one of weight 2: as if that stood there twice."""
    rows = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]])
    weighted = correlations(Events(rows, ("a", "b"), np.array([1.0, 1.0, 2.0])))
    assert weighted[0][1] == pytest.approx(np.corrcoef(rows[[0, 1, 2, 2]].T)[0, 1])


def test_angles_and_ranks(prepare, tmp_path):
    """The preprocessing of the settings is that of the flows."""
    config = prepare("preprocessing={periodic: {x: 20.0}, ranks: quantiles}", without=("limits",))
    assert STUDY.run(config, tmp_path / "run", until="generator") is None
    weights = load_weights(tmp_path / "run/stages/generator/generator.safetensors", Generator)
    assert weights.density.preprocessing.keywords["periodic"] == {"x": 20.0}
    made = weights.generate(1000, seed=1).events["x"]
    assert (np.abs(made) <= 10).all()


def test_rows_of_two_precisions(prepare, tables, tmp_path):
    lines = (tables / "training.csv").read_text("utf-8").splitlines()
    rounded = [lines[0], *(",".join(f"{float(x):.3f}" for x in line.split(",")) for line in lines[1:])]
    (tables / "rounded.csv").write_text("\n".join(rounded), "utf-8")
    config = prepare("inputs.held_out={path: rounded.csv, format: table}")
    with pytest.raises(
        InputError, match="has all digits in the training sample and 3 decimals in the held-out"
    ):
        STUDY.run(config, tmp_path / "run", until="events")
