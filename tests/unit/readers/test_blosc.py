"""Compressed HDF5: what pandas and PyTables write with Blosc, and filters that nothing here can undo."""

import subprocess
import sys

import awkward as ak
import h5py
import hdf5plugin
import numpy as np
import pytest

from hepflow.errors import InputError
from hepflow.features import features
from hepflow.readers import read
from hepflow.readers.damage import UnsupportedError
from hepflow.readers.hdf5 import PARTICLES, open_hdf5

CODECS = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
NAMES = [f"{quantity}j{jet}" for jet in (1, 2) for quantity in ("px", "py", "pz", "m", "tau1", "tau2")]


@pytest.fixture
def table():
    """500 dijets, float64, shape (500, 12): half of the bytes repeat, so that every codec has something to do."""
    return np.random.default_rng(2).integers(100, 900, (500, 12)) + 0.5


def write_frame(path, table, compression, chunks=(70, 12)):
    """Write a frame as ``DataFrame.to_hdf(format="fixed", complevel=...)`` does, which compresses every array."""
    with h5py.File(path, "w") as file:
        frame = file.create_group("df")
        frame.attrs["pandas_type"], frame.attrs["nblocks"] = np.bytes_("frame"), 1
        for name in ("axis0", "block0_items"):
            frame.create_dataset(name, data=np.array(NAMES, dtype="S"), chunks=(12,), **compression)
        frame.create_dataset("axis1", data=np.arange(len(table)), chunks=(70,), **compression)
        frame.create_dataset("block0_values", data=table, chunks=chunks, **compression)
    return path


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("shuffle", [0, 1, 2])
@pytest.mark.parametrize("chunks", [(70, 12), (7, 5)])
def test_codecs_of_blosc(tmp_path, table, codec, shuffle, chunks):
    path = write_frame(tmp_path / "e.h5", table, hdf5plugin.Blosc(codec, 5, shuffle), chunks)
    sample = features(read(path, "lhco", chunk=33), ["m_J2"])
    assert np.array_equal(sample.features[:, 0], table[:, [3, 9]].max(axis=1))


@pytest.mark.parametrize("compression", [hdf5plugin.Blosc2("zstd"), hdf5plugin.Zstd(), hdf5plugin.LZ4()])
def test_other_filters(tmp_path, table, compression):
    path = write_frame(tmp_path / "e.h5", table, compression)
    assert np.array_equal(features(read(path, "lhco"), ["m_J2"]).features[:, 0], table[:, [3, 9]].max(axis=1))


def test_filters_are_loaded_for_files_that_need_them(tmp_path, table):
    """In a Python of its own: this one has loaded them to write the files."""
    script = (
        "import sys; from hepflow.readers import read; "
        "print(read(sys.argv[1], 'lhco').num_events, 'hdf5plugin' in sys.modules)"
    )
    for compression, said in (
        ({"compression": "gzip"}, "500 False"),
        (hdf5plugin.Blosc("lz4", 1), "500 True"),
    ):
        path = write_frame(tmp_path / "e.h5", table, compression)
        command = [sys.executable, "-c", script, path]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == said


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("header", [True, False])
def test_damaged_chunk(tmp_path, table, codec, header):
    path = write_frame(tmp_path / "e.h5", table, hdf5plugin.Blosc(codec, 5))
    with h5py.File(path) as file:
        chunk = file["df/block0_values"].id.get_chunk_info(3)
    contents = bytearray(path.read_bytes())
    start = chunk.byte_offset + (0 if header else 16)  # behind 16 bytes the header ends
    contents[start : start + 200] = b"\xff" * 200
    path.write_bytes(contents)
    with pytest.raises(InputError, match=r"e.h5: cannot be read as HDF5 .*truncated or damaged"):
        features(read(path, "lhco"), ["m_J2"])


def test_filter_that_is_not_known(tmp_path, table):
    path = tmp_path / "e.h5"
    with h5py.File(path, "w") as file:
        options = {"compression": 300, "allow_unknown_filter": True}  # the HDF Group gives out no such number
        data = file.create_dataset("events", table.shape, np.float64, chunks=table.shape, **options)
        data.attrs["columns"] = NAMES
        data.id.write_direct_chunk((0, 0), table.tobytes())
    with pytest.raises(
        UnsupportedError, match=r"e.h5: not supported: dataset '/events' is compressed with .* neither"
    ):
        read(path, "lhco")


def test_real_rows(shared_data):
    """The raw LHC Olympics events, which PyTables wrote with BloscLZ."""
    table = open_hdf5(str(shared_data("lhco/events_anomalydetection_tiny.h5")))
    (whole,) = table.stream([PARTICLES, "label"], 1000, 0, 1000)
    (part,) = table.stream([PARTICLES], 1000, 5, 23)
    particles = ak.to_numpy(whole[PARTICLES])
    assert particles.shape == (1000, 2100)
    assert np.array_equal(particles[5:23], part[PARTICLES])
    assert set(ak.to_numpy(whole["label"])) == {0.0, 1.0}
    assert particles[:, ::3].sum() == pytest.approx(2985334.7198, rel=1e-9)  # of all pT, in GeV
    assert 3.14 < abs(particles[:, 2::3]).max() < np.pi
