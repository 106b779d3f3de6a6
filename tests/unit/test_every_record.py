"""Every record that is a file: it is read as it was written, and what is damaged is named with its key."""

import json
from copy import deepcopy
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import reduce
from operator import getitem

import pytest
from made_up import generation, integration, searches, showers, unfolding
from made_up.comparison import COMPARISON
from made_up.results import RESULTS

from hepflow.engine.folder import Owner, StepRecord
from hepflow.engine.lock import Holder
from hepflow.engine.provenance import Command, Provenance
from hepflow.engine.unblinding import Unblinding
from hepflow.errors import InputError
from hepflow.export.run import Manifest
from hepflow.records import Record, read_record, write_json
from hepflow.results import Results
from hepflow.sample import SkippedFile
from hepflow.studies.comparison.record import Comparison, Matrix, MethodResult
from hepflow.studies.generation.record import GenerationRecord
from hepflow.studies.integration.record import IntegrationRecord
from hepflow.studies.limits.record import RetrainedLimits
from hepflow.studies.showers.record import ShowerRecord
from hepflow.studies.tuning.record import Trial, Tuning
from hepflow.studies.unfolding.record import UnfoldingRecord
from hepflow.studies.windows.record import WindowResult, WindowScan
from hepflow.training import Losses
from hepflow.verdicts import closure, sculpting

REGIONS = {"signal": [3300.0, 3700.0], "sidebands": [[2900.0, 3300.0], [3700.0, 4100.0]]}
LOOK = Unblinding("A. Physicist", "2026-11-20T08:00:00+00:00", "e55b178f63434c07")
VERDICTS = (closure(0.519, 0.002), sculpting(0.5, 0.1))
SKIPPED = SkippedFile("a.h5", "it is empty")
SCAN = replace(searches.scan(), unblinded=(LOOK,))
HOLES = Matrix("overlap", 1, 0, ("a", "b"), ((1.0, None), (None, 1.0)), ((0.0, None), (None, 0.0)), 0.01)
TUNING = Tuning(
    name="search",
    key="0" * 32,
    trials=(
        Trial("flow", 0, {"layers": 5, "learning_rate": 0.002}, -11.5, seconds=2.5),
        Trial("flow", 1, {"layers": 3, "learning_rate": 0.01}, None, problem="the loss is not finite"),
        Trial("classifier", 0, {"max_iter": 100}, 4.5, {"signal_efficiency": 0.3}, template={"layers": 5}),
    ),
    importance={"flow": {"layers": 0.25, "learning_rate": 0.75}},
    notes=("a note",),
)
COMMAND = Command(
    started="2026-11-20T08:00:00+00:00",
    outcome="done",
    command=("hepflow", "run", "search.yaml"),
    steps={"features": "not done yet"},
    ended="2026-11-20T08:10:00+00:00",
    seconds=600.0,
    executor={"name": "local"},
    seconds_of_steps={"features": 12.5},
    versions={"hepflow": "0.1.0"},
    machine={"cores": 2},
)
RECORDS = {  # type, and one of it
    "results": (
        Results,
        replace(RESULTS, regions=REGIONS, unblinded=(LOOK,), skipped_files=(SKIPPED,), verdicts=VERDICTS),
    ),
    "scan": (WindowScan, SCAN),
    "limits": (RetrainedLimits, searches.limits()),
    "comparison": (Comparison, replace(COMPARISON, regions=REGIONS)),
    "tuning": (Tuning, TUNING),
    "generation": (GenerationRecord, generation.record(2)),
    "unfolding": (UnfoldingRecord, unfolding.record(2)),
    "showers": (ShowerRecord, showers.record()),
    "integration": (IntegrationRecord, integration.record()),
    "export": (Manifest, Manifest("search", "0" * 16, False, ("a.root", "b.json"), ("weights: none",))),
    "owner": (Owner, Owner({"name": "search", "seed": 1}, 2)),
    "step": (StepRecord, StepRecord("0" * 64, {"seed": 1}, {"stages/a/b.h5": "0" * 32}, 0.5, LOOK.at)),
    "provenance": (Provenance, Provenance((COMMAND,), (LOOK,))),
    "holder": (Holder, Holder(123, "here", LOOK.at)),
    "window": (WindowResult, SCAN.windows[0]),
    "method": (MethodResult, COMPARISON.results[2]),
    "matrices": (tuple[Matrix, ...], (*COMPARISON.matrices, HOLES)),
    "efficiencies": (dict[str, tuple[float, float]], {"0.1": (0.4, 0.01), "1.0": (1.0, 0.0)}),
    "losses": (tuple[Losses, ...], (Losses((3.0, 2.5), (3.1, 2.6)),)),
}
WITH_SCHEMA = [name for name, (kind, _) in RECORDS.items() if hasattr(kind, "schema")]
every_record = pytest.mark.parametrize("name", RECORDS)


@pytest.fixture(scope="session")
def contents(tmp_path_factory):
    """Return what stands in the file of every record."""
    folder, found = tmp_path_factory.mktemp("records"), {}
    for name, (_, value) in RECORDS.items():
        if name in WITH_SCHEMA:
            value.write(folder / name)
        else:
            write_json(folder / name, value)
        found[name] = json.loads((folder / name).read_text("utf-8"))
    return found


@pytest.fixture
def file_of(tmp_path, contents):
    """Return a function that gives the path of a record's file, written as `change` leaves its content."""

    def file(name, change=lambda content: content):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(change(deepcopy(contents[name]))), "utf-8")
        return path

    return file


def read(path, name):
    kind, _ = RECORDS[name]
    return kind.from_json(path) if name in WITH_SCHEMA else read_record(path, kind)


def refused(path, name, *said):
    """Assert that a file is refused, and that the message names it and the rest."""
    with pytest.raises(InputError) as error:
        read(path, name)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    for text in said:
        assert text in message
    return message


def places(value, at=()):
    """Yield every place in a record, as its file has it, with what stands there; of free content the top alone."""
    yield at, value
    if is_dataclass(value):
        for field in fields(value):
            here, entry = (*at, field.name), getattr(value, field.name)
            if "Any" in field.type or field.name == "cutflow":  # whose rows have names in the file
                yield here, entry
            else:
                yield from places(entry, here)
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from places(entry, (*at, key))
    elif isinstance(value, tuple):
        for index, entry in enumerate(value):
            yield from places(entry, (*at, index))


def dotted(at):
    return ".".join(map(str, at)) or "$"


def other_type(value):
    """Return what cannot stand in the place of a value."""
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return 3
    return {} if value is None or isinstance(value, tuple) else []


def without(at):
    """Return a change that takes a key away."""

    def change(content):
        del reduce(getitem, at[:-1], content)[at[-1]]
        return content

    return change


def with_value(at, value):
    """Return a change that puts a value at a place."""

    def change(content):
        if not at:
            return value
        reduce(getitem, at[:-1], content)[at[-1]] = value
        return content

    return change


@every_record
def test_what_is_written_is_read_again(name, file_of):
    assert read(file_of(name), name) == RECORDS[name][1]


@every_record
def test_files_that_hold_no_json(name, tmp_path):
    path = tmp_path / "record.json"
    refused(path, name, "cannot be read as", "no such file")
    path.mkdir()
    refused(path, name, "cannot be read as", "is a folder")
    path.rmdir()
    for content, said in (
        (b"", "Expecting value"),
        (b'{"schema": ', "Expecting value"),
        (b"\xff\xfe", "codec can't decode"),
        (b"[NaN]", "NaN is no JSON"),
        (b'{"n": -Infinity}', "-Infinity is no JSON"),
        (b"1" * 5000, "which no double holds"),
    ):
        path.write_bytes(content)
        refused(path, name, "cannot be read as", said)


@every_record
def test_files_nested_hundreds_of_levels(name, tmp_path, contents):
    path = tmp_path / "record.json"
    for levels in (*range(250, 1001, 50), 5000, 100_000):
        deep = '{"a":' * levels + "1" + "}" * levels
        path.write_text(deep)
        refused(path, name)
        path.write_text(json.dumps(contents[name]).replace("{", f'{{"later": {deep}, ', 1))
        refused(path, name, "recursion limit" if levels < 900 else "")


@pytest.mark.parametrize("name", WITH_SCHEMA)
def test_another_schema(name, file_of):
    kind, _ = RECORDS[name]
    path = file_of(name, with_value(("schema",), "hepflow-sample-1"))
    refused(path, name, f"expected schema '{kind.schema}', found 'hepflow-sample-1'")
    refused(file_of(name, without(("schema",))), name, f"expected schema '{kind.schema}', found None")
    refused(file_of(name, lambda content: [content]), name, "expected schema", "found 'list'")


@every_record
def test_keys_that_lack(name, file_of):
    """One that has no default is named, with where it lacks; any other takes its default."""
    for at, inner in places(RECORDS[name][1]):
        for field in fields(inner) if is_dataclass(inner) else ():
            here = (*at, field.name)
            path = file_of(name, without(here))
            if field.default is MISSING and field.default_factory is MISSING:
                refused(path, name, "damaged", f"({dotted(here)}: ", "equired")
            else:
                read(path, name)


@every_record
def test_values_of_another_type(name, file_of):
    """At every place: text for a number, a number for text, a list for a mapping and the other way round."""
    remedy = getattr(RECORDS[name][0], "remedy", Record.remedy)
    for at, value in places(RECORDS[name][1]):
        if at or name not in WITH_SCHEMA:  # in whose place a list has no schema
            path = file_of(name, with_value(at, other_type(value)))
            refused(path, name, "damaged", f"({dotted(at)}", remedy)


@every_record
def test_keys_of_later_versions_are_passed_over(name, file_of):
    _, value = RECORDS[name]
    known = [at for at, inner in places(value) if is_dataclass(inner)]

    def later(content):
        for at in known:
            reduce(getitem, at, content)["later"] = {"more": [1, 2]}
        return content

    assert read(file_of(name, later), name) == value


def test_the_rows_of_a_cutflow_have_names(file_of):
    for at, value in (
        ((), {"events read": 3}),
        ((0,), ["events read", 3]),
        ((1, "events"), "3"),
        ((2, "cut"), 3),
    ):
        path = file_of("results", with_value(("cutflow", *at), value))
        refused(path, "results", "damaged", "(cutflow")
    refused(file_of("results", without(("cutflow", 0, "events"))), "results", "rows such as {cut: ")


def test_problems_beyond_three_are_counted(file_of):
    path = file_of("window", lambda content: dict.fromkeys(content, "text"))
    refused(path, "window", "(signal: ", "; sidebands: ", "; cuts: ", "; and 5 more); ")


@pytest.mark.parametrize(
    "regions",
    [
        {},
        {**REGIONS, "signal": ["3300", "3700"]},
        {"signal": [3300.0]},
        {**REGIONS, "signal": [3300.0]},
        {**REGIONS, "sidebands": [[2900.0]]},
    ],
)
def test_regions_are_pairs(tmp_path, regions):
    write_json(tmp_path / "results.json", {**RESULTS.to_dict(), "regions": regions})
    with pytest.raises(InputError, match=r"damaged.*regions.*expected `signal` \[low, high\]"):
        Results.from_json(tmp_path / "results.json")
