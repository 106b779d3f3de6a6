"""Columns of trees: leaf lists, friends, names that are paths, and branches that were not filled for every event."""

import awkward as ak
import numpy as np
import pytest
import uproot
from made_up.root_files import fill, rewrite, text, write_leaf_list, write_with_friends

from hepflow.errors import InputError
from hepflow.features import features
from hepflow.readers import read
from hepflow.readers.damage import UnsupportedError
from hepflow.readers.root import open_root

N = 40
QUANTITIES = ("pt", "eta", "phi", "mass")
PAIR = {q: [f"{q}1", f"{q}2"] for q in QUANTITIES}


@pytest.fixture
def pairs():
    """Flat columns of two jets an event: pt1, pt2, eta1 ... of N events."""
    random = np.random.default_rng(4)
    scale = {"pt": 900.0, "mass": 200.0}
    return {
        f"{q}{jet}": scale.get(q, 1.0) * random.uniform(0.2, 1, N).astype("f4")
        for q in QUANTITIES
        for jet in (1, 2)
    }


def jets(path, branches=PAIR, **options):
    return features(read(path, "custom", branches=branches, chunk=17, **options), ["m_J1"])


@pytest.fixture
def expected(tmp_path, pairs):
    with uproot.recreate(tmp_path / "plain.root") as file:
        fill(file, "Events", pairs)
    return jets(tmp_path / "plain.root")


def test_leaf_lists(tmp_path, pairs, expected):
    leaves = ("mass1", "mass2", "w")
    weights = np.linspace(1, 2, N).astype("f4")
    values = np.stack([pairs.pop("mass1"), pairs.pop("mass2"), weights], axis=1)
    path = write_leaf_list(tmp_path / "e.root", pairs, "jet", leaves, values)
    for dot in "./":
        branches = {**PAIR, "mass": [f"jet{dot}mass1", f"jet{dot}mass2"]}
        sample = jets(path, branches, weight=f"jet{dot}w", selection="jet.w > 1.5")
        assert np.array_equal(sample.features, expected.features[weights > 1.5])
        assert np.array_equal(sample.weight, weights[weights > 1.5])
    with pytest.raises(InputError, match=r"no branch or column 'jet\.v' \(weight\)"):
        jets(path, branches, weight="jet.v")


def write_friend(path, columns, tree="Other"):
    with uproot.recreate(path) as file:
        fill(file, tree, columns)


def test_friend_trees(tmp_path, pairs, expected, monkeypatch):
    """The columns of a friend go by their names where the tree has none like them, else behind that of the friend."""
    masses = {name: pairs.pop(name) for name in ("mass1", "mass2")}
    own = {**pairs, "w": np.full(N, 3.0)}
    weights = np.linspace(1, 2, N)
    (tmp_path / "a").mkdir()
    path = write_with_friends(tmp_path / "a/e.root", own, [("fr", "friend.root", "Other")])
    write_friend(tmp_path / "a/friend.root", {**masses, "w": weights})
    sample = jets(path, weight="fr.w", selection="w == 3 and fr.w > 1.5")
    assert np.array_equal(sample.features, expected.features[weights > 1.5])
    assert np.array_equal(sample.weight, weights[weights > 1.5])
    assert jets(path, {**PAIR, "mass": ["fr.mass1", "fr.mass2"]}, weight="w").weight.tolist() == [3.0] * N
    (tmp_path / "a/friend.root").rename(
        tmp_path / "friend.root"
    )  # as ROOT has it, seen from where one stands
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(jets(path).mass, expected.mass)


def test_a_friend_in_the_same_file(tmp_path, pairs, expected):
    masses = {name: pairs.pop(name) for name in ("mass1", "mass2")}
    path = write_with_friends(tmp_path / "e.root", pairs, [("Other", "", "Other")])
    with uproot.update(path) as file:
        fill(file, "Other", masses)
    assert np.array_equal(jets(path, tree="Events").mass, expected.mass)


def test_friends_that_do_not_fit(tmp_path, pairs, expected):
    path = write_with_friends(tmp_path / "e.root", pairs, [("fr", "friend.root", "Other")])
    assert np.array_equal(jets(path).mass, expected.mass)  # the tree itself needs no friend
    with pytest.raises(InputError, match=r"'v' \(weight\).*friend tree 'Other' in .*friend\.root"):
        jets(path, weight="v")
    write_friend(tmp_path / "friend.root", {"v": np.ones(N - 1)})
    with pytest.raises(
        UnsupportedError, match=r"'v' stands in the friend tree 'Other' .* 39 entries.* has 40"
    ):
        jets(path, weight="v")
    assert np.array_equal(jets(path).mass, expected.mass)


@pytest.fixture
def short(tmp_path, pairs):
    """Write a tree whose branch w was filled for 10 of 40 events, and whose branch long for 50."""

    def change(raw):
        for name, number in (("w", 10), ("long", 50)):
            start = raw.index(text(name) + text(f"{name}/D"))
            start = raw.index(N.to_bytes(8, "big"), start) + 8  # the next entry to be filled
            start = raw.index(N.to_bytes(8, "big"), start)
            raw = raw[:start] + number.to_bytes(8, "big") + raw[start + 8 :]
        return raw

    columns = {**pairs, "w": np.ones(N), "long": np.ones(N)}
    with uproot.recreate(tmp_path / "short.root") as file:
        rewrite(file, fill(file, "Events", columns), change)
    return tmp_path / "short.root"


@pytest.mark.parametrize(("name", "entries"), [("w", 10), ("long", 50)])
def test_branches_of_another_length(short, expected, name, entries):
    assert np.array_equal(jets(short).mass, expected.mass)
    said = rf"short\.root: '{name}' holds {entries} entries, and its tree 40: which events they belong to"
    for asked in ({"weight": name}, {"label_branch": name}, {"selection": f"{name} > 0"}):
        with pytest.raises(UnsupportedError, match=said):
            read(short, "custom", branches=PAIR, **asked)
    with pytest.raises(InputError, match=said):
        read(
            [short, short.with_name("plain.root")], "custom", branches=PAIR, weight=name, skip_bad_files=True
        )


def test_paths_lead_where_they_say(tree_file, tmp_path):
    with pytest.raises(InputError, match=r"'JES__1up/genWeight' \(weight\); there is 'genWeight'"):
        read(tree_file, "nanoaod", weight="JES__1up/genWeight")
    with pytest.raises(InputError, match=r"'up/truth\[0\]'"):
        read(tree_file, "nanoaod", label_branch="up/truth[0]")
    table = open_root(str(tree_file), None)
    assert table.spelled("genWeight") == "genWeight"
    assert table.spelled("x/genWeight") is None


@pytest.mark.parametrize("name", ["Events;1", "/Events", "Events;2", "Events"])
def test_cycles(tmp_path, toy, tree_file, name):
    with uproot.update(tree_file) as file:
        file["again"] = "text"
    if name == "Events;2":
        with pytest.raises(InputError, match="no tree 'Events;2' in it; there is 'Events'"):
            read(tree_file, "nanoaod", tree=name)
    else:
        assert read(tree_file, "nanoaod", tree=name).num_events == 500


@pytest.mark.parametrize("name", [None, "deep/Events", "deep/Events;1", "/deep/Events"])
def test_trees_in_folders(tmp_path, pairs, expected, name):
    with uproot.recreate(tmp_path / "e.root") as file:
        fill(file, "deep/Events", pairs)
    assert np.array_equal(jets(tmp_path / "e.root", tree=name).mass, expected.mass)


def test_physlite_as_rntuple(tmp_path, toy, tree_file):
    """ATLAS writes colons where a TTree has dots, and another name of the tuple."""
    names = {"pt": "pt", "eta": "eta", "phi": "phi", "mass": "m"} | {
        f"tau{n}": f"Tau{n}_wta" for n in (1, 2, 3)
    }
    columns = {f"AnalysisLargeRJetsAuxDyn:{own}": toy[f"FatJet_{name}"] for name, own in names.items()}
    columns["EventInfoAuxDyn:mcEventWeights"] = ak.from_regular(np.stack([toy["genWeight"]] * 2, axis=1))
    columns["EventInfoAuxDyn:eventNumber"] = np.arange(500)
    with uproot.recreate(tmp_path / "e.root") as file:
        file["EventData"] = columns
        file["MetaData"] = {"x": np.arange(2)}
    expected = features(read(tree_file, "nanoaod", weight="genWeight"))
    for colon in ".:":
        source = read(
            tmp_path / "e.root",
            "physlite",
            unit="GeV",
            weight=f"EventInfoAuxDyn{colon}mcEventWeights[1]",
            selection="EventInfoAuxDyn.eventNumber >= 0",
        )
        sample = features(source)
        assert np.array_equal(sample.features, expected.features)
        assert np.array_equal(sample.weight, expected.weight)


def test_what_no_interpretation_is_known_of(tmp_path, pairs, expected):
    def change(raw):
        start = raw.rindex(b"TLeafD\0", 0, raw.rindex(text("w") + text("w")))
        return raw[:start] + b"TLeafX\0" + raw[start + 7 :]

    path = tmp_path / "e.root"
    with uproot.recreate(path) as file:
        rewrite(file, fill(file, "Events", {**pairs, "w": np.ones(N)}), change)
    assert np.array_equal(jets(path).mass, expected.mass)
    with pytest.raises(UnsupportedError, match=r"e\.root: 'w' is of a kind that is not supported \(TLeafX\)"):
        jets([path], selection="w > 0", skip_bad_files=True)
