"""Floats that ROOT packs into fewer bytes: the values that ROOT would read, of whatever array they are."""

import struct

import awkward as ak
import numpy as np
import pytest
from made_up.root_files import write_packed

from hepflow.features import features
from hepflow.readers import read
from hepflow.readers.packed import _range
from hepflow.readers.root import open_root

COUNTS = [2, 0, 3, 1, 2]


def stored(values, low, high, bits=32):
    """Return what ROOT writes for values in a range."""
    factor = (0xFFFFFFFF if bits == 32 else 1 << bits) / (high - low)
    return (0.5 + factor * (np.asarray(values) - low)).astype(np.uint32)


def truncated(values, bits):
    """Return what ROOT writes without range, three bytes a value: exponent, and mantissa with sign."""
    rows = []
    for value in np.asarray(values, np.float32):
        (whole,) = struct.unpack(">I", struct.pack(">f", abs(value)))
        mantissa = (((whole >> (22 - bits)) & ((1 << (bits + 1)) - 1)) + 1) >> 1
        mantissa = min(mantissa, (1 << bits) - 1) | ((value < 0) << (bits + 1))
        rows.append([whole >> 23, mantissa >> 8, mantissa & 255])
    return np.array(rows, np.uint8)


def column(path, name):
    table = open_root(str(path), None)
    return next(table.stream([name], 1000, 0, table.num_events))[name]


@pytest.mark.parametrize(
    ("range_", "low", "high", "bits"),
    [
        ("[0,2000,24]", 0, 2000, 24),
        ("[-5, 5, 20]", -5, 5, 20),
        ("[-pi,pi]", -np.pi, np.pi, 32),
        ("[-2pi,2*pi,16]", -2 * np.pi, 2 * np.pi, 16),
        ("[-pi/2,pi/4,10]", -np.pi / 2, np.pi / 4, 10),
    ],
)
@pytest.mark.parametrize(("kind", "letter"), [("TLeafD32", "d"), ("TLeafF16", "f")])
def test_counted_arrays(tmp_path, range_, low, high, bits, kind, letter):
    values = np.random.default_rng(bits).uniform(low, high, sum(COUNTS))
    numbers = ak.unflatten(stored(values, low, high, bits), COUNTS)
    path = write_packed(tmp_path / "e.root", {}, "x", numbers, kind, f"x[nx]/{letter}{range_}")
    found = column(path, "x")
    assert ak.to_list(ak.num(found)) == COUNTS
    assert np.allclose(ak.flatten(found), values, atol=max((high - low) / 2**bits, 1e-6), rtol=1e-7)


def test_fixed_arrays_and_single_values(tmp_path):
    values = np.random.default_rng(1).uniform(0, 10, (4, 3))
    path = write_packed(
        tmp_path / "e.root", {}, "x", stored(values, 0, 10, 16), "TLeafD32", "x[3]/d[0,10,16]", 3
    )
    assert np.allclose(column(path, "x"), values, atol=10 / 2**16)
    path = write_packed(tmp_path / "e.root", {}, "x", stored(values[:, 0], 0, 10), "TLeafD32", "x/d[0,10]")
    assert np.allclose(column(path, "x"), values[:, 0], atol=1e-8)


@pytest.mark.parametrize(
    ("kind", "title", "bits"),
    [("TLeafD32", "x/d[0,0,10]", 10), ("TLeafF16", "x/f", 12), ("TLeafF16", "x/f[3,1,20]", 12)],
)
def test_truncated_mantissas(tmp_path, kind, title, bits):
    values = np.array([1.5, -277.25, 3e-5, 0.0, 812.0])
    path = write_packed(tmp_path / "e.root", {}, "x", truncated(values, bits), kind, title)
    assert np.allclose(column(path, "x"), values, rtol=2.0**-bits)


def test_a_double32_without_range_is_a_float(tmp_path):
    values = np.array([1.5, -277.25, 3e-5], np.float32)
    for title in ("x/d", "x/d[0,0,16]", "x/d[5,1]"):  # ROOT packs nothing where no range is
        path = write_packed(tmp_path / "e.root", {}, "x", values, "TLeafD32", title)
        assert ak.to_list(column(path, "x")) == values.tolist()


def test_masses_of_jets(tmp_path, toy, tree_file):
    """The mass of NanoAOD-like jets in 24 bits: features as of plain doubles."""
    mass = ak.values_astype(toy.pop("FatJet_mass"), "float64")
    numbers = ak.unflatten(stored(ak.to_numpy(ak.flatten(mass)), 0, 2000, 24), ak.num(mass))
    path = write_packed(
        tmp_path / "e.root", toy, "FatJet_mass", numbers, "TLeafD32", "FatJet_mass[nFatJet_mass]/d[0,2000,24]"
    )
    ours, expected = (features(read(file, "nanoaod"), ["m_J1"]) for file in (path, tree_file))
    assert np.allclose(ours.mass, expected.mass, atol=0.01)
    assert np.allclose(ours.features, expected.features, atol=2000 / 2**24)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("x[n]/d[0,2000,24]", (0, 2000, 24)),
        ("[n][3][0,1,8]", (0, 1, 8)),
        ("mass [GeV] [1.5e1,30]", (15, 30, 32)),
        ("x/d[0,1,64]", (0, 1, 32)),
        ("x[n]/d", (0, 0, 0)),
        ("[-twopi, PI/2, 12]", (-2 * np.pi, np.pi / 2, 12)),
        ("[a,b]", (0, 0, 32)),
    ],
)
def test_ranges_are_those_of_root(title, expected):
    assert _range(title) == pytest.approx(expected)
