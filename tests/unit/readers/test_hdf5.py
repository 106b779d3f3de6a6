"""HDF5: pandas' fixed layout, a dataset with named columns or one per column, raw LHC Olympics events."""

import h5py
import numpy as np
import pytest

from hepflow.errors import InputError
from hepflow.features import features
from hepflow.readers import read

JET = ("px", "py", "pz", "m", "tau1", "tau2", "tau3")
COLUMNS = [f"{name}j{jet}" for jet in (1, 2) for name in JET]
NAMES = ("m_J1", "dm_J", "tau21_J1", "tau32_J2", "pt_J1")


@pytest.fixture
def table():
    """300 dijets, float64, shape (300, 15), the truth label last."""
    random = np.random.default_rng(3)
    values = random.normal(0, 800, (300, 15))
    for index, name in enumerate(COLUMNS):
        if name.startswith(("m", "tau")):
            values[:, index] = random.uniform(0.05, 1, 300) * (300 if name.startswith("m") else 1)
    values[:, 14] = random.integers(0, 2, 300)
    return values


def write_pandas(path, names, blocks, key="df", frame="frame"):
    """Write blocks [(names, values)] as pandas.DataFrame.to_hdf(format='fixed') does."""
    with h5py.File(path, "w") as file:
        group = file.create_group(key)
        group.attrs["pandas_type"] = np.bytes_(frame)
        group.attrs["nblocks"] = len(blocks)
        group["axis0"] = np.array(names, dtype="S")
        group["axis1"] = np.arange(len(blocks[0][1]))
        for index, (items, values) in enumerate(blocks):
            group[f"block{index}_items"] = np.array(items, dtype="S")
            group[f"block{index}_values"] = values
    return path


def expected(table):
    """The features by the textbook: momenta of the two jets, the one of higher pT need not be the first."""
    column = dict(zip([*COLUMNS, "label"], table.T, strict=True))
    p4 = []
    for jet in "12":
        p = np.stack([column[f"{axis}j{jet}"] for axis in ("px", "py", "pz")])
        p4.append(np.vstack([np.sqrt((p**2).sum(axis=0) + column[f"mj{jet}"] ** 2), p]))
    total = p4[0] + p4[1]
    mass = np.sqrt(total[0] ** 2 - (total[1:] ** 2).sum(axis=0))
    light, heavy = (
        np.where(column["mj1"] <= column["mj2"], "1", "2"),
        np.where(column["mj1"] <= column["mj2"], "2", "1"),
    )

    def of(which, name):
        return np.where(which == "1", column[f"{name}j1"], column[f"{name}j2"])

    return mass, np.stack(
        [
            of(light, "m"),
            of(heavy, "m") - of(light, "m"),
            of(light, "tau2") / of(light, "tau1"),
            of(heavy, "tau3") / of(heavy, "tau2"),
            np.hypot(of(light, "px"), of(light, "py")),
        ],
        axis=1,
    )


@pytest.mark.parametrize("layout", ["one block", "several blocks", "named columns"])
@pytest.mark.parametrize("chunk", [64, "64 MB"])
def test_lhco_layouts(tmp_path, table, layout, chunk):
    path = tmp_path / "events.h5"
    names = [*COLUMNS, "label"]
    if layout == "one block":
        write_pandas(path, names, [(names, table)])
    elif layout == "several blocks":
        text = np.zeros((300, 1), dtype="S8")  # a column of text, which no one asks for
        blocks = [
            (names[3:14], table[:, 3:14]),
            (["label"], table[:, 14:].astype(np.int64)),
            (["note"], text),
        ]
        write_pandas(path, [*names, "note"], [(names[:3], table[:, :3].astype(np.float32)), *blocks])
    else:
        with h5py.File(path, "w") as file:
            file["events"] = table
            file["events"].attrs["columns"] = names
    sample = features(read(path, "lhco", chunk=chunk), NAMES)
    mass, values = expected(table)
    assert np.allclose(sample.mass, mass, rtol=1e-6)
    assert np.allclose(sample.features, values, rtol=1e-6)
    assert np.array_equal(sample.label, table[:, 14])
    background = features(read(path, "lhco", label=0, chunk=chunk), NAMES)
    assert np.array_equal(background.features, sample.features[sample.label == 0])
    assert background.cutflow[1] == ("dropped: truth label is not 0", int(table[:, 14].sum()))


def test_flat_columns_through_custom(tmp_path, table):
    with h5py.File(tmp_path / "flat.h5", "w") as file:
        for name, column in zip(COLUMNS, table.T, strict=False):
            file[name] = column
        file["remark"] = "not a column"
    branches = {q: [f"{b}j1", f"{b}j2"] for q, b in zip(("px", "py", "pz", "mass"), JET, strict=False)}
    sample = features(read(tmp_path / "flat.h5", "custom", branches=branches), ["m_J1"])
    assert np.allclose(sample.mass, expected(table)[0])


def test_data_without_truth(tmp_path, table):
    path = write_pandas(tmp_path / "data.h5", COLUMNS, [(COLUMNS, table[:, :14])])
    assert features(read(path, "lhco"), NAMES).label is None
    with pytest.raises(InputError, match=r"data.h5: no truth column 'label' to keep label=0 by"):
        read(path, "lhco", label=0)


def test_selection_on_columns(tmp_path, table):
    path = write_pandas(tmp_path / "e.h5", COLUMNS, [(COLUMNS, table[:, :14])])
    sample = features(read(path, "lhco", selection="mj1 > 150 or jets.pt[:, 0] > 1000"), NAMES)
    passes = (table[:, 3] > 150) | (np.hypot(table[:, 0], table[:, 1]) > 1000)
    assert sample.cutflow[1] == (
        "dropped: selection: mj1 > 150 or jets.pt[:, 0] > 1000",
        int((~passes).sum()),
    )


def test_absent_column(tmp_path, table):
    path = write_pandas(tmp_path / "e.h5", COLUMNS[1:], [(COLUMNS[1:], table[:, 1:14])])
    with pytest.raises(InputError, match=r"e.h5: no branch or column 'pxj1'; did you mean"):
        read(path, "lhco")


def test_keys(tmp_path, table):
    path = write_pandas(tmp_path / "e.h5", COLUMNS, [(COLUMNS, table[:, :14])], key="signal")
    assert read(path, "lhco").num_events == 300
    with h5py.File(path, "a") as file:
        file.copy("signal", "background")
    with pytest.raises(InputError, match=r"several tables \('background', 'signal'\); say which, with tree="):
        read(path, "lhco")
    assert read(path, "lhco", tree="signal").num_events == 300
    with pytest.raises(InputError, match=r"no key 'signl' in it; did you mean 'signal'"):
        read(path, "lhco", tree="signl")


def test_layouts_that_are_not_understood(tmp_path, table):
    path = tmp_path / "table.h5"
    with h5py.File(path, "w") as file:
        file.create_group("df").attrs["pandas_type"] = np.bytes_("frame_table")
    with pytest.raises(InputError, match=r"'/df' is no whole frame of pandas"):
        read(path, "lhco")
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros((3, 4, 4))
    with pytest.raises(InputError, match=r"holds no table of events.*it holds images \(3, 4, 4\)"):
        read(path, "lhco")
    with h5py.File(path, "w") as file:
        file["events"] = table
        file["events"].attrs["columns"] = COLUMNS
    with pytest.raises(InputError, match=r"shape \(300, 15\) and 14 names in its attribute 'columns'"):
        read(path, "lhco")
    write_pandas(path, COLUMNS, [(COLUMNS, table)])
    with pytest.raises(InputError, match=r"block 0 of '/df' has shape \(300, 15\); expected \(300, 14\)"):
        read(path, "lhco")


def test_zero_rows(tmp_path, table):
    path = write_pandas(tmp_path / "none.h5", COLUMNS, [(COLUMNS, table[:0, :14])])
    with pytest.raises(InputError, match=r"none.h5: zero entries"):
        read(path, "lhco")


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_truncated_file(tmp_path, table, fraction):
    path = write_pandas(tmp_path / "e.h5", COLUMNS, [(COLUMNS, table[:, :14])])
    contents = path.read_bytes()
    path.write_bytes(contents[: int(len(contents) * fraction)])
    with pytest.raises(InputError, match=r"e.h5: cannot be read as HDF5 .*truncated or damaged"):
        read(path, "lhco")


def test_hdf5_is_no_nanoaod(tmp_path, table):
    path = write_pandas(tmp_path / "e.h5", COLUMNS, [(COLUMNS, table[:, :14])])
    with pytest.raises(InputError, match=r"an? HDF5 file, but format 'nanoaod' is read from ROOT; .*'lhco'"):
        read(path, "nanoaod")


def raw_events(path, columns):
    """Two back-to-back pairs of particles per event, the rest padding, as in the raw LHC Olympics files."""
    random = np.random.default_rng(5)
    values = np.zeros((20, columns))
    for event in values:
        for particle in range(4):
            phi = 0.3 * (particle % 2) + np.pi * (particle // 2) - np.pi / 2
            event[3 * particle : 3 * particle + 3] = random.uniform(300, 900), random.normal(0, 0.1), phi
    if columns == 2101:
        values[:, 2100] = np.arange(20) % 2
    with h5py.File(path, "w") as file:
        group = file.create_group("df")
        group.attrs["pandas_type"], group.attrs["nblocks"] = np.bytes_("frame"), 1
        group["axis0"] = group["block0_items"] = np.arange(columns)
        group["axis1"] = np.arange(20)
        group["block0_values"] = values
    return values


@pytest.mark.parametrize("columns", [2100, 2101])
def test_raw_events_are_clustered(tmp_path, columns):
    pytest.importorskip("fastjet")
    values = raw_events(tmp_path / "raw.h5", columns)
    sample = features(read(tmp_path / "raw.h5", "lhco-raw", chunk=7), ["m_J1", "pt_J1"])
    assert len(sample) == 20
    assert (sample.label is None) == (columns == 2100)
    pt, eta, phi = (values[:, i:12:3] for i in range(3))
    momenta = np.stack([pt * f for f in (np.cosh(eta), np.cos(phi), np.sin(phi), np.sinh(eta))])
    energy, *momentum = momenta.reshape(4, 20, 2, 2).sum(axis=3)  # of the two pairs of each event
    mass = np.sqrt(energy**2 - np.sum(np.square(momentum), axis=0))
    lighter = np.arange(20), np.argmin(mass, axis=1)
    np.testing.assert_allclose(sample.feature("m_J1"), mass[lighter], rtol=1e-6)
    np.testing.assert_allclose(sample.feature("pt_J1"), np.hypot(*momentum[:2])[lighter], rtol=1e-6)
    with pytest.raises(InputError, match=r"no branch or column 'pxj1'"):
        read(tmp_path / "raw.h5", "lhco")


def test_features_are_no_raw_events(tmp_path, table):
    path = write_pandas(tmp_path / "e.h5", COLUMNS, [(COLUMNS, table[:, :14])])
    with pytest.raises(InputError, match=r"no branch or column 'particles' \(2100 unnamed columns"):
        read(path, "lhco-raw")
