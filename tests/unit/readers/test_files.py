"""Paths, globs, lists and URLs."""

import subprocess
import sys

import fsspec
import h5py
import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.features import features
from hepflow.readers import read
from hepflow.readers.files import find_files


def test_missing_file_names_the_nearest(tree_file):
    with pytest.raises(InputError, match=r"toys.root: no such file; in its folder, did you mean 'toy.root'"):
        read(tree_file.with_name("toys.root"), "nanoaod")
    with pytest.raises(InputError, match=r"no such file, and no folder '.*nowhere' \(seen from "):
        read(tree_file.parent / "nowhere" / "toy.root", "nanoaod")


def test_glob_without_a_match(tmp_path):
    with pytest.raises(InputError, match=r"\*.root: no file matches this glob"):
        read(tmp_path / "*.root", "nanoaod")


def test_folder_and_empty_list(tmp_path):
    with pytest.raises(InputError, match=r"is a folder; name its files, such as '.*/\*.root'"):
        read(tmp_path, "nanoaod")
    with pytest.raises(ConfigError, match="no input file given"):
        read([], "nanoaod")


def test_the_same_file_twice(tree_file, tmp_path):
    link = tmp_path / "link.root"
    link.symlink_to(tree_file)
    hard = tmp_path / "hard.root"
    hard.hardlink_to(tree_file)
    for other in (tree_file, tree_file.parent / "." / "toy.root", link, hard, tmp_path / "t*.root"):
        with pytest.raises(InputError, match=r"given twice.* would count double"):
            read([tree_file, other], "nanoaod")


def test_globs_leave_out_hidden_files(tmp_path):
    for name in ("b.root", "a.root", ".a.1-2.root"):
        (tmp_path / name).touch()
    assert find_files(str(tmp_path / "*.root")) == [str(tmp_path / "a.root"), str(tmp_path / "b.root")]


@pytest.mark.parametrize(
    ("contents", "found"), [(b"this is a text\n", r"begins with b'this'"), (b"", "is empty")]
)
def test_text_named_root(tmp_path, contents, found):
    (tmp_path / "e.root").write_bytes(contents)
    with pytest.raises(InputError, match=rf"e.root: expected a ROOT file, but it {found}"):
        read(tmp_path / "e.root", "nanoaod")


def test_the_contents_count_not_the_suffix(tree_file, tmp_path):
    renamed = tmp_path / "toy.dat"
    renamed.write_bytes(tree_file.read_bytes())
    assert read(renamed, "nanoaod").num_events == 500


def test_urls(tree_file, tmp_path):
    assert read(f"file://{tree_file}", "nanoaod").num_events == 500
    names = [f"{q}j{i}" for i in (1, 2) for q in ("px", "py", "pz", "m", "tau1", "tau2")]
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["events"] = np.full((5, 12), 100.0)
        file["events"].attrs["columns"] = names
    memory = fsspec.filesystem("memory")
    for name in ("one", "two"):
        memory.pipe(f"/hepflow/{name}.h5", (tmp_path / "e.h5").read_bytes())
    assert len(features(read("memory://hepflow/one.h5", "lhco"))) == 5
    assert len(features(read("memory://hepflow/*.h5", "lhco"))) == 10
    with pytest.raises(InputError, match=r"memory://hepflow/\*.root: no file matches"):
        read("memory://hepflow/*.root", "nanoaod")
    with pytest.raises(InputError, match=r"gone.h5: cannot be read as HDF5 \(FileNotFoundError"):
        read("memory://hepflow/gone.h5", "lhco")
    with pytest.raises(InputError, match="unclear what it is; expected a URL that ends in"):
        read("memory://hepflow/one", "lhco")


def test_root_over_fsspec(tree_file):
    fsspec.filesystem("memory").pipe("/hepflow/toy.root", tree_file.read_bytes())
    source = read("memory://hepflow/toy.root", "nanoaod")
    assert np.array_equal(features(source).mass, features(read(tree_file, "nanoaod")).mass)


def test_protocols(monkeypatch):
    def absent(protocol):
        raise ImportError("Install s3fs to access S3")

    with pytest.raises(InputError, match=r"unknown protocol 'htps'; did you mean 'https'"):
        read("htps://host/e.root", "nanoaod")
    monkeypatch.setattr(fsspec, "get_filesystem_class", absent)
    with pytest.raises(InputError, match=r"s3:// needs another package \(Install s3fs.*hepflow\[remote\]"):
        read("s3://bucket/e.root", "nanoaod")


def test_a_study_is_planned_without_the_libraries_that_open_files():
    """They take longer to load than all else before a command's first line."""
    heavy = {"awkward", "h5py", "pyarrow", "uproot"}
    loaded = f"import sys, hepflow.studies.search.study; print({heavy} & {{*sys.modules}})"
    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
