"""TTree and RNTuple: what is read, and what is said when it cannot be."""

import awkward as ak
import numpy as np
import pytest
import uproot

from hepflow.errors import ConfigError, InputError
from hepflow.features import features
from hepflow.readers import read

CUSTOM = {name: f"FatJet_{name}" for name in ("pt", "eta", "phi", "mass")}


def all_jets(source):
    return ak.concatenate([chunk.events["jets"] for chunk in source])


def test_jets_come_in_the_order_of_the_file(tree_file, toy):
    source = read(tree_file, "nanoaod")
    assert source.num_events == 500
    assert source.files == (str(tree_file),)
    assert source.jet_fields == ("pt", "eta", "phi", "mass", "tau1", "tau2", "tau3")
    for _ in range(2):  # each iteration begins anew
        jets = all_jets(source)
        for name in source.jet_fields:
            assert ak.to_list(jets[name]) == ak.to_list(toy[f"FatJet_{name}"])


@pytest.mark.parametrize("chunk", [1, 7, 130, 10_000, "2 kB", "1 GB"])
def test_chunks_add_up(tree_file, toy, chunk):
    chunks = list(read(tree_file, "nanoaod", chunk=chunk))
    assert sum(chunk.cutflow[0][1] for chunk in chunks) == 500
    assert ak.to_list(ak.concatenate([c.events["jets"]["pt"] for c in chunks])) == ak.to_list(
        toy["FatJet_pt"]
    )


@pytest.mark.parametrize("chunk", [0, -1, "64", "many MB", "-1 MB", True])
def test_impossible_chunks_are_refused(tree_file, chunk):
    with pytest.raises(ConfigError, match=r"chunk .*expected a number of events"):
        read(tree_file, "nanoaod", chunk=chunk)


def test_only_what_is_asked_for_is_read(tree_file):
    chunk = next(read(tree_file, "nanoaod").chunks(["pt", "tau1"]))
    assert chunk.events["jets"].fields == ["pt", "tau1"]
    with pytest.raises(ConfigError, match="no field 'tau4'"):
        read(tree_file, "nanoaod").chunks(["tau4"])


def test_rntuple_is_read_whole(tmp_path, toy, tree_file):
    path = tmp_path / "rntuple.root"
    with uproot.recreate(path) as file:
        file["Events"] = toy
    assert uproot.open(path)["Events"].classname == "ROOT::RNTuple"
    selection = "FatJet_pt[:, 0] > 600 and HLT_PFJet500"
    for options in (
        {},
        {"selection": selection},
        {"weight": "genWeight", "label_branch": "truth", "label": 1},
    ):
        ours, expected = (features(read(p, "nanoaod", **options)) for p in (path, tree_file))
        assert ours.cutflow == expected.cutflow
        assert np.array_equal(ours.features, expected.features)
        assert np.array_equal(ours.weight, expected.weight)


def test_rntuple_chunks_end_where_clusters_end(tmp_path, toy):
    path = tmp_path / "clusters.root"
    with uproot.recreate(path) as file:
        tuple_ = file.mkrntuple("Events", {name: ak.type(column).content for name, column in toy.items()})
        for start in range(0, 500, 100):
            tuple_.extend({name: column[start : start + 100] for name, column in toy.items()})
    source = read(path, "nanoaod", chunk=250)
    assert [len(chunk.events) for chunk in source] == [200, 200, 100]
    assert ak.to_list(all_jets(source)["mass"]) == ak.to_list(toy["FatJet_mass"])


def test_rntuple_record_fields(tmp_path, toy):
    names = ("pt", "eta", "phi", "mass", "tau1", "tau2")
    with uproot.recreate(tmp_path / "record.root") as file:
        file["Events"] = {"FatJet": ak.zip({name: toy[f"FatJet_{name}"] for name in names})}
    jets = all_jets(read(tmp_path / "record.root", "nanoaod"))
    assert ak.to_list(jets["tau2"]) == ak.to_list(toy["FatJet_tau2"])


def test_several_files_and_globs(tmp_path, toy, write_tree):
    for name in ("b", "a"):
        write_tree(tmp_path / f"{name}.root", toy)
    glob = read(tmp_path / "*.root", "nanoaod")
    assert glob.files == (str(tmp_path / "a.root"), str(tmp_path / "b.root"))
    assert features(glob).cutflow[0] == ("events read", 1000)
    listed = read([tmp_path / "b.root", str(tmp_path / "a.root")], "nanoaod")
    assert listed.files == glob.files[::-1]
    assert "2 files" in listed.description


def test_mev_become_gev(tmp_path, toy, write_tree, tree_file):
    mev = {name: column * 1000 if name[7:] in ("pt", "mass") else column for name, column in toy.items()}
    write_tree(tmp_path / "mev.root", mev)
    sample = features(read(tmp_path / "mev.root", "nanoaod", unit="MeV"))
    assert np.allclose(sample.mass, features(read(tree_file, "nanoaod")).mass, rtol=1e-12)
    with pytest.raises(InputError, match=r"median pT of the leading jet .* in MeV: set unit: MeV"):
        features(read(tmp_path / "mev.root", "nanoaod"))


def test_gev_read_as_mev_is_noticed(tree_file):
    with pytest.raises(InputError, match=r"seems to be in GeV: set unit: GeV"):
        features(read(tree_file, "nanoaod", unit="MeV"))


def test_energy_instead_of_mass_and_cartesian_momenta(tmp_path, toy, write_tree, tree_file):
    pt, eta, phi, mass = (toy[f"FatJet_{name}"] for name in CUSTOM)
    columns = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta)}
    columns["energy"] = np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2)
    path = write_tree(tmp_path / "p4.root", columns, tree="anything")
    ours = features(read(path, "custom", branches={name: name for name in columns}), ["m_J1", "dR_JJ"])
    expected = features(read(tree_file, "nanoaod"), ["m_J1", "dR_JJ"])
    assert np.allclose(ours.mass, expected.mass, rtol=1e-9)
    assert np.allclose(ours.features, expected.features, rtol=1e-5)


def test_weight_label_and_element_of_an_array(tmp_path, toy, write_tree):
    toy["weights"] = ak.from_regular(np.stack([toy["genWeight"], 2 * toy["genWeight"]], axis=1))
    path = write_tree(tmp_path / "weights.root", toy)
    sample = features(read(path, "nanoaod", weight="weights[1]", label_branch="truth"))
    two = np.asarray(ak.num(toy["FatJet_pt"]) >= 2)
    assert np.array_equal(sample.weight, 2 * toy["genWeight"][two])
    assert np.array_equal(sample.label, toy["truth"][two])
    with pytest.raises(InputError, match=r"weights\[2\].*not an element 2 everywhere"):
        features(read(path, "nanoaod", weight="weights[2]"))
    with pytest.raises(InputError, match=r"'weights' holds .*expected one number per event"):
        features(read(path, "nanoaod", weight="weights"))
    with pytest.raises(InputError, match=r"truth column 'genWeight' holds .*whole numbers"):
        features(read(path, "nanoaod", label_branch="genWeight"))


def test_label_keeps_one_truth_value(tree_file, toy):
    sample = features(read(tree_file, "nanoaod", label_branch="truth", label=0))
    assert set(sample.label) == {0}
    assert sample.cutflow[:2] == (
        ("events read", 500),
        ("dropped: truth label is not 0", int(toy["truth"].sum())),
    )
    with pytest.raises(ConfigError, match="label=0: format 'nanoaod' has no truth column"):
        read(tree_file, "nanoaod", label=0)


def test_another_branch_for_one_quantity(tree_file, toy):
    sample = features(read(tree_file, "nanoaod", branches={"tau2": "FatJet_tau3"}), ["tau21_J1"])
    other = features(read(tree_file, "nanoaod", branches={"tau2": "FatJet_tau2"}), ["tau21_J1"])
    assert not np.allclose(sample.features, other.features)
    with pytest.raises(InputError, match=r"'FatJet_softdrop' \(branches: mass\); did you mean"):
        read(tree_file, "nanoaod", branches={"mass": "FatJet_softdrop"})


def test_jets_without_subjettiness(tmp_path, toy, write_tree):
    path = write_tree(tmp_path / "bare.root", {f"FatJet_{name}": toy[f"FatJet_{name}"] for name in CUSTOM})
    assert len(features(read(path, "nanoaod"), ["m_J1"]))
    with pytest.raises(
        InputError, match=r"'tau21_J1' needs tau2 and tau1 of each jet; the jets have pt, eta"
    ):
        features(read(path, "nanoaod"))


def test_absent_tree_names_those_there(tree_file):
    with pytest.raises(InputError, match=r"no tree 'Event' in it; there is 'Events'"):
        read(tree_file, "nanoaod", tree="Event")


def test_several_trees_must_be_told_apart(tmp_path, toy, write_tree):
    path = tmp_path / "two.root"
    with uproot.recreate(path) as file:
        for name in ("nominal", "systematic"):
            file.mktree(name, {"x": np.float64}).extend({"x": np.ones(2)})
    with pytest.raises(InputError, match=r"several trees \('nominal', 'systematic'\); say which, with tree="):
        read(path, "custom", branches=CUSTOM)


def test_no_tree_at_all(tmp_path):
    with uproot.recreate(tmp_path / "text.root") as file:
        file["note"] = "nothing here"
    with pytest.raises(InputError, match=r"holds no TTree or RNTuple; it holds note \(TObjString\)"):
        read(tmp_path / "text.root", "nanoaod")


def test_absent_branch_names_the_nearest(tree_file):
    with pytest.raises(InputError, match=r"no branch or column 'FatJet_ptt'.*did you mean 'FatJet_pt'"):
        read(tree_file, "custom", branches={**CUSTOM, "pt": "FatJet_ptt"})
    with pytest.raises(InputError, match=r"'genWeigth' \(weight\); did you mean 'genWeight'"):
        read(tree_file, "nanoaod", weight="genWeigth")


def test_other_jet_collections_are_offered(tmp_path, toy, write_tree):
    renamed = {name.replace("FatJet", "AK15Puppi"): column for name, column in toy.items()}
    path = write_tree(tmp_path / "ak15.root", renamed)
    with pytest.raises(InputError, match=r"no collection 'FatJet', but 'AK15Puppi'.*pt: AK15Puppi_pt"):
        read(path, "nanoaod")


def test_branches_of_two_collections_are_refused(tmp_path, toy, write_tree):
    toy["Jet_pt"] = ak.concatenate([toy["FatJet_pt"], toy["FatJet_pt"]], axis=1)
    path = write_tree(tmp_path / "mixed.root", toy)
    with pytest.raises(
        InputError, match=r"mixed.root: 'Jet_pt' and 'FatJet_eta' do not hold the same number"
    ):
        list(read(path, "custom", branches={**CUSTOM, "pt": "Jet_pt"}))
    with pytest.raises(InputError, match=r"'genWeight' holds float64; expected per event a list"):
        list(read(path, "custom", branches={**CUSTOM, "mass": "genWeight"}))


@pytest.mark.parametrize("fraction", [0.001, 0.3, 0.9])
def test_truncated_file(tmp_path, tree_file, fraction):
    contents = tree_file.read_bytes()
    path = tmp_path / "cut.root"
    path.write_bytes(contents[: int(len(contents) * fraction)])
    with pytest.raises(InputError, match=r"cut.root: truncated: .*copy it anew"):
        read(path, "nanoaod")


def test_damage_inside_is_found_while_iterating(tmp_path, tree_file):
    contents = bytearray(tree_file.read_bytes())
    start = uproot.open(tree_file)["Events/FatJet_pt"].member("fBasketSeek")[0]
    contents[start + 60 : start + 400] = bytes(340)
    path = tmp_path / "damaged.root"
    path.write_bytes(contents)
    with pytest.raises(InputError, match=r"damaged.root: cannot be read as ROOT"):
        list(read(path, "nanoaod"))


def test_zero_entries(tmp_path, toy, write_tree, tree_file):
    with uproot.recreate(tmp_path / "empty.root") as file:
        file.mktree("Events", {"x": np.float64})
    with pytest.raises(InputError, match=r"empty.root: zero entries"):
        read(tmp_path / "empty.root", "nanoaod")
    both = read([tmp_path / "empty.root", tree_file], "nanoaod")  # one empty file among others is no fault
    assert features(both).cutflow[0] == ("events read", 500)


def test_files_must_hold_the_same(tmp_path, toy, write_tree, tree_file):
    del toy["FatJet_tau3"]
    other = write_tree(tmp_path / "older.root", toy)
    with pytest.raises(InputError, match=r"older.root and .*toy.root differ in tau3"):
        read([tree_file, other], "nanoaod")


@pytest.mark.parametrize(
    ("branches", "message"),
    [
        (None, "needs branches"),
        ({**CUSTOM, "tau5": "x"}, "unknown jet quantity 'tau5'; did you mean"),
        ({"pt": "a", "eta": "b", "phi": "c"}, "no mass; expected pt, eta, phi"),
        ({"px": "a", "pz": "c", "mass": "m"}, "no py"),
        ({**CUSTOM, "pt": ["a", "b"]}, "one jagged branch for every quantity"),
        ({**CUSTOM, "pt": 3}, "expected a branch"),
    ],
)
def test_custom_branches_are_checked(tree_file, branches, message):
    with pytest.raises(ConfigError, match=message):
        read(tree_file, "custom", branches=branches)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "nanoaodd"}, "unknown format 'nanoaodd': did you mean 'nanoaod'"),
        ({"format": "nanoaod", "unit": "TeV"}, "unit 'TeV': expected GeV or MeV"),
        ({"format": "nanoaod", "label": 0.5}, "label 0.5: expected a whole number"),
        ({"format": "hepflow", "branches": CUSTOM}, "format 'hepflow' takes no branches"),
    ],
)
def test_arguments_are_checked(tree_file, options, message):
    with pytest.raises(ConfigError, match=message):
        read(tree_file, **options)
