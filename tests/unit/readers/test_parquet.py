"""Parquet: list columns, records, flat columns, missing values."""

from decimal import Decimal

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hepflow.errors import InputError
from hepflow.features import features, fields_for
from hepflow.readers import read


def same(one, other):
    return one.cutflow == other.cutflow and np.array_equal(one.features, other.features)


@pytest.mark.parametrize("rows", [10_000, 90])
def test_list_columns(tmp_path, toy, tree_file, rows):
    ak.to_parquet(ak.zip(toy, depth_limit=1), tmp_path / "e.parquet", row_group_size=rows)
    options = {"weight": "genWeight", "selection": "HLT_PFJet500 or FatJet_pt[:, 0] > 700"}
    expected = features(read(tree_file, "nanoaod", **options))
    for chunk in (33, "64 MB"):
        sample = features(read(tmp_path / "e.parquet", "parquet", chunk=chunk, **options))
        assert same(sample, expected)
        assert np.array_equal(sample.weight, expected.weight)


def test_columns_that_are_read(tree_file):
    source = read(tree_file, "nanoaod", weight="genWeight", selection="HLT_PFJet500 or jets.tau3[:, 0] > 2")
    names = [f"FatJet_{name}" for name in ("pt", "eta", "phi", "mass", "tau2", "tau1", "tau3")]
    read_for = source.columns_read(fields_for(source, ("tau21_J1",)))
    assert sorted(read_for) == sorted([*names, "genWeight", "HLT_PFJet500"])
    assert "FatJet_tau1" not in source.columns_read(fields_for(source, ("m_J1",)))


def test_record_column(tmp_path, toy, tree_file):
    jets = ak.zip({name.removeprefix("FatJet_"): toy[name] for name in toy if name.startswith("FatJet_")})
    ak.to_parquet(ak.zip({"FatJet": jets, "run": toy["truth"]}, depth_limit=1), tmp_path / "e.parquet")
    source = read(tmp_path / "e.parquet", "parquet", selection="run == 1")
    expected = features(read(tree_file, "nanoaod", selection="truth == 1"))
    assert np.array_equal(features(source).features, expected.features)


def test_custom_and_plain_arrow_lists(tmp_path, toy, tree_file):
    columns = {"p": "pt", "e": "eta", "f": "phi", "m": "mass", "t1": "tau1", "t2": "tau2"}
    table = {short: pa.array(ak.to_list(toy[f"FatJet_{name}"])) for short, name in columns.items()}
    pq.write_table(pa.table(table), tmp_path / "e.parquet")
    branches = {name: short for short, name in columns.items()}
    sample = features(read(tmp_path / "e.parquet", "custom", branches=branches))
    assert same(sample, features(read(tree_file, "nanoaod")))


def test_missing_values_are_counted(tmp_path):
    lists = {"pt": [[500.0, 400.0], [500.0, None], None], "mass": [[1.0, 2.0], [1.0, 2.0], None]}
    lists |= {name: [[0.1, 0.2], [0.1, 0.2], None] for name in ("eta", "phi", "tau1", "tau2")}
    pq.write_table(
        pa.table({f"FatJet_{name}": values for name, values in lists.items()}), tmp_path / "e.parquet"
    )
    cutflow = dict(features(read(tmp_path / "e.parquet", "parquet")).cutflow)
    assert cutflow["dropped: fewer than two jets"] == 1
    assert cutflow["dropped: NaN or infinite value"] == 1
    assert cutflow["events kept"] == 1


def test_flat_lhco_columns(tmp_path):
    names = [f"{name}j{jet}" for jet in (1, 2) for name in ("px", "py", "pz", "m", "tau1", "tau2", "tau3")]
    values = {name: np.full(3, 100.0) for name in [*names, "label"]}
    values["label"][:] = 1
    pq.write_table(pa.table(values), tmp_path / "e.parquet")
    sample = features(read(tmp_path / "e.parquet", "lhco"))
    assert len(sample) == 3
    assert list(sample.label) == [1, 1, 1]


def test_decimals(tmp_path, tree_file, toy):
    """Decimals, alone, in lists and in records, are the numbers that they are."""
    lists = {name: ak.to_list(np.round(toy[name], 4)) for name in toy if name.startswith("FatJet_")}
    exact = [[Decimal(str(number)) for number in event] for event in lists["FatJet_mass"]]
    weights = [Decimal(number) / 7 for number in range(500)]
    columns = {name: pa.array(column) for name, column in lists.items()}
    plain = pa.table(columns | {"w": pa.array([round(float(weight), 10) for weight in weights])})
    columns["FatJet_mass"] = pa.array(exact, pa.list_(pa.decimal128(12, 4)))
    columns["w"] = pa.array([round(weight, 10) for weight in weights], pa.decimal256(50, 10))
    record = pa.table({"FatJet": pa.array([[{"m": one} for one in event] for event in exact])})
    pq.write_table(plain, tmp_path / "plain.parquet")
    pq.write_table(pa.table(columns).append_column("FatJet", record["FatJet"]), tmp_path / "e.parquet")
    expected = features(read(tmp_path / "plain.parquet", "parquet", weight="w", selection="w < 50"))
    for branches in (None, {"mass": "FatJet.m"}):
        sample = features(
            read(
                tmp_path / "e.parquet", "parquet", weight="w", selection="w < 50", branches=branches, chunk=70
            )
        )
        assert sample.cutflow == expected.cutflow
        assert np.allclose(sample.features, expected.features, rtol=1e-13, atol=1e-13)
        assert np.allclose(sample.weight, expected.weight, rtol=1e-15)


def test_a_name_that_stands_twice(tmp_path):
    names = ["FatJet_pt", "FatJet_eta", "FatJet_phi", "FatJet_mass", "w", "w"]
    table = pa.Table.from_arrays([pa.array([[1.0]])] * 4 + [pa.array([1.0])] * 2, names)
    pq.write_table(table, tmp_path / "e.parquet")
    assert read(tmp_path / "e.parquet", "parquet").num_events == 1
    with pytest.raises(InputError, match=r"e\.parquet: 'w' stands in the file more than once"):
        read(tmp_path / "e.parquet", "parquet", weight="w")


def test_truncated_file(tmp_path, toy):
    path = tmp_path / "e.parquet"
    ak.to_parquet(ak.zip(toy, depth_limit=1), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"e.parquet: cannot be read as Parquet .*truncated"):
        read(path, "parquet")


def test_absent_column(tmp_path):
    pq.write_table(pa.table({"FatJet_Pt": [[1.0]]}), tmp_path / "e.parquet")
    with pytest.raises(InputError, match=r"no branch or column 'FatJet_pt'.*did you mean 'FatJet_Pt'"):
        read(tmp_path / "e.parquet", "parquet")
