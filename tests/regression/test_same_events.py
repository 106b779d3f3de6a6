"""The same real events from an HDF5 file and from a ROOT tree: the same search."""

import json

import numpy as np
import pytest

import hepflow as hf
from hepflow.config import load_config
from hepflow.studies.search.study import STUDY

HDF5 = "lhco/events_anomalydetection_first100k.features.h5"
ROOT = "lhco/lhco_first100k_nanoaod_like.root"
CONFIG = """
name: lhco
seed: 1
inputs:
  data:   {{path: {path}, format: {format}, label: 0{extra}}}
  signal: {{path: {path}, format: {format}, label: 1{extra}}}
injection: {{events: 300, seed: 1}}
regions: {{signal: [3300, 3700], sidebands: [[2500, 3300], [3700, 5000]]}}
method: {{name: cathode, layers: 2, hidden: 16, epochs: 1, best_epochs: 1, ensemble: 2, oversampling: 4}}
classifier: {{name: bdt, folds: 2, ensemble: 1, max_iter: 20}}
selection: {{background_efficiency: [0.1, 0.01]}}
"""
FORMATS = {HDF5: ("lhco", ""), ROOT: ("nanoaod", ", label_branch: genLabel")}


def test_features(shared_data):
    one, other = (hf.features(hf.read(shared_data(name), form)) for name, (form, _) in FORMATS.items())
    np.testing.assert_allclose(other.mass, one.mass, rtol=1e-7)
    np.testing.assert_allclose(other.features, one.features, rtol=1e-5)


def test_results(shared_data, tmp_path):
    """Momenta in one file and angles in the other round differently, and no number may hang on that."""
    found = []
    for name, (form, extra) in FORMATS.items():
        config = tmp_path / f"{form}.yaml"
        config.write_text(CONFIG.format(path=shared_data(name), format=form, extra=extra))
        STUDY.run(load_config(config), tmp_path / form, until="fit")
        content = json.loads((tmp_path / form / "results.json").read_text())
        found.append({key: content[key] for key in content.keys() - {"timing", "config_hash", "versions"}})
    assert found[0]["cuts"][0]["n_obs"] > 500
    for key, value in found[0].items():
        close(found[1][key], value, key)


def close(other, one, where):
    """Assert that two values of results.json are the same to rounding."""
    if isinstance(one, dict):
        assert other.keys() == one.keys()
        for key in one:
            close(other[key], one[key], f"{where}.{key}")
    elif isinstance(one, list):
        assert len(other) == len(one)
        for index, value in enumerate(one):
            close(other[index], value, f"{where}[{index}]")
    elif isinstance(one, float):
        assert other == pytest.approx(one, rel=1e-6, abs=1e-9), where
    else:
        assert other == one, where
