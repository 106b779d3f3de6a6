"""The configuration that is written from files: formats, branches and regions."""

import awkward as ak
import numpy as np
import pytest
import uproot

from hepflow.config import example_yaml, load_config
from hepflow.errors import InputError
from hepflow.storage import save_sample
from hepflow.studies.search.recognise import recognise, start_from


def jets(prefix, events=400, **names):
    """Return branches of two jets an event, back to back, whose m_jj falls from 2000 GeV."""
    random = np.random.default_rng(1)
    pt = 1000 + random.exponential(150, events)
    two = np.ones(2)
    columns = {
        "pt": pt[:, None] * two,
        "eta": np.zeros((events, 2)),
        "phi": np.tile([0.0, np.pi], (events, 1)),
        "mass": np.full((events, 2), 100.0),
        "tau1": np.full((events, 2), 0.5),
        "tau2": np.full((events, 2), 0.2),
    }
    return {prefix + names.get(name, name): ak.from_regular(column) for name, column in columns.items()}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_tree(path, **trees):
    with uproot.recreate(path) as file:
        for name, branches in trees.items():
            file.mktree(name, {key: array.type for key, array in branches.items()})
            file[name].extend(branches)


def configured(folder, *files):
    (folder / "c.yaml").write_text(example_yaml(start_from(folder, *files)), "utf-8")
    return load_config(folder / "c.yaml")


def test_nanoaod(folder):
    write_tree("e.root", Events=jets("FatJet_"))
    config = configured(folder, "e.root")
    assert (config.inputs.data.format, config.inputs.data.tree) == ("nanoaod", None)
    assert config.features == ("m_J1", "dm_J", "tau21_J1", "tau21_J2")
    assert config.fit.blind


def test_a_tree_among_several(folder):
    write_tree("e.root", Runs={"run": ak.Array([1, 2])}, other=jets("FatJet_"))
    data = configured(folder, "e.root").inputs.data
    assert (data.format, data.tree) == ("nanoaod", "other")


def test_branches_of_no_known_format(folder):
    branches = jets("largeR_", mass="m") | {"small_pt": ak.Array([[50.0]] * 400)}
    write_tree("e.root", ntuple=branches | {"largeR_e": branches["largeR_pt"]})
    data = configured(folder, "e.root").inputs.data
    assert data.format == "custom"
    names = {"pt": "pt", "eta": "eta", "phi": "phi", "mass": "m", "tau1": "tau1", "tau2": "tau2"}
    assert data.branches == {quantity: f"largeR_{name}" for quantity, name in names.items()}


def test_features_that_a_file_can_serve(folder):
    branches = {name: array for name, array in jets("jet_").items() if "tau" not in name}
    write_tree("e.root", t=branches)
    assert configured(folder, "e.root").features == ("m_J1", "dm_J")


def test_regions_lie_in_the_falling_spectrum(folder, toy):
    save_sample(toy.background(5000, seed=1), "data.h5")
    config = configured(folder, "data.h5")
    windows = config.regions.windows
    assert config.features == ("m_J1", "dm_J")  # of those that are usual, what the file holds
    assert 2500 <= windows.range[0] < 2700
    assert windows.range[1] < 5000
    assert "A guess from 5,000 events" in (folder / "c.yaml").read_text("utf-8")


def test_the_signal_says_where_to_look(folder, toy):
    save_sample(toy.background(5000, seed=1), "data.h5")
    save_sample(toy.signal(500, seed=2), "signal.h5")
    config = configured(folder, "data.h5", "signal.h5")
    assert config.regions.signal == (3300, 3700)
    assert config.inputs.signal.label == 1
    assert config.inputs.data.label is None
    both = configured(folder, "data.h5", "data.h5").inputs  # one file that holds both
    assert (both.data.label, both.signal.label) == (0, 1)


def test_too_few_events_to_guess_from(folder):
    write_tree("e.root", Events=jets("FatJet_", events=5))
    configured(folder, "e.root")
    assert "Not to be guessed from 5 events" in (folder / "c.yaml").read_text("utf-8")


def test_paths_start_at_the_configuration(folder, toy):
    save_sample(toy.background(5000, seed=1), "data.h5")
    (folder / "here").mkdir()
    config = configured(folder / "here", "data.h5")
    assert config.inputs.data.path == ("../data.h5",)


def test_says_what_a_file_holds(folder):
    write_tree("e.root", t={"x": ak.Array([1.0]), "jet_pt": ak.Array([[1.0]])})
    with pytest.raises(InputError, match=r"e\.root: no format fits, .* It holds jet_pt, njet_pt, x\. "):
        recognise("e.root")
    (folder / "damaged.root").write_bytes(b"root\0\0")
    with pytest.raises(InputError, match="damaged"):
        recognise("damaged.root")
    with pytest.raises(InputError, match="no such file"):
        recognise("none.root")
