"""The demonstration's events as a table of any kind under other names: the results of the jets, to the last bit."""

import json

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
import yaml

import hepflow as hf
from hepflow.config import load_config
from hepflow.demo import config_path
from hepflow.studies.search.study import STUDY

OTHER = {"m_jj": "m_mumu", "m_J1": "pt_lead", "dm_J": "pt_diff", "tau21_J1": "iso1", "tau21_J2": "iso2"}
FEATURES = ["m_J1", "dm_J", "tau21_J1", "tau21_J2"]
KINDS = ("csv", "npy", "parquet", "h5", "tree.root", "ntuple.root")
CHEAP = {
    "method": {
        **{"name": "cathode", "layers": 1, "hidden": 8, "bins": 4, "epochs": 2, "batch_size": 4096},
        **{"best_epochs": 1, "ensemble": 1, "oversampling": 2},
    },
    "classifier": {"name": "bdt", "folds": 2, "ensemble": 1, "max_iter": 5},
    "selection": {"background_efficiency": [0.1, 0.01]},
}
# what names things, or says when and from where; a table lists other causes of lost events
NAMED = (
    "config_hash",
    "timing",
    "versions",
    "resonance",
    "label",
    "feature",
    "sentence",
    "reason",
    "cutflow",
)


def write(path, kind, columns):
    """Write columns as a file of some kind, each number as it is."""
    if kind == "csv":
        rows = zip(*(values.tolist() for values in columns.values()), strict=True)
        path.write_text("\n".join([",".join(columns), *(",".join(map(repr, row)) for row in rows)]))
    elif kind == "npy":
        array = np.empty(len(columns["m_mumu"]), [(name, values.dtype) for name, values in columns.items()])
        for name, values in columns.items():
            array[name] = values
        np.save(path, array)
    elif kind == "parquet":
        pq.write_table(pa.table(columns), path)
    elif kind == "h5":
        with h5py.File(path, "w") as file:
            for name, values in columns.items():
                file[name] = values
    else:
        with uproot.recreate(path) as file:
            make = file.mktree if kind == "tree.root" else file.mkrntuple
            make("events", {name: values.dtype for name, values in columns.items()}).extend(columns)


@pytest.fixture(scope="module")
def tables():
    """Return the columns of each of the demonstration's samples, under other names."""
    found = {}
    for name in ("data", "signal", "simulation"):
        sample = hf.features(hf.read(f"demo:{name}.h5", "lhco"), FEATURES)
        found[name] = {OTHER[key]: sample[key] for key in OTHER}
        if sample.label is not None:
            found[name]["truth"] = sample.label.astype(np.int64)
    return found


def numbers(content):
    """Return what a record holds but names."""
    if isinstance(content, dict):
        return {key: numbers(value) for key, value in content.items() if key not in NAMED}
    return [numbers(one) for one in content] if isinstance(content, list) else content


def searched(folder, configuration):
    path = folder / "demo.yaml"
    path.write_text(yaml.safe_dump(configuration))
    STUDY.run(load_config(path), folder / "run", until="fit")
    return numbers(json.loads((folder / "run" / "results.json").read_text()))


@pytest.fixture(scope="module")
def demo():
    return yaml.safe_load(config_path().read_text()) | CHEAP


@pytest.fixture(scope="module")
def usual(demo, _quick_closure, tmp_path_factory):
    """Return the results of the demonstration's own files."""
    inputs = {name: one | {"path": f"demo:{one['path']}"} for name, one in demo["inputs"].items()}
    return searched(tmp_path_factory.mktemp("usual"), demo | {"inputs": inputs})


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_results_from_every_kind_of_file(kind, demo, usual, tables, tmp_path):
    inputs = {}
    for name, columns in tables.items():
        write(tmp_path / f"{name}.{kind}", kind, columns)
        inputs[name] = {"path": f"{name}.{kind}", "format": "table"}
        inputs[name] |= {"label_branch": "truth"} if "truth" in columns else {}
    own = {"inputs": inputs, "resonance": "m_mumu", "features": [OTHER[name] for name in FEATURES]}
    assert searched(tmp_path, demo | own) == usual
    assert [cut["n_obs"] > 0 for cut in usual["cuts"]] == [True, True]


def test_single_precision_is_read_as_what_it_is(tables, tmp_path):
    columns = {name: values[:500].astype(np.float32) for name, values in tables["signal"].items()}
    exact = np.stack([columns["iso1"], columns["iso2"]], axis=1).astype(np.float64)
    for kind in KINDS:  # a CSV has the digits of the double that each single is
        write(tmp_path / f"a.{kind}", kind, columns)
        sample = hf.features(hf.read(tmp_path / f"a.{kind}", "table"), ["iso1", "iso2"], resonance="m_mumu")
        assert np.array_equal(sample.features, exact), kind
        assert np.array_equal(sample.mass, columns["m_mumu"].astype(np.float64)), kind
