"""An unfolding from files to its record: steps, weights, resume, two sources, methods, and what is refused."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import yaml
from made_up import unfolding

from hepflow.classifiers import SmoothRatio
from hepflow.engine.provenance import read_provenance
from hepflow.errors import ConfigError, InputError
from hepflow.storage import load_events
from hepflow.studies.known import study_of
from hepflow.studies.unfolding.study import STUDY
from hepflow.studies.unfolding.text import text
from hepflow.studies.unfolding.verdicts import outside
from hepflow.unfolding import OmniFold, load_unfolded

IN_BINS = "method={name: bayes, toys: 20}"


@pytest.fixture(scope="module")
def found(run_folder):
    return STUDY.read(run_folder)


def test_what_is_published(run_folder, found):
    assert study_of(run_folder) is STUDY
    unfolded = load_unfolded(run_folder / "unfolded.h5", run_folder / "unfolded.safetensors")
    assert len(unfolded) == 2000
    assert unfolded.replicas.shape == (3, 3, 2000)
    assert unfolded.histogram([-2, -1, 0, 1, 2], "x").values == pytest.approx(
        found.observables[0].unfolded.values
    )
    assert unfolded.models.factor(unfolded.pairs.truth, found.weights.chosen - 1) == pytest.approx(
        unfolded.weight, rel=1e-6
    )


def test_replicas_made_one_by_one_are_those_of_the_class(run_folder):
    """Steps give what `OmniFold.unfold` gives in one go."""
    unfolded = load_unfolded(run_folder / "unfolded.h5")
    config = unfolding.SETTINGS["method"]
    method = OmniFold(SmoothRatio(config["ratio"]["degree"], moments=True), iterations=3, replicas=3)
    data = load_events(run_folder / "stages" / "pairs" / "data.h5")
    again = method.unfold(unfolded.pairs, data, seed=1)
    assert again.weight == pytest.approx(unfolded.weight, rel=1e-9)
    assert again.replicas == pytest.approx(unfolded.replicas, rel=1e-5)


def test_the_record(found):
    cutflow = dict(found.cutflows["pairs"])
    kinds = [number for cause, number in found.cutflows["pairs"] if cause != "pairs"]
    assert sum(kinds) == cutflow["pairs"] == 2000
    assert found.cutflows["data"][-1] == ("pass_reco, seen == 1", found.events["data"])
    assert found.efficiency == pytest.approx(0.8, abs=0.03)
    first, second = found.observables
    assert first.quantity.axis == "$x$ [GeV]"
    assert second.seen.edges == (0, 0.5, 1, 2.5, 4)
    truth = np.histogram(unfolding.generate(2000, 2, 0.2, 0.8)["x_true"], [-2, -1, 0, 1, 2])[0]
    assert first.unfolded.values == pytest.approx(truth, rel=0.15)
    assert first.error[0] ** 2 == pytest.approx(
        first.unfolded.covariance[0][0] + first.systematics[0].shift[0] ** 2
    )
    assert sum(first.systematics[0].shift) < 0.05 * sum(first.unfolded.values)
    assert np.diag(first.correlation) == pytest.approx(1)
    assert first.reference.values == pytest.approx(truth, rel=0.25)
    assert [one.name for one in first.stress] == ["hidden"]
    assert first.closure.p_value > 1e-3
    assert first.seen.refolded.p_value > 1e-3
    assert found.weights.share > 0.5
    assert found.weights.error > 0


def test_a_reference_that_cannot_be_made_stops_nothing(prepare, tmp_path, monkeypatch):
    def empty(*_):
        raise InputError("no event generated in bin 1 to 2 is reconstructed")

    monkeypatch.setattr("hepflow.studies.unfolding.work.in_bins", empty)
    STUDY.run(prepare("method.iterations=2"), tmp_path, until="unfolding")
    found = STUDY.read(tmp_path)
    assert found.observables[0].reference is None
    assert "no reference: no event generated in bin 1 to 2 is reconstructed" in text(found)


def test_failed_checks_stand_first_and_last(found):
    failed = replace(found, verdicts=(outside(0.02),))
    assert STUDY.failed(failed) == ["outside"]
    lines = text(failed).splitlines()
    assert lines[0].startswith("FAILED CHECKS")
    assert lines[1] == lines[-1]


def test_it_goes_on_from_what_is_there(run_folder, prepare, tmp_path):
    """Another observable unfolds no event anew; another replica is made alone."""
    out = shutil.copytree(run_folder, tmp_path / "run")
    left = STUDY.dry_run(prepare("method.replicas=4"), out, until="unfolded")
    assert {step for step, why in left.items() if why is not None} == {
        "replica/3",
        "unfolded",
        "weights",
        "histograms",
    }
    config = prepare("checks={closure: false}")
    STUDY.run(config, out, until="unfolding")
    assert set(read_provenance(out).runs[-1].seconds_of_steps) == {"seen", "unfolding"}
    assert STUDY.read(out).observables[0].closure is None


def test_two_sources_with_a_key(tables, tmp_path):
    """Rows in another order, joined: the same result."""
    columns = unfolding.generate(2000, 1)
    number = np.arange(2000.0) + 2**40
    seen = columns["seen"] == 1
    order = np.random.default_rng(1).permutation(int(seen.sum()))
    unfolding.write(tmp_path / "generated.csv", {"x": columns["x_true"], "event": number})
    reco = {"x": columns["x"][seen][order], "event": number[seen][order]}
    unfolding.write(tmp_path / "reconstructed.csv", reco)
    shutil.copy(tables / "data.csv", tmp_path)
    config = unfolding.prepare(
        tmp_path,
        "inputs={data: {path: data.csv, format: table}, generated: {path: generated.csv, format: table}, "
        "reconstructed: {path: reconstructed.csv, format: table}, key: [event], unmatched: keep}",
        "truth=[x]",
        "reco=[x]",
        IN_BINS,
        "reference=none",
        without=("pass_reco", "systematics", "checks"),
    )
    STUDY.run(config, tmp_path / "run", until="unfolding")
    found = STUDY.read(tmp_path / "run")
    assert found.events["lost"] == 2000 - seen.sum()
    lost = dict(found.cutflows["data"])["left out: a column is NaN or infinite"]
    assert f"\n{lost:,} events of the data have a column that is NaN or infinite, and are missing" in text(
        found
    )
    one = unfolding.prepare(tables, IN_BINS, "reference=none", without=("systematics", "checks"))
    STUDY.run(one, tmp_path / "one", until="unfolding")
    same = STUDY.read(tmp_path / "one").observables[0].unfolded.values
    assert found.observables[0].unfolded.values == pytest.approx(same)


@pytest.mark.parametrize(
    "method",
    [
        IN_BINS,
        "method={name: tikhonov, toys: 20}",
        "method={name: omnifold, replicas: 3, iterations: 2, ratio: {name: bdt, ensemble: 1, max_iter: 5}}",
        "method={name: posterior, replicas: 3, iterations: 1, layers: 1, hidden: 8, epochs: 1, batch_size: 64, "
        "members: 1}",
    ],
)
def test_every_method(method, prepare, tmp_path):
    config = prepare(method, "checks={closure: true}", "observables=[{name: x, bins: 3, range: [-2, 2]}]")
    STUDY.run(config, tmp_path / "run", until="unfolding")
    found = STUDY.read(tmp_path / "run")
    assert found.method in method
    assert (found.weights is None) == (found.method in ("bayes", "tikhonov"))
    assert (found.coverage is not None) == (found.method == "posterior")
    assert (found.reference is None) == (found.method == "bayes")
    assert len(found.observables[0].systematics) == 1
    assert text(found)


def test_a_systematic_variation_by_another_source(tables, prepare, tmp_path):
    columns = unfolding.generate(2000, 1)
    columns["x"] = columns["x"] + 0.1
    unfolding.write(tables / "varied.csv", columns)
    config = prepare(
        "systematics=[{name: scale, simulation: {path: varied.csv, format: table}}]",
        IN_BINS,
        "checks={closure: false}",
    )
    STUDY.run(config, tmp_path / "run", until="unfolding")
    shift = STUDY.read(tmp_path / "run").observables[0].systematics[0]
    assert shift.name == "scale"
    assert shift.shift[0] > 0 > shift.shift[3]  # measured values are higher, so data were lower
    text = (tmp_path / "run" / "config.yaml").read_text(encoding="utf-8")
    assert "varied.csv" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pass_reco": "seen == 2"}, r"pass_reco passes none|no event is left"),
        ({"pass_truth": "h > 100"}, "pass_truth passes none"),
        ({"truth": [{"name": "x", "column": "x_treu"}]}, "no column 'x_treu'; did you mean 'x_true'"),
        ({"reco": ["y"], "observables": [{"name": "x", "bins": 2, "range": [-1, 1]}]}, "no column 'y'"),
        ({"pass_reco": None}, "reconstructed column 'x' is NaN or infinite in"),
        ({"observables": [{"name": "x", "edges": [5, 6, 7], "seen": "x"}]}, "no event generated in bin"),
    ],
)
def test_what_is_refused(change, message, prepare, tmp_path):
    overrides = [f"{key}={_yaml(value)}" for key, value in change.items()]
    config = prepare(IN_BINS, *overrides, without=("systematics", "checks"))
    with pytest.raises((InputError, ConfigError), match=message):
        STUDY.run(config, tmp_path / "run", until="unfolding")


def _yaml(value):
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()


@pytest.mark.parametrize(
    ("simulation", "data", "message"),
    [
        ({}, {"x": lambda x: x + 20}, r"100 % of the data lies where no event is simulated"),
        ({"w": lambda x: np.where(x < -1.5, -0.1, 1.0)}, {}, r"negative weights"),
        ({"w": lambda x: np.exp(20 * np.abs(x))}, {}, r"are worth .* of equal weight"),
    ],
)
def test_samples_that_do_not_go_together(simulation, data, message, tmp_path):
    columns, measured = unfolding.generate(2000, 1), unfolding.generate(2000, 2, 0.2, 0.8)
    columns["w"] = np.ones(2000)
    columns |= {name: change(columns["x_true"]) for name, change in simulation.items()}
    measured |= {name: change(measured[name]) for name, change in data.items()}
    unfolding.write(tmp_path / "simulation.csv", columns)
    unfolding.write(tmp_path / "data.csv", {name: measured[name] for name in ("x", "seen")})
    trees = "method={name: omnifold, replicas: 3, ratio: {name: bdt, ensemble: 1, max_iter: 5}}"
    config = unfolding.prepare(
        tmp_path, trees, "inputs.simulation.weight=w", without=("systematics", "checks")
    )
    with pytest.raises(InputError, match=message):
        STUDY.run(config, tmp_path / "run", until="unfolding")


def test_levels_of_unequal_length(tables, tmp_path):
    columns = unfolding.generate(2000, 1)
    unfolding.write(tmp_path / "generated.csv", {"x": columns["x_true"]})
    unfolding.write(tmp_path / "reconstructed.csv", {"x": columns["x_true"][:1999]})
    shutil.copy(tables / "data.csv", tmp_path)
    two = (
        "inputs={data: {path: data.csv, format: table}, generated: {path: generated.csv, format: table}, "
        "reconstructed: {path: reconstructed.csv, format: table}}"
    )
    plain = ("systematics", "checks", "pass_reco")
    config = unfolding.prepare(tmp_path, two, "truth=[x]", "reco=[x]", without=plain)
    with pytest.raises(ConfigError, match="2,000 generated and 1,999 reconstructed events"):
        STUDY.run(config, tmp_path / "run", until="unfolding")


def test_a_negative_factor(prepare, tmp_path):
    config = prepare("checks.stress=[{name: wrong, factor: x_true}]")
    with pytest.raises(InputError, match=r"the factor 'x_true' is negative in [\d,]+ events"):
        STUDY.run(config, tmp_path / "run", until="pairs")


def test_observables_of_unknown_columns(prepare, tmp_path):
    config = prepare("observables=[{name: y, expression: x * z, bins: 2, range: [0, 1]}]")
    with pytest.raises(ConfigError, match="expression of 'y': no column 'z' in `truth`"):
        STUDY.dry_run(config, tmp_path / "run")
