"""Status: what a folder says of itself, whatever was made in it."""

import json

import pytest
from steps_for_tests import STUDY, Settings

from hepflow.engine.folder import RunFolder
from hepflow.engine.job import published
from hepflow.engine.provenance import FILE, REPORTING, RUNNING
from hepflow.engine.status import Status, status
from hepflow.errors import InputError


def test_no_run(tmp_path):
    with pytest.raises(InputError, match="no run of hepflow there"):
        status(tmp_path)


def left_at(folder, outcome):
    """Leave the folder as a process does that cannot say how it ended."""
    content = json.loads((folder / FILE).read_text("utf-8"))
    content["runs"][-1]["outcome"] = outcome
    (folder / FILE).write_text(json.dumps(content), "utf-8")


@pytest.mark.parametrize("outcome", [RUNNING, REPORTING])
def test_a_run_that_was_killed(tmp_path, outcome):
    STUDY.run(Settings(), tmp_path / "run")
    assert status(tmp_path / "run").outcome == "done"
    left_at(tmp_path / "run", outcome)
    assert status(tmp_path / "run").outcome == "killed"


def test_steps_from_the_oldest_to_what_is_left(tmp_path, monkeypatch):
    def fails(job):
        raise InputError("no luck")

    folder = tmp_path / "run"
    STUDY.run(Settings(), folder, until="read")
    monkeypatch.setattr("steps_for_tests.sums", published(fails))
    with pytest.raises(InputError, match="no luck"):
        STUDY.run(Settings(), folder)
    found = status(folder)
    assert found.outcome == "failed: no luck"
    assert found.holder is None
    done = [one for one in found.steps if one.state == "done"]
    assert done[0].step == "numbers"
    assert all(one.seconds is not None and one.made.endswith("+00:00") for one in done)
    left = [(one.step, one.why) for one in found.steps if one.state == "left"]
    assert left == [("record", "not done yet"), ("shown", "not done yet")]


def test_before_the_first_command(tmp_path):
    RunFolder(tmp_path / "run", {})
    assert status(tmp_path / "run") == Status((), None, "not begun", None)
