"""Methods that score with networks of their own: a run that was stopped before its scores goes on from there."""

import json

import pytest

from hepflow.storage import save_sample
from hepflow.studies.search.study import STUDY

SETTINGS = (
    "layers: 1, hidden: 8, bins: 4, epochs: 2, batch_size: 128, best_epochs: 1, ensemble: 1, oversampling: 10"
)
METHODS = {
    "lacathode": f"method={{name: lacathode, {SETTINGS}, spaces: 1}}",
    "anode": f"method={{name: anode, {SETTINGS}}}",
    "outlier": "method={name: outlier, width: 400, detector: {name: autoencoder, ensemble: 1, epochs: 1}}",
}


def numbers(folder):
    results = json.loads((folder / "results.json").read_text())
    return {key: value for key, value in results.items() if key != "timing"}


@pytest.mark.usefixtures("_quick_closure")
@pytest.mark.parametrize("name", METHODS)
def test_goes_on_before_its_scores(name, configure, inputs, toy, tmp_path):
    save_sample(toy.background(14_000, seed=8), inputs / "medium.h5")
    overrides = METHODS[name], "regions.validation=0", "selection.background_efficiency=[0.1]"
    config = configure(*overrides, data="medium.h5")
    STUDY.run(config, tmp_path / "straight", until="fit")
    stopped = tmp_path / "stopped"
    STUDY.run(config, stopped, until="background")
    if name != "outlier":  # which trains nothing before
        assert list(stopped.rglob("background-*.safetensors"))  # the networks that are still to score
    STUDY.run(config, stopped, until="fit")
    assert numbers(stopped) == numbers(tmp_path / "straight")
    assert not (stopped / "checkpoints").exists()
