"""The same events as a table of any kind, with other names: the same results, and nothing called m_jj."""

import json
import tarfile
from types import SimpleNamespace

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
import yaml

from hepflow.config import load_config
from hepflow.errors import ConfigError, InputError
from hepflow.export import export_run
from hepflow.results import Results
from hepflow.storage import load_sample
from hepflow.studies.search.check import check
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


BAD = {
    "charge": "feature 'charge' is discrete: 3 values",  # a flow is the method
    "spike": "feature 'spike' is exactly 0 in",
    "same": "feature 'same' is 1 in all",
    "nan": "no event is left",
    "word": "'word' holds 'x0' in row 1",
    "log_m": "feature 'log_m' is a function of the resonant variable 'm_mumu'",
    "absent": "no column 'absent'",
    "unknown": "no branch 'absent' of",
    "some_nan": None,  # these events are dropped, and counted
}


@pytest.fixture(scope="module")
def awkward(tmp_path_factory):
    """Return a table with columns that no search should take."""
    random, events = np.random.default_rng(1), 4000
    columns = {
        "m_mumu": 60 * random.random(events) ** (-1 / 4),
        "iso": random.random(events),
        "charge": random.integers(-1, 2, events).astype(float),
        "spike": np.where(random.random(events) < 0.3, 0.0, random.random(events)),
        "same": np.ones(events),
        "nan": np.full(events, np.nan),
        "some_nan": np.where(random.random(events) < 0.1, np.nan, random.random(events)),
        "word": np.array([f"x{i}" for i in range(events)]),
        "w": 0.5 + random.random(events),
        "twice": np.full(events, 2.0),
        "minus": np.full(events, -1.0),
    }
    path = tmp_path_factory.mktemp("awkward") / "a.csv"
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]))
    return path


def awkward_search(folder, path, feature, **data):
    expressions = {"log_m": "log(m_mumu)", "unknown": "2 * absent"}
    if feature in expressions:
        feature = {"name": feature, "expression": expressions[feature]}
    settings = {
        "inputs": {"data": {"path": str(path), "format": "table", **data}},
        "resonance": "m_mumu",
        "features": ["iso", feature] if feature else ["iso"],
        "regions": {"signal": [90, 100], "sidebands": [[70, 90], [100, 130]]},
        "fit": {"bin_width": 2},
    }
    (folder / "a.yaml").write_text(yaml.safe_dump(settings))
    return check(load_config(folder / "a.yaml"))


@pytest.fixture
def _no_estimate(monkeypatch):
    """Leave out how long a run will take, which takes seconds."""
    nothing = SimpleNamespace(lines=list)
    monkeypatch.setattr("hepflow.studies.search.check.estimate", lambda *_: nothing)


@pytest.mark.parametrize("feature", BAD)
@pytest.mark.usefixtures("_no_estimate")
def test_what_a_check_says_of_awkward_columns(awkward, tmp_path, feature):
    try:
        found = awkward_search(tmp_path, awkward, feature)
    except (InputError, ConfigError) as error:
        assert BAD[feature] in str(error)  # noqa: PT017 (some are problems of a whole list)
        return
    if BAD[feature] is None:
        assert not found.problems
        assert any("some_nan is NaN or infinite" in line for line in found.lines)
    else:
        assert any(BAD[feature] in problem for problem in found.problems)


@pytest.mark.parametrize("weight", ["w", "minus"])
def test_weights_of_data_that_no_count_can_have(awkward, tmp_path, weight):
    with pytest.raises(
        ConfigError, match=r"data carry different weights.*leave `weight` of inputs\.data out"
    ):
        awkward_search(tmp_path, awkward, None, weight=weight)


@pytest.mark.usefixtures("_no_estimate")
def test_one_weight_of_all_data_changes_nothing(awkward, tmp_path):
    weighted, plain = (awkward_search(tmp_path, awkward, None, **more) for more in ({"weight": "twice"}, {}))
    assert weighted.problems == plain.problems
    assert set(plain.lines) - set(weighted.lines) == {"  reads m_mumu, iso"}


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
