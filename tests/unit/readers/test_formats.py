"""The formats on real files of experiments and of the LHC Olympics."""

import numpy as np
import pytest

from hepflow.errors import InputError
from hepflow.features import features
from hepflow.readers import SCHEMAS, read
from hepflow.readers.schemas import find_schema

MASSES = ("m_J1", "dm_J")
LHCO = ("m_J1", "dm_J", "tau21_J1", "tau21_J2", "dR_JJ", "pt_J1", "pt_J2")
TREEMAKER = {
    **{name: f"JetsAK8.fCoordinates.f{name.capitalize()}" for name in ("pt", "eta", "phi")},
    "energy": "JetsAK8.fCoordinates.fE",
    "tau1": "JetsAK8_NsubjettinessTau1",
    "tau2": "JetsAK8_NsubjettinessTau2",
}


def test_every_format_is_registered_with_its_kinds_of_file():
    names = {
        "nanoaod",
        "physlite",
        "delphes",
        "treemaker",
        "lhco",
        "lhco-raw",
        "parquet",
        "hepflow",
        "custom",
        "table",
    }
    assert set(SCHEMAS) == names
    for name, schema in SCHEMAS.items():
        assert find_schema(name) is schema
        assert schema.unit in ("GeV", "MeV")
        assert set(schema.containers) <= {"ROOT", "HDF5", "Parquet", "CSV", "NumPy"}
        assert schema.about


@pytest.mark.parametrize(("file", "read_events", "kept"), [("pfnano", 10, 10), ("nano_tt_v12", 200, 33)])
def test_nanoaod(shared_data, file, read_events, kept):
    sample = features(read(shared_data(f"root/coffea_{file}.root"), "nanoaod", weight="genWeight"))
    assert len(sample) == kept
    assert sample.cutflow[0] == ("events read", read_events)
    assert dict(sample.cutflow)["dropped: fewer than two jets"] == read_events - kept
    assert np.isfinite(sample.weight).all()


def test_nanoaod_with_a_real_trigger(shared_data):
    path = shared_data("root/coffea_pfnano.root")
    sample = features(read(path, "nanoaod", selection="HLT_PFHT1050 or FatJet_msoftdrop[:, 0] > 1e6"), MASSES)
    name, dropped = sample.cutflow[1]
    assert name.startswith("dropped: selection: HLT_PFHT1050")
    assert len(sample) == 10 - dropped


def test_empty_nanoaod(shared_data):
    with pytest.raises(InputError, match=r"coffea_nano_dy_empty.root: zero entries"):
        read(shared_data("root/coffea_nano_dy_empty.root"), "nanoaod")


def test_physlite_masses_are_gev(shared_data):
    path = shared_data("root/coffea_PHYSLITE_example.root")
    sample = features(read(path, "physlite"), (*MASSES, "pt_J1"))
    cutflow = dict(sample.cutflow)
    assert cutflow["events read"] - cutflow["dropped: fewer than two jets"] == 32
    assert len(sample) == 32 - cutflow["dropped: negative jet mass"]  # rounding below zero, in four of them
    assert 100 < np.median(sample.feature("pt_J1")) < 1000
    assert 1 < np.median(sample.feature("m_J1")) < 300
    with pytest.raises(InputError, match="set unit: MeV"):
        features(read(path, "physlite", unit="GeV"), MASSES)


@pytest.mark.parametrize("options", [{"format": "treemaker"}, {"format": "custom", "branches": TREEMAKER}])
def test_treemaker(shared_data, options):
    sample = features(read(shared_data("root/coffea_treemaker.root"), **options))
    assert len(sample) == 10
    assert (sample.features[:, 0] > 0).all()


def test_a_path_in_the_tree_is_a_name_too(shared_data):
    paths = {**TREEMAKER, "pt": "JetsAK8/JetsAK8.fCoordinates.fPt"}
    path = shared_data("root/coffea_treemaker.root")
    assert len(features(read(path, "custom", branches=paths), MASSES)) == 10


def test_delphes_without_fat_jets_says_what_is_there(shared_data):
    path = shared_data("root/skhep_uproot-issue513.root")
    expected = (
        r"'FatJet.PT'.* no collection 'FatJet', but 'Jet', .*format 'custom' with branches: {pt: Jet.PT"
    )
    with pytest.raises(InputError, match=expected):
        read(path, "delphes")
    small = {"pt": "Jet.PT", "eta": "Jet.Eta", "phi": "Jet.Phi", "mass": "Jet.Mass", "tau1": "Jet.Tau[5][0]"}
    source = read(path, "custom", branches=small, selection="Jet.Tau[:, 0, 0] < 2")
    assert source.jet_fields == ("pt", "eta", "phi", "mass", "tau1")
    assert len(features(source, MASSES)) > 0


def test_lhco_hdf5_and_root_tree_agree(shared_data):
    h5 = features(read(shared_data("lhco/events_anomalydetection_first100k.features.h5"), "lhco"), LHCO)
    tree = read(shared_data("lhco/lhco_first100k_nanoaod_like.root"), "nanoaod", label_branch="genLabel")
    root = features(tree, LHCO)
    assert h5.cutflow == root.cutflow
    assert np.array_equal(h5.label, root.label)
    assert np.allclose(h5.mass, root.mass, rtol=1e-6)
    assert np.allclose(h5.features, root.features, rtol=1e-5, atol=1e-6)


def test_lhco_events_with_a_cause_to_drop_are_counted(shared_data):
    path = shared_data("lhco/events_anomalydetection_first100k.features.h5")
    # The four jets of negative mass have tau1 = 0 as well; each event is counted under one cause.
    everything = dict(features(read(path, "lhco")).cutflow)
    assert everything["events read"] == 100_000
    assert everything["dropped: tau1 = 0"] == 12
    assert everything["events kept"] == 99_988
    masses = dict(features(read(path, "lhco"), MASSES).cutflow)
    assert masses["dropped: negative jet mass"] == 4
    assert masses["events kept"] == 99_996
    background = features(read(path, "lhco", label=0))
    assert background.cutflow[1] == ("dropped: truth label is not 0", 9_059)
    assert (
        sum(n for cause, n in background.cutflow if cause.startswith("dropped")) + len(background) == 100_000
    )


def test_lhco_raw_events_give_the_official_jets(shared_data):
    pytest.importorskip("fastjet")
    names = ("m_J1", "dm_J", "pt_J1", "pt_J2")
    raw = features(read(shared_data("lhco/events_anomalydetection_tiny.h5"), "lhco-raw"), names)
    path = shared_data("lhco/events_anomalydetection_first100k.features.h5")
    official = features(read(path, "lhco"), names).select(slice(0, 1000))
    assert len(raw) == 1000
    assert np.array_equal(raw.label, official.label)
    assert np.allclose(raw.mass, official.mass, rtol=1e-3)
    assert np.allclose(raw.features, official.features, rtol=1e-3, atol=1e-3)


def test_pythia(shared_data):
    sample = features(read(shared_data("pythia/signal.h5"), "lhco"), (*LHCO, "tau32_J1"))
    assert dict(sample.cutflow)["events read"] == 29_227
    assert 3300 < np.median(sample.mass) < 3600
    assert set(sample.label) == {1}
