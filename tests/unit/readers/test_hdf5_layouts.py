"""HDF5 as pandas, PyTables and the tools of ATLAS write it: the same events from every layout."""

import os
import pickle
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import h5py
import numpy as np
import pytest

from hepflow.errors import InputError
from hepflow.features import features
from hepflow.readers import filters, read
from hepflow.readers.damage import UnsupportedError
from hepflow.readers.frames import listed

NAMES = [f"{name}j{jet}" for jet in (1, 2) for name in ("px", "py", "pz", "m", "tau1", "tau2", "tau3")] + [
    "label"
]
EVENTS = 60


@pytest.fixture
def table():
    """Return dijets, (60, 15), the truth label last."""
    values = np.random.default_rng(8).uniform(0.1, 1, (EVENTS, len(NAMES)))
    for column, name in enumerate(NAMES):
        values[:, column] *= {"p": 900, "m": 200}.get(name[0], 1)
    values[:, -1] = np.arange(EVENTS) % 2
    return values


@pytest.fixture
def same(tmp_path, table):
    """Return a function that reads a file that another writes, and holds it against the plainest layout."""
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["events"] = table
        file["events"].attrs["columns"] = NAMES
    expected = features(read(tmp_path / "plain.h5", "lhco"), ["m_J1", "tau21_J2"])

    def check(write, rtol=0.0, **options):
        path = tmp_path / "e.h5"
        with h5py.File(path, "w") as file:
            write(file)
        sample = features(read(path, "lhco", chunk=25, **options), ["m_J1", "tau21_J2"])
        assert np.allclose(sample.mass, expected.mass, rtol=rtol, atol=0)
        assert np.allclose(sample.features, expected.features, rtol=rtol, atol=0)
        assert np.array_equal(sample.label, expected.label)
        return sample

    return check


def frame(file, table, key="df", rows="regular", columns="regular", **how):
    """Write a frame as ``to_hdf(format="fixed")`` does, its indices of one level or of two."""
    group = file.create_group(key)
    group.attrs["pandas_type"], group.attrs["nblocks"] = np.bytes_("frame"), 1
    group.attrs["axis1_variety"] = np.bytes_(rows)
    if rows == "multi":
        group.attrs["axis1_nlevels"] = 2
        for level in range(2):
            group[f"axis1_level{level}"] = np.arange(len(table) // 2 + 1)
            group[f"axis1_label{level}"] = (np.arange(len(table)) // (2 - level)).astype(np.int8)
    else:
        group["axis1"] = np.arange(len(table))
    for axis in ("axis0", "block0_items"):
        group.attrs[f"{axis}_variety"] = np.bytes_(columns)
        if columns == "multi":
            firsts = sorted({name.partition(".")[0] for name in how["names"]})
            lasts = sorted({name.partition(".")[2] for name in how["names"]})
            group.attrs[f"{axis}_nlevels"] = 2
            for level, words in enumerate((firsts, lasts)):
                group[f"{axis}_level{level}"] = np.array(words, "S")
                parts = [name.partition(".")[2 * level] for name in how["names"]]
                group[f"{axis}_label{level}"] = np.array([words.index(part) for part in parts], np.int8)
        else:
            group[axis] = np.array(NAMES, "S")
    group["block0_values"] = table


def compound(table, kind="f8"):
    values = np.zeros(len(table), [(name, kind) for name in NAMES])
    for name, column in zip(NAMES, table.T, strict=True):
        values[name] = column
    return values


@pytest.mark.parametrize("kind", [">f8", "<f8"])
def test_byte_orders(same, table, kind):
    def columns(file):
        file["events"] = table.astype(kind)
        file["events"].attrs["columns"] = NAMES

    same(columns)
    same(lambda file: frame(file, table.astype(kind)))
    same(lambda file: file.create_dataset("events", data=compound(table, kind)))


def test_frames_with_a_row_index_of_two_levels(same, table):
    same(lambda file: frame(file, table, rows="multi"))


def test_frames_with_a_column_index_of_two_levels(tmp_path, table):
    names = [f"{name[:-2]}.{name[-2:]}" for name in NAMES]
    with h5py.File(tmp_path / "e.h5", "w") as file:
        frame(file, table, columns="multi", names=names)
    branches = {
        q: [f"{b}.j1", f"{b}.j2"] for q, b in (("px", "px"), ("py", "py"), ("pz", "pz"), ("mass", "m"))
    }
    sample = features(read(tmp_path / "e.h5", "custom", branches=branches, selection="m.j1 > 100"), ["m_J1"])
    keep = table[:, 3] > 100
    assert np.array_equal(sample.features[:, 0], np.minimum(table[:, 3], table[:, 10])[keep])


def test_nested_keys(same, table, tmp_path):
    for options in ({}, {"tree": "data/events"}, {"tree": "/data/events/"}, {"tree": "data"}):
        same(lambda file: frame(file, table, key="data/events"), **options)
        same(lambda file: file.create_dataset("data/events", data=compound(table)), **options)
    with pytest.raises(InputError, match=r"no key 'data/event' in it; did you mean 'data/events'"):
        read(tmp_path / "e.h5", "lhco", tree="data/event")


def test_empty_frames(tmp_path, same, table):
    """Pandas writes one value in the place of an array that has none, and pickles its shape."""
    for rows in ("regular", "multi"):
        with h5py.File(tmp_path / "empty.h5", "w") as file:
            frame(file, np.zeros((1, 1)), rows=rows)
            for name in ("block0_values", "axis1" if rows == "regular" else "axis1_label0"):
                file[f"df/{name}"].attrs["value_type"] = "float64"
                file[f"df/{name}"].attrs["shape"] = np.bytes_(pickle.dumps((0, 15), 0))
        with pytest.raises(InputError, match=r"empty\.h5: zero entries"):
            read(tmp_path / "empty.h5", "lhco")
        same(lambda file: frame(file, table))
        both = read([tmp_path / "empty.h5", tmp_path / "e.h5"], "lhco")
        assert features(both, ["m_J1"]).cutflow[0] == ("events read", EVENTS)


@pytest.mark.parametrize("data_columns", [True, False])
def test_frames_of_format_table(same, table, data_columns, tmp_path):
    """As ``to_hdf(format="table")`` writes them; the names of its columns are pickled, and only looked at."""

    def write(file):
        group = file.create_group("df")
        group.attrs["pandas_type"] = np.bytes_("frame_table")
        kinds = (
            [(name, "f8") for name in NAMES] if data_columns else [("values_block_0", "f8", (len(NAMES),))]
        )
        values = np.zeros(EVENTS, [("index", "i8"), *kinds])
        for index, name in enumerate(NAMES):
            if data_columns:
                values[name] = table[:, index]
            else:
                values["values_block_0"][:, index] = table[:, index]
        group["table"] = values
        group["table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(NAMES, 0))

    same(write)
    if not data_columns:
        with h5py.File(tmp_path / "e.h5", "r+") as file:
            file["df/table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(Path("x"), 0))
        with pytest.raises(
            UnsupportedError, match=r"names of the columns in 'values_block_0'.*format='fixed'"
        ):
            read(tmp_path / "e.h5", "lhco")


class Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


@pytest.mark.parametrize("value", [Bomb(), [Bomb()], {"a": "b"}, ("a", "b"), 3.5])
def test_only_lists_of_names_are_read_of_pickles(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert listed(pickle.dumps(value, 0)) is None
    assert listed(pickle.dumps(["a", "ü", 7], 0)) == ["a", "ü", "7"]
    assert listed(b"(lp0\nV") is None
    assert not any(tmp_path.iterdir())


def test_compound_datasets(same, table, tmp_path):
    same(lambda file: file.create_dataset("events", data=compound(table), chunks=(7,), compression="gzip"))
    same(lambda file: file.create_dataset("events", data=compound(table, "f4")), rtol=1e-5)

    def with_text(file):
        values = np.zeros(EVENTS, [("note", "S5"), *((name, "f8") for name in NAMES)])
        for name, column in zip(NAMES, table.T, strict=True):
            values[name] = column
        file["events"] = values
        file["version"] = np.zeros(3)

    same(with_text)


def test_compound_lists_of_atlas(tmp_path):
    """Jets as (events, 4) entries, of which those that are not valid are padding; the events beside them."""
    random = np.random.default_rng(3)
    counts = random.integers(0, 5, EVENTS)
    kinds = [("pt", "f4"), ("eta", "f2"), ("phi", "f4"), ("mass", ">f4"), ("valid", "?")]
    jets = np.zeros((EVENTS, 4), kinds)
    for name, scale in (("pt", 900), ("eta", 1), ("phi", 1), ("mass", 200)):
        jets[name] = scale * random.uniform(0.2, 1, (EVENTS, 4))
    jets["valid"] = np.arange(4) < counts[:, None]
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["jets"] = jets
        file["events"] = np.array([(i, 1 + i) for i in range(EVENTS)], [("number", "i8"), ("w", "f4")])
    branches = {name: f"jets.{name}" for name in ("pt", "eta", "phi", "mass")}
    options = {"branches": branches, "weight": "events.w", "selection": "events.number < 50"}
    sample = features(read(tmp_path / "e.h5", "custom", **options), ["m_J1"])
    two = np.flatnonzero((counts >= 2) & (np.arange(EVENTS) < 50))
    assert np.array_equal(sample.weight, 1 + two)
    leading = [np.argsort(-jets["pt"][event][: counts[event]])[:2] for event in two]
    masses = [jets["mass"][event][which].min() for event, which in zip(two, leading, strict=True)]
    assert np.allclose(sample.features[:, 0], masses)
    with h5py.File(tmp_path / "e.h5", "r+") as file:
        file["tracks"] = np.zeros(3, [("pt", "f4")])
    with pytest.raises(
        InputError, match=r"several tables \('events', 'jets', 'tracks'\); say which, with tree="
    ):
        read(tmp_path / "e.h5", "custom", **options)
    alone = read(tmp_path / "e.h5", "custom", tree="jets", branches={name: name for name in branches})
    assert alone.num_events == EVENTS


@pytest.mark.parametrize("fill", [None, 5.0])
def test_unwritten_chunks(tmp_path, table, caplog, fill):
    """What was never written reads as HDF5 has it, and is told."""
    path = tmp_path / "e.h5"
    with h5py.File(path, "w") as file:
        options = {"chunks": (20, 15), "compression": "gzip", "fillvalue": fill}
        events = file.create_dataset("events", table.shape, "f8", **options)
        events[20:40] = table[20:40]
        events.attrs["columns"] = NAMES
    sample = features(read(path, "lhco", label=None if fill is None else 5), ["m_J1"])
    assert "2 chunks of /events were never written; what should stand there reads as" in caplog.text
    assert len(sample) == (20 if fill is None else 40)
    if fill is None:
        assert dict(sample.cutflow)["dropped: fewer than two jets"] == 40


def test_more_events_than_there_is_memory_for(tmp_path):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        events = file.create_dataset("events", (2**47, 15), "f8", chunks=(1000, 15))
        events.attrs["columns"] = NAMES
    with pytest.raises(InputError, match=r"e\.h5: its 140,737,488,355,328 events find no room in memory"):
        features(read(tmp_path / "e.h5", "lhco"), ["m_J1"])


def test_a_block_before_the_superblock(tmp_path, same, table):
    """As MATLAB writes one."""

    def write(file):
        path = Path(file.filename)
        file.close()
        with h5py.File(path, "w", userblock_size=512) as anew:
            frame(anew, table)
        with path.open("r+b") as block:
            block.write(b"MATLAB 7.3 MAT-file")

    same(write)


def test_values_that_stand_in_files_that_are_gone(tmp_path, same, table):
    def outside(file):
        file.create_dataset(
            "events", table.shape, "f8", external=[(str(tmp_path / "raw.bin"), 0, h5py.h5f.UNLIMITED)]
        )
        file["events"][:] = table
        file["events"].attrs["columns"] = NAMES

    def virtual(file):
        layout = h5py.VirtualLayout(table.shape, "f8")
        layout[:] = h5py.VirtualSource(tmp_path / "plain.h5", "events", table.shape)
        file.create_virtual_dataset("events", layout)
        file["events"].attrs["columns"] = NAMES

    for write, gone in ((outside, "raw.bin"), (virtual, "plain.h5")):
        same(write)
        (tmp_path / gone).rename(tmp_path / "away")
        with pytest.raises(
            UnsupportedError, match=rf"e\.h5: '\w+' stands in another file, '.*{gone}', which is not"
        ):
            read(tmp_path / "e.h5", "lhco")
        (tmp_path / "away").rename(tmp_path / gone)


def test_columns_of_numbers_alone(tmp_path, same, table):
    """Datasets of one and of two dimensions beside each other, links to nowhere, a group of other things."""
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["pt"], file["eta"], file["phi"], file["mass"] = (table[:, [k, k + 7]] for k in (0, 4, 5, 3))
        file["w"] = np.arange(EVENTS)
        file["gone"] = h5py.SoftLink("/nowhere")
        file["away"] = h5py.ExternalLink("absent.h5", "/x")
        file.create_group("meta").attrs["a"] = 1
    branches = {name: name for name in ("pt", "eta", "phi", "mass")}
    sample = features(read(tmp_path / "e.h5", "custom", branches=branches, weight="w"), ["m_J1"])
    assert np.array_equal(sample.features[:, 0], table[:, [3, 10]].min(axis=1))


def blosc(path, table):
    import hdf5plugin

    with h5py.File(path, "w") as file:
        file.create_dataset("events", data=table, chunks=(20, 15), **hdf5plugin.Blosc("lz4", 1))
        file["events"].attrs["columns"] = NAMES


def test_filters_without_hdf5plugin(tmp_path, table, monkeypatch):
    blosc(tmp_path / "e.h5", table)
    monkeypatch.setattr(filters, "_load_plugins", lambda: False)
    monkeypatch.setattr(filters, "_known", lambda code: False)
    with pytest.raises(
        UnsupportedError, match=r"compressed with .*; install what can \(pip install hdf5plugin\)"
    ):
        read([tmp_path / "e.h5"], "lhco", skip_bad_files=True)


FOREIGN = """
#include <stddef.h>
static size_t fails(unsigned f, size_t n, const unsigned *v, size_t b, size_t *s, void **x) { return 0; }
static const struct {
  int version, id; unsigned encoder, decoder; const char *name; void *can, *set;
  size_t (*filter)(unsigned, size_t, const unsigned *, size_t, size_t *, void **);
} plugin = {1, 32001, 1, 1, "blosc", NULL, NULL, fails};
int H5PLget_plugin_type(void) { return 0; }
const void *H5PLget_plugin_info(void) { return &plugin; }
"""


def test_a_blosc_of_the_system_does_not_go_first(tmp_path, table):
    """One that lacks the codec, where HDF5 looks for plugins."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        pytest.skip("no compiler of C")
    blosc(tmp_path / "e.h5", table)
    (tmp_path / "plugin.c").write_text(FOREIGN)
    command = [compiler, "-shared", "-fPIC", "-o", tmp_path / "libplugin.so", tmp_path / "plugin.c"]
    subprocess.run(command, check=True)
    script = "import sys, hepflow as hf; print(len(hf.features(hf.read(sys.argv[1], 'lhco'), ['m_J1'])))"
    environment = {**os.environ, "HDF5_PLUGIN_PATH": str(tmp_path)}
    command = [sys.executable, "-c", script, tmp_path / "e.h5"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == str(EVENTS)
