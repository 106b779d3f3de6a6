"""Corrupted files: read as the library reads them by itself, or refused by an error of hepflow. Nothing else."""

import warnings
from contextlib import contextmanager
from functools import partial

import awkward as ak
import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot
from hypothesis import HealthCheck, given, settings
from made_up.damage import DAMAGE, damaged

from hepflow.errors import HepflowError
from hepflow.features import features
from hepflow.readers import read

EVENTS = 300
JETS = ("pt", "eta", "phi", "mass", "tau1", "tau2")
FLAT = [f"{name}j{jet}" for jet in (1, 2) for name in ("px", "py", "pz", "m", "tau1", "tau2")]
EXTRA = {"weight": "w", "label_branch": "label"}


def events():
    """Return jets, weights and labels, as columns of lists and numbers."""
    random = np.random.default_rng(11)
    counts = random.integers(0, 5, EVENTS)
    scale = {"pt": 900.0, "mass": 200.0}
    columns = {
        f"FatJet_{name}": ak.unflatten(scale.get(name, 1.0) * random.uniform(0.1, 1, counts.sum()), counts)
        for name in JETS
    }
    return columns | {"w": random.uniform(0.5, 1.5, EVENTS), "label": random.integers(0, 2, EVENTS)}


def write_tree(path, compression):
    columns = {name: ak.Array(column) for name, column in events().items()}
    with uproot.recreate(path, compression=compression) as file:
        tree = file.mktree("Events", {name: column.type.content for name, column in columns.items()})
        for start in range(0, EVENTS, 110):
            tree.extend({name: column[start : start + 110] for name, column in columns.items()})


def write_ntuple(path):
    columns = {name: ak.Array(column) for name, column in events().items()}
    with uproot.recreate(path) as file:
        tuple_ = file.mkrntuple("Events", {name: column.type.content for name, column in columns.items()})
        for start in range(0, EVENTS, 110):
            tuple_.extend({name: column[start : start + 110] for name, column in columns.items()})


def write_frame(path, **how):
    names = [*FLAT, "w", "label"]
    values = np.random.default_rng(2).uniform(1, 900, (EVENTS, len(names)))
    values[:, -1] = np.arange(EVENTS) % 2
    with h5py.File(path, "w") as file:
        group = file.create_group("df")
        group.attrs["pandas_type"], group.attrs["nblocks"] = np.bytes_("frame"), 1
        group["axis0"] = group["block0_items"] = np.array(names, "S")
        group["axis1"] = np.arange(EVENTS)
        group.create_dataset("block0_values", data=values, **how)


def write_parquet(path, compression):
    ak.to_parquet(ak.zip(events(), depth_limit=1), path, row_group_size=110, compression=compression)


def branches(path, names):
    with uproot.open({path: None}) as file:
        return {name: file["Events"][name].array(library="ak") for name in names}


def blocks(path, names):
    with h5py.File(path) as file:
        there = [name.decode() for name in file["df/block0_items"]]
        return {name: ak.Array(file["df/block0_values"][:, there.index(name)]) for name in names}


def table(path, names):
    found = pq.read_table(path, columns=names).replace_schema_metadata(None)  # which says nothing of numbers
    return {name: ak.from_arrow(found)[name] for name in names}


LISTS = [*(f"FatJet_{name}" for name in JETS), "w", "label"]
KINDS = {
    "TTree": ("root", "nanoaod", partial(write_tree, compression=uproot.ZLIB(1)), branches, LISTS),
    "TTree, LZ4": ("root", "nanoaod", partial(write_tree, compression=uproot.LZ4(1)), branches, LISTS),
    "TTree, plain": ("root", "nanoaod", partial(write_tree, compression=None), branches, LISTS),
    "RNTuple": ("root", "nanoaod", write_ntuple, branches, LISTS),
    "HDF5": ("h5", "lhco", partial(write_frame, chunks=(50, 14), compression="gzip"), blocks, [*FLAT, "w"]),
    "HDF5, plain": ("h5", "lhco", write_frame, blocks, [*FLAT, "w"]),
    "Parquet": ("parquet", "parquet", partial(write_parquet, compression="snappy"), table, LISTS),
    "Parquet, plain": ("parquet", "parquet", partial(write_parquet, compression="none"), table, LISTS),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The contents of an undamaged file of each kind, and a folder for the damaged ones."""
    folder = tmp_path_factory.mktemp("corruption")
    contents = {}
    for kind, (suffix, _, write, _, _) in KINDS.items():
        write(folder / f"whole.{suffix}")
        contents[kind] = (folder / f"whole.{suffix}").read_bytes()
    return folder, contents


def named(path, error):
    """See that an error names the file."""
    if str(path) not in str(error):
        raise AssertionError(f"no file in: {error}") from error
    return False


@contextmanager
def suppress_refusals(path):
    try:
        yield
    except HepflowError as error:
        named(path, error)


def check(kind, whole, damage):
    folder, contents = whole
    suffix, format, _, independent, names = KINDS[kind]
    path = folder / f"damaged.{suffix}"
    path.write_bytes(damaged(contents[kind], damage))
    try:
        source = read(path, format, chunk=70, **EXTRA)
        ours = ak.concatenate([chunk.events for chunk in source])
    except HepflowError as error:
        return named(path, error)
    with suppress_refusals(path):
        features(source, ["m_J1", "tau21_J1"], progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = independent(path, names)
    for name, column in theirs.items():
        if name in ("w", "label"):
            own = ours[{"w": "weight"}.get(name, name)]
        elif format == "lhco":
            continue
        else:
            own = ours["jets"][name.removeprefix("FatJet_")]
        assert ak.array_equal(own, column, equal_nan=True, dtype_exact=False), name
    if format == "lhco":
        pt = [np.hypot(*(ak.to_numpy(theirs[f"p{axis}j{jet}"]) for axis in "xy")) for jet in "12"]
        assert np.array_equal(ak.to_numpy(ours["jets"]["pt"]), np.stack(pt, 1), equal_nan=True)
        for jet in (0, 1):
            assert np.array_equal(ours["jets"]["mass"][:, jet], theirs[f"mj{jet + 1}"], equal_nan=True)
    return True


RELAXED = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=12, derandomize=True, **RELAXED)
@given(damage=DAMAGE)
def test_some_corruptions(kind, whole, damage):
    check(kind, whole, damage)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=200, **RELAXED)
@given(damage=DAMAGE)
def test_two_hundred_corruptions(kind, whole, damage):
    check(kind, whole, damage)


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_are_read(kind, whole):
    assert check(kind, whole, [])
