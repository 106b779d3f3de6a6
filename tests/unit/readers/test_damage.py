"""Damaged files among many: all found, each with its cause; skipped only when asked for, and then whole."""

import bz2
import gzip
import lzma
import zlib

import h5py
import numpy as np
import pyarrow as pa
import pytest
import uproot

from hepflow.errors import InputError
from hepflow.features import features
from hepflow.readers import read
from hepflow.readers.damage import (
    DamagedFileError,
    UnsupportedError,
    in_cutflow,
    reading,
    report,
    unsupported,
)
from hepflow.sample import SkippedFile

FILES = 12
EVENTS = 500


@pytest.fixture
def many(tmp_path, tree_file):
    """Twelve copies of the toy events: one truncated, one a text, one empty, one damaged in its last baskets."""
    contents = tree_file.read_bytes()
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:02d}.root").write_bytes(contents)
    (folder / "02.root").write_bytes(contents[: len(contents) // 3])
    (folder / "05.root").write_text("<html>404</html>")
    (folder / "07.root").write_bytes(b"")
    damage(folder / "09.root")
    return folder


def damage(path, basket=-1):
    """Overwrite one basket of pt."""
    with uproot.open(path) as file:
        start = file["Events/FatJet_pt"].member("fBasketSeek")
        start = int(start[start > 0][basket])
    contents = bytearray(path.read_bytes())
    contents[start + 60 : start + 200] = bytes(140)
    path.write_bytes(contents)


def test_every_file_that_cannot_be_opened_is_named(many):
    with pytest.raises(InputError) as caught:
        read(many / "*.root", "nanoaod")
    first, *lines, advice = str(caught.value).splitlines()
    assert first == "3 of 12 files cannot be read:"
    assert len(lines) == 3
    for line, (name, cause) in zip(
        lines,
        [("02", "truncated: its header says"), ("05", "begins with b'<htm'"), ("07", "is empty")],
        strict=True,
    ):
        assert line.startswith(f"  {many / name}.root: ")
        assert cause in line
    assert "--skip-bad-files" in advice


def test_skipped_files_are_left_out_whole_and_counted(many, tree_file):
    source = read(many / "*.root", "nanoaod", chunk=100, skip_bad_files=True)
    assert [file.file[-7:] for file in source.skipped] == ["02.root", "05.root", "07.root"]
    assert len(source.files) == FILES - 3
    sample = features(source)
    one = features(read(tree_file, "nanoaod"))
    assert len(sample) == (FILES - 4) * len(one)  # nothing of 09, of which the first 400 events are readable
    assert np.array_equal(sample.mass, np.tile(one.mass, FILES - 4))
    assert sample.cutflow[:4] == (
        ("files given", FILES),
        ("files skipped", 4),
        ("events in the skipped files, where they tell", EVENTS),
        ("events read", (FILES - 4) * EVENTS),
    )
    assert dict(sample.cutflow)["dropped: fewer than two jets"] == (FILES - 4) * one.cutflow[1][1]
    assert [file.events for file in sample.skipped] == [None, None, None, EVENTS]
    assert sample.skipped[3].file.endswith("09.root")
    assert sample.skipped[3].cause.startswith("cannot be read as ROOT")


def test_damage_in_the_data_is_found_in_all_files_at_once(many, caplog):
    for name in ("02", "05", "07"):
        (many / f"{name}.root").unlink()
    damage(many / "01.root", basket=0)
    with pytest.raises(InputError) as caught:
        features(read(many / "*.root", "nanoaod", chunk=100))
    lines = str(caught.value).splitlines()
    assert lines[0] == "2 of 9 files cannot be read:"
    assert "01.root" in lines[1]
    assert "09.root" in "".join(lines[1:])
    assert "reading on to find all" in caplog.text


def test_chunks_of_a_damaged_file_are_never_passed_over(many):
    source = read(many / "09.root", "nanoaod", chunk=100, skip_bad_files=True)
    with pytest.raises(InputError, match=r"09.root: cannot be read as ROOT"):
        list(source)
    with pytest.raises(InputError, match=r"no event is left\. files given: 1; files skipped: 1"):
        features(source)


def test_nothing_is_skipped_for_what_was_asked_of_it(tmp_path, toy, write_tree, tree_file):
    del toy["genWeight"]
    other = write_tree(tmp_path / "other.root", toy)
    with pytest.raises(InputError, match=r"other.root: no branch or column 'genWeight' \(weight\)"):
        read([tree_file, other], "nanoaod", weight="genWeight", skip_bad_files=True)
    (tmp_path / "text.root").write_text("text")
    with pytest.raises(InputError, match=r"2 of 3 files.*\n.*other.root: .*\n.*text.root: .*begins with"):
        read([tree_file, other, tmp_path / "text.root"], "nanoaod", weight="genWeight", skip_bad_files=True)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (zlib.error("incorrect data check"), DamagedFileError),
        (ValueError("buffer is too small"), DamagedFileError),
        (OSError("Can't read data (inflate() failed)"), DamagedFileError),
        (FileNotFoundError("gone"), DamagedFileError),
        (OSError("Can't read data (required filter 'x' is not registered)"), UnsupportedError),
        (OSError("this Blosc library does not have support for the 'lz4' compressor"), UnsupportedError),
        (NotImplementedError("memberwise serialization"), UnsupportedError),
        (pa.ArrowNotImplementedError("Support for codec 'brotli' not built"), UnsupportedError),
        (TypeError("unsupported dtype: dtype('>f8')"), UnsupportedError),
        (AttributeError("no such thing"), UnsupportedError),
        (ImportError("install xxhash"), UnsupportedError),
        (OSError("Parquet file is encrypted"), UnsupportedError),
        (MemoryError("1 EiB"), InputError),
    ],
)
def test_limits_are_told_from_damage(error, kind):
    with pytest.raises(InputError, match=r"^e\.root: ") as caught, reading("e.root", "ROOT"):
        raise error
    assert type(caught.value) is kind


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_files_are_none_that_are_damaged(tmp_path, tree_file, pack):
    (tmp_path / "packed.root").write_bytes(pack(tree_file.read_bytes()))
    with pytest.raises(
        UnsupportedError, match=r"packed\.root: not supported: a file packed with \w+; unpack it"
    ):
        read([tmp_path / "packed.root"], "nanoaod", skip_bad_files=True)


@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_not_supported_is_never_skipped(tmp_path, monkeypatch, at_once):
    for name in "ab":
        write_lhco(tmp_path / f"{name}.h5")
    target = "reading.open_hdf5" if at_once else "hdf5._pick"
    source = None if at_once else read(tmp_path / "*.h5", "lhco", skip_bad_files=True)

    def fail(*given):
        raise unsupported("a.h5", "this layout", "write it anew")

    monkeypatch.setattr(f"hepflow.readers.{target}", fail)
    with pytest.raises(UnsupportedError, match="not supported: this layout; write it anew"):
        features(source or read(tmp_path / "*.h5", "lhco", skip_bad_files=True))


def test_not_all_files_can_be_skipped(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.root").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"2 of 2 files cannot be read:\n  .*a.root, .*b.root: expected a ROOT"
    ):
        read(tmp_path / "*.root", "nanoaod", skip_bad_files=True)


def test_a_whole_list_has_no_trace_of_skipping(tree_file):
    sample = features(read(tree_file, "nanoaod", skip_bad_files=True))
    assert sample.skipped == ()
    assert sample.cutflow == features(read(tree_file, "nanoaod")).cutflow


@pytest.mark.parametrize("suffix", ["h5", "parquet"])
def test_other_kinds_of_file(tmp_path, suffix):
    for name in ("good", "bad"):
        path = tmp_path / f"{name}.{suffix}"
        write_lhco(path)
    contents = path.read_bytes()
    path.write_bytes(contents[: len(contents) // 2])
    source = read([tmp_path / f"good.{suffix}", path], "lhco", skip_bad_files=True)
    assert [one.file for one in source.skipped] == [str(path)]
    assert len(features(source)) == 50


def write_lhco(path):
    names = [f"{q}j{i}" for i in (1, 2) for q in ("px", "py", "pz", "m", "tau1", "tau2")]
    columns = np.random.default_rng(1).uniform(50, 100, (50, 12))
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["events"] = columns
            file["events"].attrs["columns"] = names
    else:
        import pyarrow.parquet as pq

        pq.write_table(pa.table(dict(zip(names, columns.T, strict=True))), path)


def test_missing_files_are_all_named(tree_file):
    with pytest.raises(InputError, match=r"(?s)a.root: no such file.*b.root: no such file"):
        read([tree_file, tree_file.with_name("a.root"), tree_file.with_name("b.root")], "nanoaod")


def test_files_of_one_cause_stand_in_one_line():
    bad = [SkippedFile(f"{number}.root", "is empty") for number in range(25)]
    lines = report([*bad, SkippedFile("x.root", "truncated")], 1000).splitlines()
    assert lines[0] == "26 of 1,000 files cannot be read:"
    assert lines[1].endswith("18.root, 19.root and 5 more: is empty")
    assert lines[2] == "  x.root: truncated"


def test_events_lost_are_told_where_they_are_known():
    assert in_cutflow((), 3) == ()
    unknown = SkippedFile("a", "gone")
    assert in_cutflow((unknown,), 3) == (("files given", 3), ("files skipped", 1))
    known = SkippedFile("b", "gone", 7)
    assert in_cutflow((known,), 3)[2] == ("events in the skipped files", 7)
    assert in_cutflow((known, unknown), 3)[2] == ("events in the skipped files, where they tell", 7)
