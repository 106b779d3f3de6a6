"""Inputs that change while they are read are refused: half of the old events and half of the new are no sample."""

import pytest

from hepflow.errors import InputError
from hepflow.studies.analysis.pieces import check_unchanged, fingerprint


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


def test_urls_are_taken_as_they_are():
    check_unchanged(fingerprint(["https://nowhere.example/a.root"]))
