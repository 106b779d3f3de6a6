"""The configuration of a study of showers: what it may hold, and what is refused, each by its key."""

import pytest

from hepflow.config import ShowerStudy, load_config, load_showers
from hepflow.errors import ConfigError
from hepflow.showers import model


def load(tmp_path, inputs, more=""):
    path = tmp_path / "showers.yaml"
    path.write_text(f"inputs: {inputs}\n{more}", encoding="utf-8")
    return load_config(path)


def test_the_task_is_seen_by_what_only_showers_have(tmp_path):
    simulated = load(tmp_path, "{simulate: {detector: photons}}")
    assert isinstance(simulated, ShowerStudy)
    assert isinstance(load(tmp_path, "{training: {path: a.h5}, geometry: {path: b.xml}}"), ShowerStudy)
    flows = simulated.model
    assert (flows.layers, flows.hidden, flows.epochs) == (model.LAYERS, model.HIDDEN, model.EPOCHS)


@pytest.mark.parametrize(
    ("inputs", "more", "said"),
    [
        ("{training: {path: a.h5}}", "task: shower", "inputs.geometry: missing; expected `training`"),
        ("{geometry: {path: b.xml}}", "", "inputs.training: missing; expected `training`"),
        ("{simulate: {}, geometry: {path: b.xml}}", "", "inputs.geometry: there is `simulate`, too"),
        ("{simulate: {detector: toys}}", "", "inputs.simulate.detector"),
        ("{simulate: {}}", "judgement: {levels: [low, low]}", "judgement"),
        ("{simulate: {}}", "model: {threshold: 0}", "model.threshold"),
    ],
)
def test_what_is_refused(tmp_path, inputs, more, said):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, inputs, more)
    assert said in str(caught.value)


def test_paths_are_as_written_in_the_hash_and_move_with_the_file(tmp_path):
    config = load(tmp_path, "{training: {path: a.h5}, geometry: {path: b.xml}}")
    assert config.openable("a.h5") == str(tmp_path / "a.h5")
    assert "../a.h5" in config.to_yaml(tmp_path / "run")


def test_no_file_is_skipped(tmp_path):
    with pytest.raises(ConfigError, match="none is left out"):
        load(tmp_path, "{simulate: {}}").skipping_bad_files()


def test_another_task_is_refused(tmp_path):
    path = tmp_path / "generation.yaml"
    path.write_text(
        "task: generate\ninputs: {training: {path: a.csv, format: table}}\ncolumns: [x]\n", encoding="utf-8"
    )
    with pytest.raises(ConfigError, match=r"`hepflow generate .*` runs it"):
        load_showers(path, command="hepflow shower")
