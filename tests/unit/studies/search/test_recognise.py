"""The configuration that is written from files: formats, branches and regions."""

import awkward as ak
import numpy as np
import pytest
import uproot

from hepflow.config import example_yaml, load_config
from hepflow.errors import InputError
from hepflow.methods import fit_sidebands
from hepflow.sample import Sample
from hepflow.storage import save_sample
from hepflow.studies.known import study
from hepflow.studies.search.recognise import _name, recognise, start_from


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


def test_the_spectrum_begins_where_the_function_describes_it(folder):
    """A turn-on is no part of the sidebands: their fit starts above it."""
    random = np.random.default_rng(4)
    masses = 1500 + random.exponential(500, 150_000)
    kept = masses[random.random(len(masses)) < 1 / (1 + np.exp((2600 - masses) / 120))]
    save_sample(Sample(kept, random.normal(size=(len(kept), 2)), ("m_J1", "dm_J")), "data.h5")
    config = configured(folder, "data.h5")
    assert 2700 <= config.regions.sidebands[0][0] <= 3300
    fit = fit_sidebands(Sample(kept, np.zeros((len(kept), 1)), ("x",)), config.regions.windows, 50.0)
    assert fit.p_value > 0.01
    assert "The dijet function describes the sidebands" in (folder / "c.yaml").read_text("utf-8").replace(
        "\n# ", " "
    )


def test_a_file_of_both_truths_is_data_and_signal(folder, toy):
    """Nothing of that is silent: the file says what the labels are and what becomes of them."""
    background, signal = toy.background(5000, seed=1), toy.signal(400, seed=2)
    save_sample(Sample.concat([background, signal]), "both.h5")
    config = configured(folder, "both.h5")
    assert (config.inputs.data.label, config.inputs.signal.label) == (0, 1)
    assert config.inputs.signal.path == config.inputs.data.path == ("both.h5",)
    assert config.regions.signal == (3300, 3700)
    text = " ".join((folder / "c.yaml").read_text("utf-8").replace("# ", " ").split())
    assert (
        "The data have truth labels: 400 events of signal, 5,000 of background among the first 5,400." in text
    )


def test_generator_particles_are_no_jets(folder):
    both = jets("Particle.", pt="PT") | jets("GenJet_") | jets("Jet_")
    write_tree("e.root", t=both)
    assert configured(folder, "e.root").inputs.data.branches["pt"] == "Jet_pt"
    write_tree("particles.root", t=jets("Particle.", pt="PT") | jets("Muon_") | jets("GenJet_"))
    with pytest.raises(InputError, match="no format fits"):
        recognise("particles.root")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("events.features.h5", "events"),
        ("deep/run2 data.root", "run2-data"),
        ("jets/*.root", "jets"),
        ("data_*.parquet", "data"),
        ("https://server.org/a/tt.root?x=1", "tt"),
    ],
)
def test_the_name_is_that_of_the_data(data, name):
    assert _name(data) == name


def test_paths_stay_as_given(folder, toy):
    save_sample(toy.background(5000, seed=1), "data.h5")
    assert configured(folder, str(folder / "data.h5")).inputs.data.path == (str(folder / "data.h5"),)
    text = (folder / "c.yaml").read_text("utf-8")
    assert f"path: {folder / 'data.h5'}" in text
    configured(folder, "data.h5")
    assert "path: data.h5" in (folder / "c.yaml").read_text("utf-8")


def test_a_scan_has_room_in_the_regions(folder, toy):
    save_sample(toy.background(5000, seed=1), "data.h5")
    config = configured(folder, "data.h5")
    study("windows").check(config)


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
