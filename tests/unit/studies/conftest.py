"""A whole analysis in miniature, in files."""

import json
import shutil
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import yaml

from hepflow.config import load_config
from hepflow.engine.folder import STEP, digest
from hepflow.storage import save_sample
from hepflow.studies.search.study import STUDY

SETTINGS = {
    "name": "toy",
    "seed": 1,
    "inputs": {
        "data": {"path": "data.h5", "format": "hepflow"},
        "signal": {"path": "signal.h5", "format": "hepflow"},
    },
    "injection": {"events": 60, "seed": 3},
    "features": ["m_J1", "tau21"],
    "regions": {"signal": [3300, 3700], "sidebands": [[2500, 3300], [3700, 5000]]},
    "method": {
        "name": "cathode",
        "layers": 1,
        "hidden": 8,
        "bins": 4,
        "epochs": 2,
        "batch_size": 128,
        "best_epochs": 1,
        "ensemble": 1,
        "oversampling": 10,
    },
    "classifier": {"name": "bdt", "folds": 2, "ensemble": 1, "max_iter": 5, "min_samples_leaf": 20},
    "selection": {"background_efficiency": [0.1, 0.03]},
    "fit": {"bin_width": 100, "calculator": "asymptotic", "toys": 100},
}


@pytest.fixture(scope="session")
def inputs(toy, tmp_path_factory):
    """Return a folder with ``data.h5``, the same without truth and with weights, and ``signal.h5``."""
    folder = tmp_path_factory.mktemp("inputs")
    data = replace(toy.background(3000, seed=1), cutflow=(("events read", 3000), ("events kept", 3000)))
    save_sample(data, folder / "data.h5")
    save_sample(data.without_truth(), folder / "real.h5")
    save_sample(replace(data, weight=0.5 + (data.mass > 3000)), folder / "weighted.h5")
    save_sample(toy.signal(600, seed=2), folder / "signal.h5")
    return folder


@pytest.fixture(scope="session")
def settings():
    """Return the settings of the analysis."""
    return json.loads(json.dumps(SETTINGS))


@pytest.fixture(scope="session")
def configure(inputs):
    """Return a function that loads the configuration, with ``key=value`` overrides or without some blocks."""

    def configure(*overrides, data="data.h5", without=()):
        settings = {key: value for key, value in SETTINGS.items() if key not in without}
        settings["inputs"] = {key: value for key, value in SETTINGS["inputs"].items() if key not in without}
        settings["inputs"]["data"] = {"path": data, "format": "hepflow"}
        path = inputs / "search.yaml"
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return load_config(path, overrides)

    return configure


class Linear:
    """A classifier that takes no time."""

    def __init__(self, members, **settings):
        pass

    def fit(self, numerator, denominator, seed):
        means = (np.average(sample.features, 0, sample.weight) for sample in (numerator, denominator))
        self.axis = np.subtract(*means)
        return self

    def log_ratio(self, sample):
        return sample.features @ self.axis


@pytest.fixture(scope="module")
def _quick_closure():
    """The closure test with a classifier that takes no time; it has its own tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("hepflow.selection.closure"), "BoostedTrees", Linear)
        yield


@pytest.fixture(scope="module")
def finished(_quick_closure, configure, tmp_path_factory):
    """Return a run folder that is done but for the figures, to look at; nobody changes it."""
    folder = tmp_path_factory.mktemp("runs") / "toy"
    STUDY.run(configure(), folder, until="fit")
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    """Return a copy of the finished run folder, to go on from."""
    return shutil.copytree(finished, tmp_path / "toy")


@pytest.fixture
def believe():
    """Return what makes a run take the files of a step for those that it wrote."""

    def believe(folder, step):
        path = folder / "stages" / step / STEP
        record = json.loads(path.read_text("utf-8"))
        record["files"] = {file: digest(folder / file) for file in record["files"]}
        path.write_text(json.dumps(record), "utf-8")

    return believe


@pytest.fixture
def forbid(monkeypatch):
    """Return a function that makes stages fail if they are computed instead of read."""
    homes = {
        "features": ("reading.features",),
        "background": ("background.method_of", "validation.method_of"),
        "scores": ("scores.crossfit_scores", "validation.classifier_of"),
    }

    for home in sum(
        homes.values(), ()
    ):  # one that is first imported when others are patched would keep the patch
        import_module(f"hepflow.studies.analysis.{home.partition('.')[0]}")

    def forbid(*names):
        for name in names:

            def computed(*arguments, name=name, **options):
                raise AssertionError(f"{name} is computed again")

            for home in homes[name]:
                monkeypatch.setattr(f"hepflow.studies.analysis.{home}", computed)

    return forbid
