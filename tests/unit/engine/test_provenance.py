"""Provenance: which commands worked in a folder, how each ended, and who looked at hidden data."""

import json
import sys

import pytest
from steps_for_tests import HERE

from hepflow.engine.folder import RunFolder
from hepflow.engine.plan import Plan, Step
from hepflow.engine.provenance import (
    FILE,
    Provenance,
    command,
    read_provenance,
    record_run,
    record_unblinding,
)
from hepflow.engine.status import status
from hepflow.engine.work import Work
from hepflow.errors import InputError

PLAN = Plan.of(
    [
        Step("one", "a", f"{HERE}:numbers", files={"e.h5": (1, 2, "x")}),
        Step("two", "a", f"{HERE}:numbers", {"n": 4}, files={"s.h5": (3, 4, "y")}),
    ]
)


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run", {})


def test_what_a_command_leaves(folder, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Work(PLAN, folder).perform("one")
    left = {"two": "not done yet"}
    with record_run(folder, PLAN, left, seed=3, config_hash="abc") as end:
        (running,) = read_provenance(folder.path).runs
        assert (running.outcome, running.ended, running.steps) == ("running", None, left)
        Work(PLAN, folder).perform("two")
        end("reporting")
        end("done")
    (found,) = read_provenance(folder.path).runs
    assert (found.outcome, found.seed, found.config_hash) == ("done", 3, "abc")
    assert list(found.seconds_of_steps) == ["two"]
    assert found.seconds >= found.seconds_of_steps["two"]
    assert found.ended >= found.started
    assert found.inputs == {"e.h5": [1, 2, "x"], "s.h5": [3, 4, "y"]}
    assert found.machine["OMP_NUM_THREADS"] == "1"
    assert {"python", "hepflow", "torch"} <= set(found.versions)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(InputError("no luck"), "failed: no luck"), (KeyboardInterrupt(), "interrupted")],
)
def test_how_a_command_ended_early(folder, error, outcome):
    def run(error=None):
        with record_run(folder, PLAN, {"one": "not done yet"}) as end:
            if error is not None:
                raise error
            end("done")

    with pytest.raises(type(error)):
        run(error)
    run()
    assert [one.outcome for one in read_provenance(folder.path).runs] == [outcome, "done"]


@pytest.mark.parametrize("last", ["running", "reporting"])
def test_a_command_that_was_killed_is_called_so_by_the_next(folder, last):
    with record_run(folder, PLAN, {}) as end:
        end("done")
    content = json.loads((folder.path / FILE).read_text(encoding="utf-8"))
    content["runs"][0] |= {"outcome": last, "ended": None}
    (folder.path / FILE).write_text(json.dumps(content), encoding="utf-8")
    assert status(folder.path).outcome == "killed"
    with record_run(folder, PLAN, {}) as end:
        assert [one.outcome for one in read_provenance(folder.path).runs] == ["killed", "running"]
        end("done")
    assert [one.outcome for one in read_provenance(folder.path).runs] == ["killed", "done"]


def test_commands_and_unblindings_are_kept_beside_each_other(folder):
    record_unblinding(folder.path, "Emmy", "0" * 16)
    with record_run(folder, PLAN, {}) as end:
        record_unblinding(folder.path, "Lise", "1" * 16)
        end("done")
    record_unblinding(folder.path, "Chien-Shiung", "2" * 16)
    found = read_provenance(folder.path)
    assert [one.by for one in found.unblinded] == ["Emmy", "Lise", "Chien-Shiung"]
    assert [one.outcome for one in found.runs] == ["done"]
    assert all(one.at.endswith("+00:00") for one in found.unblinded)


def test_nothing_is_known_of_a_new_folder(tmp_path):
    assert read_provenance(tmp_path) == Provenance()


@pytest.mark.parametrize("text", ["{", "[1]", '{"unblinded": [{"by": "Emmy"}]}', '{"unblinded": 3}', "\0"])
def test_one_that_cannot_be_read_is_not_written_over(folder, text):
    (folder.path / FILE).write_text(text, "utf-8")
    with pytest.raises(InputError, match=r"provenance\.json cannot be read .* it says who unblinded"):
        record_unblinding(folder.path, "Emmy", "0" * 16)
    with (
        pytest.raises(InputError, match="is not written over"),
        record_run(folder, PLAN, {}),
    ):
        pass
    assert (folder.path / FILE).read_text("utf-8") == text


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"runs": 3},
        {"runs": ["x"]},
        {"runs": [{}]},
        {"runs": [{"started": 1, "outcome": "done", "command": [], "steps": {}}]},
        {"runs": [{"started": "x", "outcome": "failed", "command": [3], "steps": {}}]},
        {"runs": [{"started": "x", "outcome": "failed", "command": [], "steps": ["a"]}]},
        {"unblinded": "me"},
        {"unblinded": [{"by": "me"}]},
        {"unblinded": 3},
    ],
)
def test_a_crafted_provenance(content, tmp_path):
    RunFolder(tmp_path, {})
    (tmp_path / FILE).write_text(json.dumps(content), "utf-8")
    for look in (read_provenance, status):
        with pytest.raises(InputError, match=r"provenance\.json cannot be read"):
            look(tmp_path)


@pytest.mark.parametrize("program", ["/usr/bin/hepflow", "/site-packages/hepflow/__main__.py"])
def test_the_command_is_told_as_it_can_be_given_again(monkeypatch, program):
    monkeypatch.setattr(sys, "argv", [program, "run", "search.yaml"])
    assert command() == ("hepflow", "run", "search.yaml")
