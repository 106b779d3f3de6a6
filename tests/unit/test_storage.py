"""Samples in files."""

import json
import os
import re
from dataclasses import replace

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from hepflow.errors import ConfigError, InputError
from hepflow.events import Events
from hepflow.features import features
from hepflow.quantity import Quantity
from hepflow.readers import read
from hepflow.sample import Sample, SkippedFile
from hepflow.storage import load_events, load_sample, save_sample

SUFFIXES = (".h5", ".parquet", ".root", ".csv", ".tsv")
CUTFLOW = (
    ("events read", 9),
    ("dropped: fewer than two jets", 4),
    ("dropped: tau1 = 0", 0),
    ("events kept", 5),
)


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def make(events=5, names=("m_J1", "dm_J"), label=True):
    random = np.random.default_rng(1)
    return Sample(
        mass=random.uniform(2e3, 5e3, events),
        features=random.exponential(size=(events, len(names))),
        names=names,
        weight=random.normal(size=events),
        label=random.integers(0, 2, events) if label else None,
        cutflow=CUTFLOW if events == 5 else (),
    )


def assert_same(one, other):
    assert one.names == other.names
    assert one.cutflow == other.cutflow
    for name in ("mass", "features", "weight", "label"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name) is None or getattr(one, name).dtype == getattr(other, name).dtype


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_names_labels_and_units_are_kept(tmp_path, suffix):
    mass = Quantity("m_mumu", r"$m_{\mu\mu}$", "GeV", "dimuon mass")
    dphi = Quantity("dphi", r"$\Delta\phi$", "rad", expression="deltaphi(phi1, phi2)")
    sample = replace(make(names=("dphi", "iso")), resonance=mass, quantities=(dphi,))
    save_sample(sample, tmp_path / f"sample{suffix}")
    loaded = load_sample(tmp_path / f"sample{suffix}")
    assert (loaded.resonance, loaded.quantities) == (mass, (dphi,))
    assert_same(loaded, sample)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_events_without_a_resonance(tmp_path, suffix):
    path = tmp_path / f"events{suffix}"
    save_sample(Events(np.array([[0.5, 1e-3], [1 / 3, 7.0]]), ("iso", "dphi"), label=[0, 1]), path)
    loaded = load_events(path)
    assert (type(loaded), loaded.names) == (Events, ("iso", "dphi"))
    assert loaded.features.tolist() == [[0.5, 1e-3], [1 / 3, 7.0]]
    with pytest.raises(InputError, match=r"no resonant variable; read them with hepflow\.load_events"):
        load_sample(path)


def test_an_rntuple(tmp_path):
    save_sample(make(), tmp_path / "sample.root", rntuple=True)
    with uproot.open(tmp_path / "sample.root") as file:
        assert file.classnames(cycle=False)["sample"] == "ROOT::RNTuple"
    assert_same(load_sample(tmp_path / "sample.root"), make())
    with pytest.raises(ConfigError, match="an RNTuple stands in a ROOT file"):
        save_sample(make(), tmp_path / "sample.h5", rntuple=True)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("label", [True, False])
@pytest.mark.parametrize("names", [("m_J1", "dm_J"), ("a_1", "B"), ()])
def test_round_trip(tmp_path, suffix, label, names):
    sample = make(names=names, label=label)
    save_sample(sample, tmp_path / f"s{suffix}")
    assert_same(load_sample(tmp_path / f"s{suffix}"), sample)
    assert names_in(tmp_path) == [f"s{suffix}"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_skipped_files_are_kept(tmp_path, suffix):
    skipped = (SkippedFile("a.root", "truncated", 7), SkippedFile("b.root", "is empty"))
    save_sample(replace(make(), skipped=skipped), tmp_path / f"s{suffix}")
    assert load_sample(tmp_path / f"s{suffix}").skipped == skipped


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 40), st.integers(0, 3), st.data())
def test_round_trip_of_any_numbers(tmp_path, events, width, data):
    numbers = data.draw(npst.arrays(np.float64, (events, width + 2)))
    masses = np.nan_to_num(numbers[:, 0])
    sample = Sample(masses, numbers[:, 2:], tuple(f"f{i}" for i in range(width)), numbers[:, 1])
    for suffix in SUFFIXES:
        save_sample(sample, tmp_path / f"s{suffix}")
        assert_same(load_sample(tmp_path / f"s{suffix}"), sample)


def test_a_mass_that_is_no_number_is_named(tmp_path):
    path = tmp_path / "s.h5"
    save_sample(make(), path)
    with h5py.File(path, "r+") as file:
        file["m_jj"][1] = np.nan
    with pytest.raises(InputError, match=r"s\.h5: Sample: the mass of event 1 is nan"):
        load_sample(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_features_gives_the_sample_back(tmp_path, suffix):
    sample, path = make(), tmp_path / f"s{suffix}"
    save_sample(sample, path)
    for chunk in (2, "64 MB"):
        assert_same(features(read(path, "hepflow", chunk=chunk), sample.names), sample)
        part = features(read(path, "hepflow", chunk=chunk), ["dm_J"])
        np.testing.assert_array_equal(part.features[:, 0], sample.feature("dm_J"))
        assert part.cutflow == sample.cutflow
    source = read(path, "hepflow")
    assert (source.num_events, source.columns, source.jet_fields) == (5, ("m_jj", "m_J1", "dm_J"), ())
    with pytest.raises(InputError, match=r"no feature 'dm_JJ'; did you mean 'dm_J'"):
        features(source, ["dm_JJ"])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_selection_and_truth_on_features(tmp_path, suffix):
    sample, path = make(), tmp_path / f"s{suffix}"
    save_sample(sample, path)
    back = features(read(path, "hepflow", label=1, selection="m_J1 > 0"), sample.names)
    mask = (sample.label == 1) & (sample.feature("m_J1") > 0)
    np.testing.assert_array_equal(back.mass, sample.mass[mask])
    steps = dict(back.cutflow)
    assert (
        steps["events read"] == 9 == steps["events kept"] + sum(v for k, v in steps.items() if "dropped" in k)
    )


def test_two_files_and_their_cutflows_add_up(tmp_path):
    for name in "ab":
        save_sample(make(), tmp_path / f"{name}.h5")
    both = features(read(tmp_path / "*.h5", "hepflow"), ["m_J1"])
    assert both.cutflow == tuple((cause, 2 * events) for cause, events in CUTFLOW)


def test_a_cutflow_that_is_not_of_these_events_begins_anew(tmp_path):
    sample = make().select([0, 1])
    save_sample(sample, tmp_path / "s.h5")
    assert load_sample(tmp_path / "s.h5").cutflow == CUTFLOW
    assert features(read(tmp_path / "s.h5", "hepflow"), ["m_J1"]).cutflow == (
        ("events read", 2),
        ("events kept", 2),
    )


def test_features_that_are_not_finite_are_dropped_and_counted(tmp_path):
    sample = make()
    sample.features[2, 0] = np.nan
    save_sample(sample, tmp_path / "s.root")
    back = features(read(tmp_path / "s.root", "hepflow"), sample.names)
    assert len(back) == 4
    assert ("dropped: NaN or infinite value", 1) in back.cutflow
    assert back.cutflow[-1] == ("events kept", 4)


def test_root_holds_a_ttree_and_columns_have_names(tmp_path):
    for suffix in SUFFIXES:
        save_sample(make(), tmp_path / f"s{suffix}")
    columns = ["dm_J", "label", "m_J1", "m_jj", "weight"]
    with uproot.open(tmp_path / "s.root") as file:
        assert file["sample"].classname == "TTree"
        assert sorted(file["sample"].keys()) == columns
    assert sorted(pq.read_table(tmp_path / "s.parquet").column_names) == columns
    with h5py.File(tmp_path / "s.h5") as file:
        assert sorted(file) == columns
        assert json.loads(file.attrs["hepflow"])["schema"] == "hepflow-sample-1"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_is_named(tmp_path, suffix):
    path = tmp_path / f"s{suffix}"
    save_sample(make(), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=rf"s{suffix}: cannot be read as .*; write or copy it anew"):
        load_sample(path)


def test_files_of_others_are_told_apart(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["m_jj"] = np.ones(3)
    with pytest.raises(InputError, match="not a sample that hepflow wrote"):
        load_sample(tmp_path / "other.h5")
    with pytest.raises(InputError, match="not written by hepflow; expected a file of `hepflow features`"):
        read(tmp_path / "other.h5", "hepflow")
    save_sample(make(), tmp_path / "s.h5")
    with h5py.File(tmp_path / "s.h5", "a") as file:
        del file["dm_J"]
    with pytest.raises(InputError, match=r"damaged: missing columns \['dm_J'\]"):
        load_sample(tmp_path / "s.h5")
    with pytest.raises(InputError, match=r"no branch or column 'dm_J' \(a feature\)"):
        read(tmp_path / "s.h5", "hepflow")
    with h5py.File(tmp_path / "s.h5", "a") as file:
        file.attrs["hepflow"] = file.attrs["hepflow"].replace("sample-1", "sample-9")
    with pytest.raises(InputError, match="schema 'hepflow-sample-9'; this hepflow reads 'hepflow-sample-1'"):
        load_sample(tmp_path / "s.h5")


def test_paths_that_cannot_be(tmp_path):
    save_sample(make(), tmp_path / "sample.h5")
    with pytest.raises(InputError, match=r"sampel.h5: no such file; did you mean 'sample.h5'"):
        load_sample(tmp_path / "sampel.h5")
    with pytest.raises(InputError, match="no such file; there is no folder"):
        load_sample(tmp_path / "none" / "sample.h5")
    with pytest.raises(ConfigError, match=r"suffix '.txt'; expected one of .h5"):
        save_sample(make(), tmp_path / "sample.txt")
    for name in ("a/b", "", "weight", "label", "..", "\N{GREEK SMALL LETTER TAU}21"):
        with pytest.raises(ConfigError, match=rf"feature '{re.escape(name)}' cannot be a column"):
            save_sample(make(names=(name,)), tmp_path / "sample.h5")
    for names in (("a", "a"), ("m_jj",)):
        with pytest.raises(ConfigError, match="expected each once, and 'm_jj' to be the mass"):
            save_sample(make(names=names), tmp_path / "sample.h5")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_mass_may_be_a_feature(tmp_path, suffix):
    sample = make()
    sample = replace(sample, names=("m_jj",), features=sample.mass[:, None])
    save_sample(sample, tmp_path / f"s{suffix}")
    assert_same(load_sample(tmp_path / f"s{suffix}"), sample)
    assert_same(features(read(tmp_path / f"s{suffix}", "hepflow"), ["m_jj"]), sample)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_interrupt_while_saving_leaves_nothing(tmp_path, monkeypatch, suffix):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_sample(make(), tmp_path / f"s{suffix}")
    assert names_in(tmp_path) == []


def test_a_large_sample_is_read_in_chunks(tmp_path):
    sample = replace(make(600_000, names=("a",), label=False), cutflow=())
    for suffix in (".parquet", ".root"):
        save_sample(sample, tmp_path / f"s{suffix}")
        sizes = [len(chunk.events) for chunk in read(tmp_path / f"s{suffix}", "hepflow", chunk=250_000)]
        assert sum(sizes) == 600_000
        assert max(sizes) <= 250_000


@pytest.mark.parametrize("suffix", [".h5", ".parquet", ".root"])
def test_a_flipped_byte_is_never_read_as_another_number(toy, tmp_path, suffix):
    sample = toy.background(2000, seed=1)
    path = tmp_path / f"sample{suffix}"
    save_sample(sample, path)
    content = path.read_bytes()
    other = 0
    for place in np.linspace(0, len(content) - 1, 70, dtype=int):
        damaged = bytearray(content)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        try:
            found = load_sample(path)
        except InputError:
            continue
        other += not all(
            np.array_equal(getattr(found, column), getattr(sample, column))
            for column in ("mass", "features", "weight", "label")
        )
    assert other == 0


def test_features_that_cannot_be_negative_are_dropped_and_counted(tmp_path):
    sample = make(names=("tau21_J1", "dm_J"), events=50)
    sample.features[:, 1] *= -1
    sample.features[3, 0] = -5.0
    sample.mass[4] = -1.0
    save_sample(sample, tmp_path / "features.h5")
    found = features(read(tmp_path / "features.h5", format="hepflow"), ("tau21_J1", "dm_J"))
    assert ("dropped: negative tau21_J1", 1) in found.cutflow
    assert ("dropped: negative m_jj", 1) in found.cutflow
    assert len(found) == 48
    assert (found.features[:, 1] < 0).all()  # a difference may be
