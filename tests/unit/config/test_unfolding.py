"""The configuration of an unfolding: what it may hold, and what is refused, each by its key and line."""

from inspect import signature
from pathlib import Path

import pytest

from hepflow.config import Unfolding, load_config
from hepflow.config import unfolding_methods as methods
from hepflow.errors import ConfigError
from hepflow.unfolding import IterativeBayes, OmniFold, Posterior, Tikhonov

TEXT = """\
task: unfold
inputs:
  data: {path: data.csv, format: table}
  simulation: {path: sim.csv, format: table}
truth: [pt, {name: m, expression: "hypot(e, p)", unit: GeV}]
reco: [pt, {name: mass, column: m_reco}]
observables:
  - {name: pt, edges: [0, 10, 30]}
  - {name: m, bins: 2, range: [60, 100], seen: mass, seen_edges: [60, 80, 100]}
systematics: [{name: scale, simulation: {path: scaled.csv, format: table}}]
checks: {stress: [{name: hidden, factor: 1 + eta}], models: [{name: other, factor: w}]}
"""
TWO = (
    "inputs={data: {path: a, format: table}, generated: {path: b, format: table}, "
    "reconstructed: {path: c, format: table}"
)


def load(tmp_path, *overrides, text=TEXT):
    path = tmp_path / "unfolding.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, overrides)


def test_a_whole_file(tmp_path):
    config = load(tmp_path)
    assert isinstance(config, Unfolding)
    assert [one.expression for one in config.levels["truth"]] == ["pt", "hypot(e, p)"]
    pt, m = config.observables
    assert (config.seen(pt), config.seen(m)) == ("pt", "mass")
    assert pt.seen_borders == (0, 5, 10, 20, 30)
    assert m.borders == (60, 80, 100)
    assert config.factors == {"stress/hidden": "1 + eta", "models/other": "w"}
    assert config.hash() == load(tmp_path, "executor=processes", "figures.experiment=CMS").hash()
    assert config.hash() != load(tmp_path, "method.replicas=8").hash()
    assert load(tmp_path, "method=tikhonov").method.name == "tikhonov"
    assert load(tmp_path, "method.ratio=mlp").method.ratio.hidden == (64, 64, 64)


def test_a_list_of_wrong_entries_is_not_called_too_short(tmp_path):
    with pytest.raises(ConfigError, match="edgess: unknown key") as told:
        load(tmp_path, "observables=[{name: pt, edgess: [0, 10]}]")
    assert "in the list" not in str(told.value)
    with pytest.raises(ConfigError, match="observables: expected at least 1 in the list, got "):
        load(tmp_path, "observables=[]")


def test_its_yaml_reads_back(tmp_path):
    config = load(tmp_path, "reference=none")
    (tmp_path / "run").mkdir()
    path = tmp_path / "run" / "config.yaml"
    path.write_text(config.to_yaml(tmp_path / "run"), encoding="utf-8")
    again = load_config(path)
    assert again.inputs.data.path == ("../data.csv",)
    assert again.systematics[0].simulation.path == ("../scaled.csv",)
    assert again.reference.name == "none"
    assert again.observables == config.observables


def test_defaults_are_those_of_the_classes():
    made, block = OmniFold(), methods.OmniFold()
    assert (block.iterations, block.stop, block.replicas) == (made.iterations, made.stop, made.replicas)
    assert (block.ratio.degree, block.ratio.ridge) == (made.ratio.degree, made.ratio.ridge)
    assert (methods.Bayes().iterations, methods.Bayes().toys) == (
        IterativeBayes().iterations,
        IterativeBayes().toys,
    )
    assert (methods.Tikhonov().strength, methods.Tikhonov().toys) == (Tikhonov().strength, Tikhonov().toys)
    asked = signature(Posterior.unfold).parameters
    assert methods.Posterior().iterations == asked["iterations"].default
    assert methods.Posterior().replicas == asked["replicas"].default


def test_the_task_may_be_left_out(tmp_path):
    assert isinstance(load(tmp_path, text=TEXT.partition("\n")[2]), Unfolding)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("truth=[pt, pt]", "truth: 'pt' stands there twice"),
        ("reco=[]", "reco: expected at least 1"),
        ("inputs.simulation=null", "inputs.simulation: missing; expected simulated events of both levels"),
        ("inputs.generated={path: b, format: table}", "inputs.generated: has no meaning beside `simulation`"),
        ("inputs.key=[event]", "inputs.key: joins `generated` and `reconstructed`"),
        (f"{TWO}, unmatched: lose}}", "inputs.unmatched: expected 'refuse', 'keep' or 'drop'"),
        (f"{TWO}}}", "systematics: scale: 'simulation'; expected the same sources as `inputs` has"),
        ("inputs.data.scale=2", "inputs.data: data count one each"),
        (
            "inputs.simulation.cross_section=3",
            r"inputs.simulation: cross_section 3 pb needs inputs.luminosity",
        ),
        ("observables=[{name: pt}]", "edges: pt: expected `edges`, or `bins` with a `range`"),
        ("observables=[{name: pt, bins: 3}]", "range: pt: `bins` and `range` go together"),
        ("observables=[{name: pt, edges: [1, 1]}]", r"edges: \[1.0, 1.0\]: expected rising edges"),
        ("observables=[{name: pt, bins: 3, range: [2, 1]}]", r"range: \[2, 1\]: expected \[low, high\]"),
        ("observables=[{name: ptt, edges: [1, 2]}]", "no generated column 'ptt'; did you mean 'pt'"),
        ("observables=[{name: m, edges: [1, 2], seen_edges: [1, 2]}]", "m: `seen_edges` of what"),
        ("observables=[{name: pt, edges: [1, 2]}, {name: pt, edges: [1, 2]}]", "'pt' stands there twice"),
        ("systematics=[{name: scale}]", "factor: scale: expected another source, or a factor"),
        (
            "checks.stress=[{name: a, factor: w}, {name: a, factor: w}]",
            "checks.stress: 'a' stands there twice",
        ),
        ("method=omnifolt", "method: expected .*did you mean 'omnifold'"),
        ("method.iteration=3", "method.iteration: unknown key; did you mean 'iterations'"),
        ("method.replicas=2", "method.replicas: expected a number of at least 3"),
        (
            "method={name: omnifold, ratio: {name: smooth, degree: 0}}",
            "degree: expected a number of at least 1",
        ),
        ("reference=omnifold", "reference: expected"),
        ("regions.signal=[1, 2]", "regions: unknown key"),
    ],
)
def test_what_is_refused(override, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, override)


def test_bins_need_a_counterpart(tmp_path):
    text = TEXT.replace(", seen: mass, seen_edges: [60, 80, 100]", "")
    assert load(tmp_path, text=text).seen(load(tmp_path, text=text).observables[1]) is None
    with pytest.raises(ConfigError, match="m: `bayes` unfolds bins of a reconstructed quantity; give `seen`"):
        load(tmp_path, "method=bayes", text=text)


def test_the_configuration_of_the_page(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "unfolding.md").read_text(encoding="utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    config = load(tmp_path, text=text)
    assert config.method.name == "omnifold"
    assert config.observables[0].name == "pt"
