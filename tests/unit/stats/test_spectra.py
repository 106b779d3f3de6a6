"""Spectra from CSV, UHI JSON and ROOT."""

import json

import hist
import numpy as np
import pytest
import uhi.io.json
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

from hepflow.errors import InputError
from hepflow.stats import is_workspace, read_spectrum
from hepflow.stats.spectra import parse_json

EDGES = np.array([2500.0, 2600.0, 2750.0, 3000.0])
COUNTS = np.array([10.0, 0.0, 2.5])


@pytest.fixture
def write(tmp_path):
    def to_file(text, name="mjj.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


ROWS = "2500,2600,10\n2600,2750,0\n2750,3000,2.5\n"


@pytest.mark.parametrize(
    "text",
    [
        ROWS,
        "low,high,count\n" + ROWS,
        "# made by hand\nm_low,m_high,events\n\n" + ROWS,
        ROWS.replace(",", "; "),
        ROWS.replace(",", "\t"),
        ROWS.replace(",", "   "),
        "count,low,high,error\n10,2500,2600,3\n0,2600,2750,1\n2.5,2750,3000,1\n",
    ],
)
def test_csv(write, text):
    edges, counts = read_spectrum(write(text))
    np.testing.assert_array_equal(edges, EDGES)
    np.testing.assert_array_equal(counts, COUNTS)


@settings(max_examples=20, deadline=None)
@given(
    widths=st.lists(st.floats(0.1, 1e3), min_size=1, max_size=30),
    seed=st.integers(0, 100),
    kind=st.sampled_from(["csv", "json", "root"]),
)
def test_round_trip(tmp_path_factory, widths, seed, kind):
    edges = 1000.0 + np.concatenate([[0.0], np.cumsum(widths)])
    counts = np.random.default_rng(seed).poisson(20, len(widths)).astype(float)
    path = tmp_path_factory.mktemp("spectra") / f"mjj.{kind}"
    if kind == "csv":
        rows = [
            f"{a!r},{b!r},{n!r}"
            for a, b, n in zip(edges.tolist(), edges[1:].tolist(), counts.tolist(), strict=False)
        ]
        path.write_text("\n".join(rows), encoding="utf-8")
    elif kind == "json":
        histogram = hist.Hist(hist.axis.Variable(edges, name="m_jj"))
        histogram[...] = counts
        path.write_text(json.dumps(histogram, default=uhi.io.json.default), encoding="utf-8")
    else:
        with uproot.recreate(path) as file:
            file["h_mjj"] = (counts, edges)
    read = read_spectrum(path)
    np.testing.assert_allclose(read[0], edges, rtol=1e-12)
    np.testing.assert_array_equal(read[1], counts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no bin in it"),
        ("low,high,count\n", "no bin in it"),
        ("2500,2600,1\n2700,2800,2\n", r"line 2: bin 2700-2800 leaves a gap to the bin before, 2500-2600"),
        ("low,high,count\n2500,2600,1\n2550,2700,2\n", "line 3: bin 2550-2700 overlaps"),
        ("2600,2500,1\n", "line 1: bin 2600 to 2500"),
        ("2500,2600,many\n", "line 1: count is 'many'; expected a number"),
        ("2500,2600\n", "line 1: 2 cells, '2500 2600'; expected 3"),
        ("2500,2600,-3\n", "line 1: -3.0 events in bin 2500-2600"),
        ("2500,2600,nan\n", "line 1: nan events"),
        (
            "mass,n,error,luminosity\n1,2,3,4\n",
            "no column low among mass, n, error, luminosity; expected a header with low, high and count",
        ),
    ],
)
def test_bad_csv(write, text, message):
    with pytest.raises(InputError, match=message):
        read_spectrum(write(text))


def test_weighted_histogram(write):
    histogram = hist.Hist(hist.axis.Regular(3, 0, 6, name="m"), storage=hist.storage.Weight())
    histogram.fill([1, 1, 5, 99], weight=[0.5, 1.5, 2.0, 7.0])
    edges, counts = read_spectrum(write(json.dumps(histogram, default=uhi.io.json.default), "h.json"))
    np.testing.assert_array_equal(edges, [0, 2, 4, 6])
    np.testing.assert_allclose(counts, [2**2 / 2.5, 0, 2**2 / 4])


def test_two_axes_are_refused(write):
    histogram = hist.Hist(hist.axis.Regular(3, 0, 6), hist.axis.Regular(2, 0, 1))
    with pytest.raises(InputError, match="2 axes"):
        read_spectrum(write(json.dumps(histogram, default=uhi.io.json.default), "h.json"))


@pytest.mark.parametrize("text", ["{}", "[1, 2]", "not json"])
def test_json_without_a_histogram(write, text):
    with pytest.raises(InputError, match=r"nor a pyhf workspace|not JSON"):
        read_spectrum(write(text, "h.json"))


def test_json_that_is_no_file():
    histogram = hist.Hist(hist.axis.Variable(EDGES), storage=hist.storage.Double(), data=COUNTS)
    edges, counts = parse_json(json.dumps(histogram, default=uhi.io.json.default), "here")
    np.testing.assert_array_equal(edges, EDGES)
    np.testing.assert_array_equal(counts, COUNTS)
    content = {"channels": [], "observations": [], "measurements": []}
    assert parse_json(json.dumps(content), "here") == content
    with pytest.raises(InputError, match="here: not JSON"):
        parse_json("{", "here")
    with pytest.raises(InputError, match="here: -10"):
        parse_json(json.dumps(-1 * histogram, default=uhi.io.json.default), "here")


def test_workspace_is_told_apart(write):
    path = write(
        json.dumps({"channels": [], "observations": [], "measurements": [], "version": "1.0.0"}), "w.json"
    )
    assert is_workspace(path)
    with pytest.raises(InputError, match="is a pyhf workspace"):
        read_spectrum(path)
    assert not is_workspace(write(ROWS))
    assert not is_workspace(write("{}", "other.json"))
    assert not is_workspace("nowhere.json")


def test_root_with_several_histograms(tmp_path):
    path = tmp_path / "hists.root"
    with uproot.recreate(path) as file:
        file["h_mjj"] = (COUNTS, EDGES)
        file["cut/h_mjj"] = (2 * COUNTS, EDGES)
    with pytest.raises(InputError, match=r"several TH1 \(cut/h_mjj, h_mjj\): name one as"):
        read_spectrum(path)
    np.testing.assert_array_equal(read_spectrum(f"{path}:cut/h_mjj")[1], 2 * COUNTS)
    with pytest.raises(InputError, match="no TH1 'h_mj' in it; did you mean 'h_mjj'"):
        read_spectrum(f"{path}:h_mj")


def test_root_without_histogram(tmp_path, write):
    path = tmp_path / "tree.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {"x": np.float64}).extend({"x": np.ones(3)})
    with pytest.raises(InputError, match="holds no TH1"):
        read_spectrum(path)
    with pytest.raises(InputError, match="not a ROOT file"):
        read_spectrum(write("text", "text.root"))


def test_missing_and_unknown_files(write):
    with pytest.raises(InputError, match="no such file"):
        read_spectrum("nowhere.csv")
    with pytest.raises(InputError, match=r"unknown kind of spectrum '\.xls'"):
        read_spectrum(write("", "mjj.xls"))
