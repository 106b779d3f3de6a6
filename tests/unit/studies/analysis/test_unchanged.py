"""Inputs that change while they are read are refused: half of the old events and half of the new are no sample."""

import numpy as np
import pytest
import uproot
from made_up.root_files import fill, write_with_friends

from hepflow.engine.plan import differences
from hepflow.engine.study import Blinding
from hepflow.errors import InputError
from hepflow.studies.analysis.pieces import check_unchanged, fingerprint
from hepflow.studies.search.study import STUDY


def test_files_that_change_while_being_read(tmp_path):
    files = [tmp_path / f"{name}.root" for name in "ab"]
    for file in files:
        file.write_bytes(bytes(100))
    known = fingerprint(map(str, files))
    check_unchanged({path: list(found) for path, found in known.items()})  # as JSON has them
    files[1].write_bytes(b"x" + bytes(99))  # as long
    with pytest.raises(InputError, match=r"^\S*b\.root: changed while being read; once nothing"):
        check_unchanged(known)
    files[0].unlink()
    with pytest.raises(InputError, match=r"a\.root, \S*b\.root: changed while being read"):
        check_unchanged(known)


def write_tree(path, number):
    with uproot.recreate(path) as file:
        fill(file, "Other", {"w": np.full(5, float(number))})


def test_a_friend_tree_is_part_of_what_is_read(tmp_path, monkeypatch):
    """Its file comes, changes and goes, beside the tree or where one stands."""
    (tmp_path / "data").mkdir()
    own = tmp_path / "data" / "e.root"
    friends = [
        ("fr", "friend.root", "Other"),
        ("same", "", "Other"),
        ("far", "https://nowhere.example/f.root", "T"),
    ]
    write_with_friends(own, {"v": np.ones(5)}, friends)
    monkeypatch.chdir(tmp_path)
    path, friend = str(own), tmp_path / "data" / "friend.root"
    url = "https://nowhere.example/f.root"
    alone = fingerprint([path])
    assert list(alone) == [path, url]
    write_tree(friend, 1)
    there = fingerprint([path])
    assert list(there) == [path, str(friend), url]
    assert there[path] == alone[path]
    check_unchanged(there)
    write_tree(friend, 2)
    with pytest.raises(InputError, match=r"^\S*friend\.root: changed while being read"):
        check_unchanged(there)
    assert fingerprint([path])[str(friend)] != there[str(friend)]
    friend.rename(tmp_path / "friend.root")
    assert list(fingerprint([path])) == [path, str(tmp_path / "friend.root"), url]


def test_a_changed_friend_makes_the_reading_anew(configure, inputs):
    path = write_with_friends(inputs / "e.root", {"v": np.ones(5)}, [("fr", "friend.root", "Other")])
    data = f"inputs.data={{path: {path.name}, format: custom, branches: {{pt: v, eta: v, phi: v, mass: v}}}}"

    def plan():
        return STUDY.plan(configure(data, "features=[m_J1]"), Blinding())

    write_tree(inputs / "friend.root", 1)
    before = plan()
    assert plan().key("features") == before.key("features")
    write_tree(inputs / "friend.root", 2)
    now = plan()
    assert now.key("scores") != before.key("scores")
    told = differences(before.made_from("features"), now.made_from("features"))
    assert told == [f"file {inputs / 'friend.root'}"]


def test_urls_are_taken_as_they_are():
    check_unchanged(fingerprint(["https://nowhere.example/a.root"]))
