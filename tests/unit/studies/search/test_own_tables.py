"""The same events as a table of any kind, with other names: the same results, and nothing called m_jj."""

import json
import tarfile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
import yaml

from hepflow.config import load_config
from hepflow.export import export_run
from hepflow.results import Results
from hepflow.storage import load_sample
from hepflow.studies.search.figures import figures
from hepflow.studies.search.study import STUDY

OTHER = {"m_jj": "m_mumu", "m_J1": "pt_lead", "tau21": "iso", "label": "truth"}
OWN = {
    "resonance": {"column": "m_mumu", "label": r"$m_{\mu\mu}$", "title": "dimuon mass"},
    "features": ["pt_lead", {"name": "iso", "column": "iso", "label": r"$I_\mu$"}],
}
# what names things, or says when and from where
NAMED = ("name", "config_hash", "timing", "versions", "resonance", "label", "feature", "sentence", "reason")


def write(folder, name, sample, kind):
    columns = {OTHER.get(key, key): values for key, values in sample.columns().items()}
    columns["truth"] = columns["truth"].astype(np.int64)
    del columns["weight"]
    path = folder / f"{name}.{kind}"
    if kind == "csv":
        rows = zip(*(values.tolist() for values in columns.values()), strict=True)
        path.write_text("\n".join([",".join(columns), *(",".join(map(repr, row)) for row in rows)]))
    elif kind == "npy":
        array = np.empty(len(sample), dtype=[(key, values.dtype) for key, values in columns.items()])
        for key, values in columns.items():
            array[key] = values
        np.save(path, array)
    elif kind == "parquet":
        pq.write_table(pa.table(columns), path)
    elif kind == "h5":
        with h5py.File(path, "w") as file:
            for key, values in columns.items():
                file[key] = values
    else:
        with uproot.recreate(path) as file:
            make = file.mktree if kind == "tree.root" else file.mkrntuple
            make("events", {key: values.dtype for key, values in columns.items()}).extend(columns)
    return path.name


def numbers(content):
    """Return what a record holds but names."""
    if isinstance(content, dict):
        return {key: numbers(value) for key, value in content.items() if key not in NAMED}
    return [numbers(one) for one in content] if isinstance(content, list) else content


def written(folder):
    """Give each file of a folder, of what was packed together too, with what of it can be read; figures as SVG."""
    for path in folder.rglob("*"):
        if path.name.endswith(".tar.gz"):
            with tarfile.open(path) as packed:
                for one in packed:
                    if one.isfile():
                        yield f"{path}/{one.name}", packed.extractfile(one).read().decode(errors="replace")
        elif path.is_file() and path.suffix not in (".pdf", ".png"):
            yield str(path), path.read_bytes().decode(errors="replace")
    for name, figure in figures(Results.from_json(folder / "run" / "results.json")):
        yield f"{name}.svg", figure.encode("svg").decode()


def searched(folder, configuration, until=None):
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(configuration))
    STUDY.run(load_config(path), folder / "run", until=until)
    return json.loads((folder / "run" / "results.json").read_text())


@pytest.fixture(scope="module")
def usual(inputs, settings, _quick_closure, tmp_path_factory):
    """Return settings and results of the search in files of hepflow's own."""
    usual = dict(settings)
    for name in ("data", "signal"):
        usual["inputs"][name] = {"path": str(inputs / f"{name}.h5"), "format": "hepflow"}
    return usual, searched(tmp_path_factory.mktemp("usual"), usual, "fit")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["csv", "npy", "parquet", "h5", "tree.root", "ntuple.root"])
def test_the_same_results_under_another_name(kind, inputs, usual, tmp_path):
    settings, results = usual
    own = json.loads(json.dumps(settings)) | OWN
    for name in ("data", "signal"):
        path = write(tmp_path, name, load_sample(inputs / f"{name}.h5"), kind)
        own["inputs"][name] = {"path": path, "format": "table", "label_branch": "truth"}
    found = searched(tmp_path, own, None if kind == "csv" else "fit")
    assert numbers(found) == numbers(results)
    assert found["resonance"]["name"] == found["inclusive"]["spectrum"]["resonance"]["name"] == "m_mumu"
    assert found["features"][1]["label"] == r"$I_\mu$"
    if kind == "csv":
        export_run(tmp_path / "run", tmp_path / "export")
        texts = dict(written(tmp_path))
        kinds = {name.rpartition(".")[2] for name in texts}
        assert kinds >= {"json", "html", "yaml", "log", "svg", "root", "h5", "safetensors"}
        for name, text in texts.items():
            for word in ("m_jj", "m_{jj}", "ijet mass", r"m\_jj"):
                assert word not in text, name
