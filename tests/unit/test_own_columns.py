"""Features and resonance from columns of one's own: the same numbers from every kind of file, and what is refused."""

import awkward as ak
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from hepflow import Events, Quantity, events_of, features, read
from hepflow.columns import check_continuous, follows
from hepflow.demo import config_path
from hepflow.errors import ConfigError, InputError
from hepflow.features import collect_features, join_features
from hepflow.readers.source import Source
from hepflow.sample import Sample

MASS = Quantity("m_mumu", r"$m_{\mu\mu}$", "GeV", "dimuon mass")
DPHI = Quantity("dphi", r"$|\Delta\phi|$", "rad", expression="abs(deltaphi(phi1, phi2))")


def columns(events=400):
    random = np.random.default_rng(1)
    return {
        "m_mumu": 60 + random.exponential(40, events),
        "iso1": random.random(events),
        "phi1": random.uniform(-3, 3, events),
        "phi2": random.uniform(-3, 3, events),
    }


def write_csv(path, table, delimiter=",", header=True):
    lines = [delimiter.join(table)] if header else []
    lines += [
        delimiter.join(map(repr, row)) for row in zip(*(c.tolist() for c in table.values()), strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")


def write(path, kind, table):
    """Write columns as a file of some kind."""
    if kind in ("csv", "tsv", "txt"):
        write_csv(path, table, {"csv": ",", "tsv": "\t", "txt": " "}[kind])
    elif kind == "npy":
        array = np.empty(len(table["m_mumu"]), dtype=[(name, "f8") for name in table])
        for name, values in table.items():
            array[name] = values
        np.save(path, array)
    elif kind == "parquet":
        pq.write_table(pa.table(table), path, row_group_size=150)
    elif kind == "h5":
        with h5py.File(path, "w") as file:
            for name, values in table.items():
                file[name] = values
    else:
        with uproot.recreate(path) as file:
            make = file.mktree if kind == "tree.root" else file.mkrntuple
            make("events", dict.fromkeys(table, np.float64)).extend(table)


KINDS = ("csv", "tsv", "txt", "npy", "parquet", "h5", "tree.root", "ntuple.root")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunk", ["16 MB", 37])
def test_every_kind_of_file_gives_the_same_numbers(tmp_path, kind, chunk):
    table = columns()
    write(tmp_path / f"events.{kind}", kind, table)
    source = read(tmp_path / f"events.{kind}", "table", chunk=chunk, selection="iso1 < 0.9")
    sample = features(source, ["iso1", DPHI], resonance=MASS)
    kept = table["iso1"] < 0.9
    turn = np.abs((table["phi1"] - table["phi2"] + np.pi) % (2 * np.pi) - np.pi)
    assert np.array_equal(sample.mass, table["m_mumu"][kept])
    assert np.array_equal(sample.features, np.stack([table["iso1"], turn], axis=1)[kept])
    assert sample.resonance.axis == r"$m_{\mu\mu}$ [GeV]"
    assert sample.quantity("dphi").axis == r"$|\Delta\phi|$ [rad]"
    assert dict(sample.cutflow)["events kept"] == kept.sum()
    shares = [source.cut({source.files[0]: (n, 3)}) for n in range(3)]
    parts = [one for share in shares for one in collect_features(share, ["iso1", DPHI], MASS)]
    assert np.array_equal(join_features(source, ["iso1", DPHI], parts, MASS).features, sample.features)


@pytest.mark.parametrize("kind", ["csv", "npy"])
def test_names_by_position(tmp_path, kind):
    table = columns()
    if kind == "csv":
        write_csv(tmp_path / "a.csv", table, header=False)
    else:
        np.save(tmp_path / "a.npy", np.stack(list(table.values()), axis=1))
    sample = features(read(tmp_path / f"a.{kind}", "table"), ["col1"], resonance="col0")
    assert np.array_equal(sample.mass, table["m_mumu"])
    assert sample.resonance.name == "col0"


def test_a_header_behind_a_hash(tmp_path):
    np.savetxt(tmp_path / "a.txt", np.stack(list(columns().values()), axis=1), header="m_mumu iso1 phi1 phi2")
    assert features(read(tmp_path / "a.txt", "table"), ["iso1"], resonance="m_mumu").names == ("iso1",)


def test_columns_of_any_name(tmp_path):
    table = {"m(mu,mu)": columns()["m_mumu"], "pt [GeV]": columns()["iso1"]}
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    source = read(tmp_path / "a.parquet", "table")
    pt = Quantity("pt", unit="GeV", expression="pt [GeV]")
    sample = features(source, [pt], resonance=Quantity("m", unit="GeV", expression="m(mu,mu)"))
    assert np.array_equal(sample["pt"], table["pt [GeV]"])
    with pytest.raises(
        ConfigError, match=r"'pt \[GeV\]' cannot be the name of a feature.*expression='pt \[GeV\]'"
    ):
        features(source, ["pt [GeV]"], resonance="m")


def test_what_comes_out_is_in_gev(tmp_path):
    write_csv(tmp_path / "a.csv", columns())
    source = read(tmp_path / "a.csv", "table")
    sample = features(source, ["iso1"], resonance=Quantity("m", unit="TeV", expression="m_mumu"))
    assert np.array_equal(sample.mass, 1000 * columns()["m_mumu"])
    assert sample.resonance.unit == "GeV"
    with pytest.raises(ConfigError, match="unit 'fb' of 'm_mumu': a resonant variable is in GeV"):
        features(source, ["iso1"], resonance=Quantity("m_mumu", unit="fb"))
    with pytest.raises(
        ConfigError, match=r"unit 'MeV': a table's columns are taken as they are; convert by an expr"
    ):
        read(tmp_path / "a.csv", "table", unit="MeV")


def test_beside_the_jets_of_every_format():
    source = read(config_path().with_name("signal.h5"), "lhco", selection="mj1 > 100")
    usual = features(source, ["m_J1", "dm_J"])
    pt, lead = Quantity("pt1", expression="hypot(pxj1, pyj1)"), Quantity("lead", expression="jets.pt[:, 0]")
    sample = features(source, ["m_J1", pt, "dm_J", lead])
    assert np.array_equal(sample.mass, usual.mass)
    assert np.array_equal(sample.features[:, [0, 2]], usual.features)
    assert np.allclose(sample["pt1"], sample["lead"], rtol=1e-12)
    other = features(source, [pt], resonance="mj1")
    assert (other.resonance.name, len(other)) == ("mj1", len(sample))


def test_jets_that_are_not_there_are_counted(tmp_path):
    events = {
        "m_mumu": np.linspace(60, 90, 40),
        "jet_pt": ak.Array([[50.0 + i] if i % 2 else [] for i in range(40)]),
    }
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("t", {"m_mumu": "f8", "jet_pt": "var * float64"}).extend(events)
    source = read(tmp_path / "a.root", "table")
    first = Quantity("pt", expression="jet_pt[:, 0] * sqrt(num(jet_pt) + deltaphi(m_mumu, 0) ** 2)")
    sample = features(read(tmp_path / "a.root", "table"), [first], resonance="m_mumu")
    assert sample.cutflow == (
        ("events read", 40),
        ("dropped: pt is NaN or infinite", 20),
        ("events kept", 20),
    )
    with pytest.raises(
        InputError, match=r"'jet_pt' holds.*expected one number per event, such as jet_pt\[0\]"
    ):
        features(read(tmp_path / "a.root", "table"), ["jet_pt"], resonance="m_mumu")
    with pytest.raises(
        InputError, match=r"gives var \* float64; expected one number per event: pick one entry"
    ):
        features(source, [Quantity("two", expression="2 * jet_pt")], resonance="m_mumu")


BAD = {
    "isol": ("isol", r"no column 'isol'; did you mean 'iso1'\?"),
    "unknown name": (
        Quantity("x", expression="abs(ph1)"),
        r"no branch 'ph1' of 'abs\(ph1\)'; did you mean 'phi1'",
    ),
    "function": (
        Quantity("x", expression="cosine(phi1)"),
        "unknown function 'cosine': did you mean 'sin' or 'cos'",
    ),
    "too large": (Quantity("x", expression="phi1 * 1e400"), "a number beyond all floats"),
    "same": ("same", "feature 'same' is 1 in all 400 events: it tells nothing"),
    "itself": ("m_mumu", "'m_mumu' is the resonant variable; a classifier that sees it would sculpt"),
    "renamed": (Quantity("x", expression=" m_mumu"), "'m_mumu' is the resonant variable"),
    "scaled": (Quantity("x", expression="2 * m_mumu"), "'x' is a function of the resonant variable 'm_mumu'"),
    "squared": (
        Quantity("x", expression="(m_mumu - 91) ** 2 + 0 * phi1"),
        "is a function of the resonant variable",
    ),
    "word": ("word", r"'word' holds 'x0' in row 1 \(400 of 400 are no numbers\)"),
    "mixed": ("mixed", r"'mixed' holds 'oops' in row 8 \(1 of 400 are no numbers\); expected numbers"),
    "beyond": ("beyond", r"'beyond' holds 1e400 in row 3, beyond the largest double"),
    "nan": ("nan", "no event is left.*dropped: nan is NaN or infinite: 400"),
    "not named": ("abs(phi1)", "cannot be the name of a feature"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_feature(tmp_path, case):
    lines = ["m_mumu,iso1,phi1,phi2,same,word,mixed,beyond,nan"]
    for i, row in enumerate(zip(*(c.tolist() for c in columns().values()), strict=True)):
        mixed, beyond = "oops" if i == 7 else i, "1e400" if i == 2 else i % 50
        lines.append(",".join(map(str, (*row, 1, f"x{i}", mixed, beyond, "nan"))))
    (tmp_path / "a.csv").write_text("\n".join(lines))
    asked, message = BAD[case]
    source = read(tmp_path / "a.csv", "table")  # whose other columns are as they should be
    with pytest.raises((InputError, ConfigError), match=message):
        features(source, [asked], resonance="m_mumu")
    assert len(features(source, ["iso1"], resonance="m_mumu")) == 400


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,a\n1,2\n", "the name 'a' stands above two columns"),
        ("a,\n1,2\n", "column 2 of 2 has no name"),
        ("a,b\n1,2\n1,2,3\n", "Expected 2 columns, got 3"),
        ("a,b\n", "zero entries; nothing to read"),
        ("# only this\n", "holds no line of columns"),
        ("", "it is empty"),
    ],
)
def test_what_is_no_table(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "a.csv", "table")


def test_no_pickle_is_opened(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="a pickle, and no pickle is opened"):
        read(tmp_path / "a.npy", "table")


def test_a_table_does_not_say_what_is_searched(tmp_path):
    write_csv(tmp_path / "a.csv", columns())
    with pytest.raises(ConfigError, match="does not say which column is searched; give resonance='m_mumu'"):
        features(read(tmp_path / "a.csv", "table"), ["iso1"])


def test_files_of_one_kind_are_joined(tmp_path):
    write_csv(tmp_path / "a.csv", columns())
    write(tmp_path / "b.parquet", "parquet", columns(300))
    source = Source.join([read(tmp_path / "a.csv", "table"), read(tmp_path / "b.parquet", "table")])
    assert len(features(source, ["iso1"], resonance="m_mumu")) == 700


def test_a_function_of_the_mass_is_told_from_a_correlation():
    random = np.random.default_rng(1)
    for events in (100, 1000, 50_000):
        mass = random.exponential(size=events)
        for column in (np.log(mass), (mass - 1) ** 2, -mass.astype(np.float32)):
            assert follows(np.asarray(column, dtype=np.float64), mass)
        assert not follows(random.random(events), mass)
        assert not follows(mass * (1 + 0.5 * random.normal(size=events)), mass)


def test_steps_are_no_density():
    random = np.random.default_rng(1)
    smooth, charge = random.normal(size=2000), random.integers(0, 3, 2000).astype(float)
    spike = np.where(random.random(2000) < 0.3, 0.0, smooth)

    def sample(column):
        return Sample(np.full(2000, 91.0), np.stack([smooth, column], axis=1), ("smooth", "other"))

    check_continuous(sample(np.round(smooth, 3)))
    with pytest.raises(
        InputError, match=r"'other' is discrete: 3 values \(0, 1, 2\) in 2,000 events: no density"
    ):
        check_continuous(sample(charge))
    with pytest.raises(InputError, match=r"'other' is exactly 0 in 2\d\.\d% of 2,000 events|exactly 0 in 3"):
        check_continuous(sample(spike))


def test_events_without_a_resonant_variable(tmp_path):
    """Columns are read as they are, whatever they mean, and the cutflow adds up."""
    path = tmp_path / "table.csv"
    path.write_text("pt,iso\n10,0.5\n20,nan\n30,0.25\n40,1\n", encoding="utf-8")
    asked = ["pt", Quantity("twice", unit="GeV", expression="2 * iso")]
    found = events_of(read(path, "table"), asked)
    assert type(found) is Events
    assert found.names == ("pt", "twice")
    assert found["twice"].tolist() == [1.0, 0.5, 2.0]
    assert found.quantity("twice").unit == "GeV"
    assert found.cutflow == (("events read", 4), ("dropped: twice is NaN or infinite", 1), ("events kept", 3))
    with pytest.raises(InputError, match="no column 'ptt'"):
        events_of(read(path, "table"), ["ptt", "iso"])


def test_a_constant_column_of_events(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("pt,iso\n10,0.5\n20,0.5\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"feature 'iso' is 0\.5 in all 2 events: it tells nothing"):
        events_of(read(path, "table"), ["pt", "iso"])


def test_events_of_jets(tmp_path):
    """Features of the two leading jets are events as well, without the mass of both."""
    source = read(config_path().with_name("signal.h5"), "lhco")
    found, sample = events_of(source, ["m_J1", "tau21_J1"]), features(source, ["m_J1", "tau21_J1"])
    assert type(found) is Events
    assert np.array_equal(found.features, sample.features)
    assert found.cutflow == sample.cutflow
