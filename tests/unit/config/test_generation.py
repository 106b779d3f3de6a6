"""The configuration of a generation: what it may hold, and what is refused, each by its key and line."""

from pathlib import Path

import pytest

from hepflow.config import Config, Generation, load_config, load_generation, load_search
from hepflow.config import generation as config_generation
from hepflow.config.blocks import Posterior
from hepflow.config.generation import Architecture, Model
from hepflow.errors import ConfigError
from hepflow.flows.across import ACROSS
from hepflow.flows.architectures import ARCHITECTURES
from hepflow.generation.generator import replicas_density
from hepflow.replicas import POSTERIORS

TEXT = """\
task: generate
inputs:
  training: {path: a.csv, format: table}
  signal: {path: s.csv, format: table}
columns: [pt, {name: m, expression: "hypot(e, p)", unit: GeV}, njet]
given: [njet]
judgement: {derived: [{name: ratio, expression: pt / m}]}
limits: {observable: ratio}
"""


def load(tmp_path, *overrides, text=TEXT):
    path = tmp_path / "generation.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, overrides)


def test_a_whole_file(tmp_path):
    config = load(tmp_path)
    assert isinstance(config, Generation)
    assert config.names == ("pt", "m", "njet")
    assert [getattr(one, "unit", one) for one in config.asked] == ["pt", "GeV", "njet"]
    assert config.derived[0].expression == "pt / m"
    assert config.held_out == 0.5
    assert config.limits.uncertainties == (0.05, 0.1, 0.2)
    assert len(config.hash()) == 16
    assert config.hash() != load(tmp_path, "model.replicas=8").hash()
    assert config.hash() == load(tmp_path, "executor=processes", "figures.experiment=CMS").hash()


def test_its_yaml_reads_back(tmp_path):
    config = load(tmp_path)
    (tmp_path / "run").mkdir()
    path = tmp_path / "run" / "config.yaml"
    path.write_text(config.to_yaml(tmp_path / "run"), encoding="utf-8")
    again = load_config(path)
    assert again.inputs.training.path == ("../a.csv",)
    assert again.opened(again.inputs.training).path[0].endswith("run/../a.csv")
    assert again.limits == config.limits


def test_defaults_are_those_of_the_classes():
    density, model = replicas_density(), Model()
    assert model.replicas == density.members
    assert (model.epochs, model.batch_size) == (density.plan.epochs, None)
    assert model.learning_rate == density.plan.learning_rate
    assert config_generation.Preprocessing().ranks == density.preprocessing.keywords["ranks"]
    assert set(config_generation.What.__args__) == set(ACROSS)
    assert model.posterior == density.posterior
    assert Posterior.__args__ == POSTERIORS
    assert model.architecture == density.architecture.func.__name__
    assert model.options == density.architecture.keywords
    assert set(Architecture.__args__) == set(ARCHITECTURES)


def test_the_task_may_be_left_out(tmp_path):
    assert isinstance(load(tmp_path, text=TEXT.partition("\n")[2]), Generation)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("columns=[pt, pt]", "columns: 'pt' stands there twice"),
        ("given=[njets]", "given: no column 'njets'; did you mean 'njet'"),
        ("given=[pt, m, njet]", "given: all columns are conditions"),
        ("preprocessing.discrete=[njet]", "preprocessing.discrete: no column 'njet'"),
        ("preprocessing.periodic=[mm]", "preprocessing.periodic: no column 'mm'"),
        ("preprocessing.across=[{mass: [pt, mm]}]", "preprocessing.across: no column 'mm'"),
        ("preprocessing.across=[{masss: [pt, m]}]", "preprocessing.across.*masss"),
        ("preprocessing.logarithm=[mm]", "preprocessing.logarithm: no column 'mm'"),
        ("model={architecture: mixture_autoregressive, layers: 3}", "mixture_autoregressive has none"),
        (
            "model.bias=spline_autoregressive",
            "model.bias: 'spline_autoregressive' is the architecture itself",
        ),
        ("model.architecture=spline_autoregresive", "did you mean 'spline_autoregressive'"),
        ("model.replicas=2", "model.replicas: expected a number of at least 3"),
        ("model.posterior=bayes", "model.posterior.*bayesian"),
        (
            "model={architecture: flow_matching, posterior: laplace}",
            "model.posterior: 'laplace' needs a likelihood in the loss, which flow_matching has not",
        ),
        (
            "model={bias: flow_matching, posterior: bayesian}",
            "model.posterior: 'bayesian' needs a likelihood",
        ),
        ("judgement.derived=[{name: pt, expression: m}]", "judgement.derived: 'pt' is a column"),
        ("limits.observable=ratoi", "limits.observable: no column 'ratoi'; did you mean 'ratio'"),
        ("limits.events=[100, 10]", "limits.events: .* expected increasing numbers"),
        ("limits.range=[3, 1]", r"limits.range: \[3, 1\]: expected \[low, high\]"),
        ("inputs.signal=null", "limits: needs a signal sample"),
        ("inputs.training.cross_section=3", "inputs.training: a cross_section needs a luminosity"),
        ("judgement.planted=[0.4]", "judgement.planted.* expected a number above 0.5"),
        ("output.format=parket", "output.format: expected .*did you mean 'parquet'"),
        ("regions.signal=[1, 2]", "regions: unknown key"),
    ],
)
def test_what_is_refused(override, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, override)


def test_commands_of_searches_refuse_it(tmp_path):
    load(tmp_path)
    path = tmp_path / "generation.yaml"
    with pytest.raises(ConfigError, match=r"`hepflow compare` takes .* `hepflow generate .*\.yaml` runs it"):
        load_search(path, command="hepflow compare")
    assert isinstance(load_generation(path, command="hepflow generate"), Generation)


def test_the_command_of_generations_refuses_searches(tmp_path):
    path = tmp_path / "search.yaml"
    path.write_text(
        "inputs: {data: {path: a.h5, format: lhco}}\nregions: {signal: [3, 4], sidebands: [[2, 3], [4, 5]]}\n"
        "fit: {bin_width: 0.5}\n",
        encoding="utf-8",
    )
    assert isinstance(load_search(path, command="hepflow compare"), Config)
    with pytest.raises(ConfigError, match=r"`hepflow generate` takes .* `hepflow run .*\.yaml` runs it"):
        load_generation(path, command="hepflow generate")
    with pytest.raises(ConfigError, match="no task 'generat'; did you mean 'generate'"):
        load_config(path, ["task=generat"])


def test_the_configuration_of_the_page(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "generation.md").read_text(encoding="utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    config = load(tmp_path, text=text)
    assert config.limits.observable == "m_bb"
    assert config.output.events == 1_000_000
