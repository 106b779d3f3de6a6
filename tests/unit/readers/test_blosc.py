"""Blosc chunks, packed here by hand and as they come in real files."""

import struct
import zlib

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepflow.features import features
from hepflow.readers import blosc, read


def literal(stream):
    """Pack bytes as BloscLZ does where nothing repeats: runs of up to 32."""
    runs = [stream[i : i + 32] for i in range(0, len(stream), 32)]
    return b"".join(bytes([len(run) - 1]) + run for run in runs)


def pack(array, blocksize, codec):
    """Make a Blosc chunk: shuffled, one stream per byte of an element where the format splits, else one."""
    data, size = array.tobytes(), array.itemsize
    blocks = [data[i : i + blocksize] for i in range(0, len(data), blocksize)]
    body, starts = b"", []
    for block in blocks:
        starts.append(16 + 4 * len(blocks) + len(body))
        shuffled = np.frombuffer(block, dtype=np.uint8).reshape(-1, size).T.tobytes()
        splits = size if len(block) == blocksize and blocksize // size >= 128 else 1
        part = len(block) // splits
        for stream in (shuffled[i * part : (i + 1) * part] for i in range(splits)):
            packed = {0: literal, 3: zlib.compress}[codec](stream)
            packed = packed if len(packed) < part else stream  # what does not shrink is stored as it is
            body += struct.pack("<i", len(packed)) + packed
    starts = struct.pack(f"<{len(blocks)}i", *starts)
    header = struct.pack(
        "<BBBBiii", 2, 1, codec << 5 | 1, size, len(data), blocksize, 16 + len(starts + body)
    )
    return header + starts + body


@pytest.mark.parametrize("codec", [0, 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize(("events", "blocksize"), [(10, 64), (1000, 2048), (1001, 2048), (300, 8000)])
def test_packed_by_hand(codec, dtype, events, blocksize):
    array = (np.arange(events) ** 2 % 97).astype(dtype)
    assert blosc.decompress(pack(array, blocksize, codec)) == array.tobytes()


def test_stored_chunk():
    assert blosc.decompress(struct.pack("<BBBBiii", 2, 1, 2, 8, 5, 5, 21) + b"hello") == b"hello"


@given(st.binary(min_size=1, max_size=200))
def test_literal_streams(data):
    assert blosc._blosclz(literal(data)) == data


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (bytes([1, 97, 98, 1 << 5, 1]), b"ababa"),  # three bytes from two back: the copy overlaps itself
        (bytes([0, 97, 7 << 5, 4, 0]), b"a" * 14),  # nine and four more of the byte before
        (bytes([0, 97, 7 << 5, 255, 1, 0, 1, 98, 99]), b"a" * 266 + b"bc"),
        (literal(bytes(8191) + b"xyz") + bytes([31 | 1 << 5, 255, 0, 2]), bytes(8191) + b"xyz" + bytes(3)),
    ],
)
def test_copies(stream, expected):
    assert blosc._blosclz(stream) == expected


def test_damage_is_refused():
    with pytest.raises(ValueError, match="copy from before its beginning"):
        blosc._blosclz(bytes([0, 65, 1 << 5, 9]))
    with pytest.raises(ValueError, match="damaged Blosc block: 3 bytes instead of 8"):
        blosc.decompress(struct.pack("<BBBBiiiii", 2, 1, 0, 1, 8, 8, 28, 20, 4) + bytes([2, 1, 2, 3]))
    with pytest.raises(ValueError, match=r"codec 4.*pip install hdf5plugin"):
        blosc.decompress(struct.pack("<BBBBiii", 2, 1, 4 << 5, 8, 8, 8, 16))


def test_dataset_of_blosc_chunks(tmp_path):
    names = [f"{q}j{i}" for i in (1, 2) for q in ("px", "py", "pz", "m", "tau1", "tau2")]
    values = np.random.default_rng(2).uniform(100, 900, (50, 12))
    with h5py.File(tmp_path / "e.h5", "w") as file:
        options = {
            "compression": blosc.FILTER,
            "compression_opts": (2, 2, 8, 0),
            "allow_unknown_filter": True,
        }
        data = file.create_dataset("events", values.shape, np.float64, chunks=(7, 5), **options)
        data.attrs["columns"] = names
        for row in range(0, 50, 7):
            for column in range(0, 12, 5):
                chunk = np.zeros((7, 5))
                part = values[row : row + 7, column : column + 5]
                chunk[: part.shape[0], : part.shape[1]] = part
                data.id.write_direct_chunk((row, column), pack(chunk, 64, 3))
    with h5py.File(tmp_path / "e.h5") as file:
        assert np.array_equal(blosc.read_rows(file["events"], 0, 50), values)
        assert np.array_equal(blosc.read_rows(file["events"], 6, 22), values[6:22])
    sample = features(read(tmp_path / "e.h5", "lhco", chunk=9), ["m_J2"])
    assert np.array_equal(sample.features[:, 0], values[:, [3, 9]].max(axis=1))


def test_real_rows(shared_data):
    with h5py.File(shared_data("lhco/events_anomalydetection_tiny.h5")) as file:
        whole = blosc.read_rows(file["df/block0_values"], 0, 1000)
        part = blosc.read_rows(file["df/block0_values"], 5, 23)
    assert np.array_equal(whole[5:23], part)
    assert whole.shape == (1000, 2101)
    assert set(whole[:, 2100]) == {0.0, 1.0}
