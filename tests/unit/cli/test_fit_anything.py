"""``hepflow fit`` on anything: a result, or an error that says what is wrong, in bounded time and memory."""

import csv
import io
import json
import re
import resource
import time
from contextlib import contextmanager

import hist
import numpy as np
import pytest
import uhi.io.json
import uproot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up.damage import CHANGES, DAMAGE, changed, damaged
from made_up.results import RESULTS

from hepflow.cli import _run
from hepflow.regions import Windows
from hepflow.spectrum import Spectrum
from hepflow.stats import workspace

EDGES = np.arange(2000.0, 5001.0, 250.0)
COUNTS = np.round(-np.diff(4e4 * (EDGES / 2000) ** -6))
REGION = ("--signal-region", "3250", "3750")
SECONDS = 60
BYTES = 4 * 2**30

pytestmark = pytest.mark.filterwarnings("default")  # as on the command line, where these are shown


def table():
    return [
        ["low", "high", "count"],
        *([low, high, n] for low, high, n in zip(EDGES, EDGES[1:], COUNTS, strict=False)),
    ]


def histogram():
    filled = hist.Hist(hist.axis.Variable(EDGES), storage=hist.storage.Weight())
    filled.view().value, filled.view().variance = 2 * COUNTS, 4 * COUNTS
    return filled


def spec():
    windows = Windows((3250, 3750), [(2000, 3250), (3750, 5000)])
    shift = 0.05 * COUNTS
    return workspace(
        Spectrum(EDGES, COUNTS, COUNTS, windows, {"shift": shift}, 0.1 * COUNTS, sidebands_in_fit=True)
    )


def as_csv(rows):
    text = io.StringIO()
    rows = rows if isinstance(rows, list) else [rows]
    csv.writer(text).writerows(row if isinstance(row, list) else [row] for row in rows)
    return text.getvalue().encode("utf-8", "surrogatepass")


def as_json(content):
    return json.dumps(content).encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("anything")


@pytest.fixture(scope="module")
def contents(folder):
    """What each kind of file holds: values where they can be changed, and bytes."""
    with uproot.recreate(folder / "whole.root") as file:
        file["mjj"] = histogram()
    values = {
        "csv": (as_csv, table()),
        "json": (as_json, json.loads(json.dumps(histogram(), default=uhi.io.json.default))),
        "workspace": (as_json, spec()),
        "run": (as_json, json.loads(json.dumps(RESULTS.to_dict()))),
    }
    return values | {"root": (None, (folder / "whole.root").read_bytes())}


@contextmanager
def bounded():
    """Give at most so much memory more than there is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as stream:  # noqa: PTH123
        used = int(stream.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, hard))
    start = time.process_time()
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert time.process_time() - start < SECONDS


def check(kind, folder, raw, capsys):
    """See what `hepflow fit` says to these bytes; return its exit code."""
    where = folder / {"run": "run/results.json", "workspace": "workspace.json"}.get(kind, f"mjj.{kind}")
    where.parent.mkdir(exist_ok=True)
    where.write_bytes(raw)
    target = where.parent if kind == "run" else where
    with bounded():
        code = _run(["fit", str(target), *(() if kind in ("run", "workspace") else REGION)])
    out, err = capsys.readouterr()
    assert code in (0, 1, 2, 3, 4), err
    for said in ("defect", "Traceback", "out of memory", "encountered in"):
        assert said not in err, err
    assert len(err) < 20_000
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", out + err)
    assert code == 0 or err.startswith(("error: ", "warning: ", "Usage: ")), err
    assert out or code
    return code


def mutated(kind, contents, changes, damage):
    """Return the bytes of a file whose values or bytes are others."""
    write, whole = contents[kind]
    raw = whole if write is None else write(changed(whole, changes))
    return damaged(raw, damage) if damage else raw


KINDS = ["csv", "json", "root", "workspace", "run"]
MISHAPS = st.one_of(st.tuples(CHANGES, st.just([])), st.tuples(st.just([]), DAMAGE))
RELAXED = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files(kind, folder, contents, capsys):
    assert check(kind, folder, mutated(kind, contents, [], []), capsys) == 0


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, derandomize=True, **RELAXED)
@given(mishaps=MISHAPS)
def test_some_mutations(kind, folder, contents, capsys, mishaps):
    check(kind, folder, mutated(kind, contents, *mishaps), capsys)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=2000, **RELAXED)
@given(mishaps=MISHAPS)
def test_two_thousand_mutations(kind, folder, contents, capsys, mishaps):
    check(kind, folder, mutated(kind, contents, *mishaps), capsys)


def many(kind, folder, bins):
    """Return the bytes of a spectrum with so many bins; of JSON it is only said."""
    if kind == "csv":
        return as_csv([[2000 + 0.1 * i, 2000 + 0.1 * (i + 1), 1] for i in range(bins)])
    if kind == "root":
        with uproot.recreate(folder / "many.root") as file:
            file["mjj"] = np.ones(bins), np.linspace(2000, 5000, bins + 1)
        return (folder / "many.root").read_bytes()
    axis = {
        "type": "regular",
        "lower": 2000,
        "upper": 5000,
        "bins": 10**9,
        "underflow": False,
        "overflow": False,
    }
    return as_json({"axes": [axis | {"circular": False}], "storage": {"type": "int", "values": [1]}})


@pytest.mark.parametrize("kind", ["csv", "json", "root"])
def test_bins_that_are_too_many(kind, folder, capsys):
    with bounded():
        path = folder / f"many.{kind}"
        path.write_bytes(many(kind, folder, 20_001))
        assert _run(["fit", str(path), *REGION]) == 1
    assert re.search(r"many.* bins; expected 20,000 at most: join", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("deep.json", "[" * 100_000, "not JSON (maximum recursion depth"),
        ("deep.json", "[" * 900 + "]" * 900, "neither a histogram"),
        ("long.csv", "low high count\n1 2 " + "x" * 10**6, "line 2: count is 'xxx"),
        ("long.csv", "low,high,count\n1,2," + "x" * 10**6, "line 2: field larger than field limit"),
        ("long.json", '{"axes": ' + "1" * 10_000 + "}", "an integer of 10,000 digits"),
        ("huge.csv", "2000,3250,10\n3250,3750,1e300\n3750,5000,3\n", "1e+300 events in bin 3250-3750"),
        ("escape.csv", "low,high,c\x1b[31m\n1,2,3\n", r"c\x1b[31m"),
    ],
)
def test_contents_beyond_all_measure(name, text, message, folder, capsys):
    (folder / name).write_text(text)
    with bounded():
        assert _run(["fit", str(folder / name), *REGION]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert str(folder / name) in err
    assert len(err) < 5_000
