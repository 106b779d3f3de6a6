"""The run folder: whose it is, who works in it, and which of its steps count as done."""

import json
import os
import subprocess
import sys

import pytest

from hepflow.errors import InputError
from hepflow.engine.folder import STEP, RunFolder
from hepflow.engine.plan import Plan, Step
from hepflow.engine.work import Work

IDENTITY = {
    "name": "search",
    "seed": 1,
    "inputs": {"data": {"path": ["events.h5"], "label": None}},
    "injection": None,
}


def test_a_new_folder_and_the_same_run_again(tmp_path):
    path = tmp_path / "runs" / "search"
    RunFolder(path, IDENTITY)
    assert json.loads((path / "run.json").read_text())["identity"] == IDENTITY
    RunFolder(path, dict(reversed(IDENTITY.items())))
    RunFolder(path, None)


def test_an_empty_folder_may_be_taken(tmp_path):
    RunFolder(tmp_path, IDENTITY)
    assert (tmp_path / "run.json").is_file()


@pytest.mark.parametrize(
    ("key", "value", "where", "own"),
    [
        ("name", "other", "name", "other"),
        ("seed", 2, "seed", 2),
        ("injection", {"events": 10, "seed": 0}, "injection", {"events": 10, "seed": 0}),
        ("inputs", {"data": {"path": ["other.h5"], "label": None}}, "inputs.data.path", ["other.h5"]),
    ],
)
def test_a_folder_of_another_run(tmp_path, key, value, where, own):
    RunFolder(tmp_path, IDENTITY)
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(
        InputError, match=rf"belongs to another run: its {where} is .* Choose another --out"
    ) as error:
        RunFolder(tmp_path, {**IDENTITY, key: value})
    assert f"this one's is {own!r}." in str(error.value)
    assert (tmp_path / "run.json").read_bytes() == before


def test_a_folder_that_holds_something_else(tmp_path):
    (tmp_path / "thesis.tex").write_text("42", encoding="utf-8")
    with pytest.raises(InputError, match="is not empty and holds no run of hepflow; choose another --out"):
        RunFolder(tmp_path, IDENTITY)
    with pytest.raises(InputError, match="no run of hepflow there; expected the --out"):
        RunFolder(tmp_path, None)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_where_the_folder_should_be(tmp_path):
    path = tmp_path / "search"
    path.write_text("42", encoding="utf-8")
    with pytest.raises(InputError, match="a file stands where the run folder should be"):
        RunFolder(path, IDENTITY)
    with pytest.raises(InputError, match="the run folder cannot be made"):
        RunFolder(path / "deeper", IDENTITY)
    assert path.read_text(encoding="utf-8") == "42"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"identity": {}}', '{"identity": 3}', '{"other": 1}'])
def test_a_damaged_marker_is_nobodys_run(tmp_path, text):
    RunFolder(tmp_path, IDENTITY)
    (tmp_path / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="belongs to another run"):
        RunFolder(tmp_path, IDENTITY)


def test_an_interrupt_while_the_folder_is_made(tmp_path, monkeypatch):
    """Whatever was written by then, the same command can begin again."""
    path = tmp_path / "search"

    def interrupted(self, *arguments, **options):
        if self.name == "stages":
            raise KeyboardInterrupt
        return os.mkdir(self)  # noqa: PTH102

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.mkdir", interrupted)
        with pytest.raises(KeyboardInterrupt):
            RunFolder(path, IDENTITY)
    RunFolder(path, IDENTITY)


HOLD = """
import sys, time
from pathlib import Path
from hepflow.engine.folder import RunFolder
with RunFolder(Path(sys.argv[1]), {"name": "search"}).locked():
    print("held", flush=True)
    time.sleep(60)
"""


def test_two_runs_at_once(tmp_path):
    """The second is refused and told who works there; a kill frees the folder."""
    folder = RunFolder(tmp_path / "run", {"name": "search"})
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder.path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(InputError, match=rf"another run works in this folder \(process {other.pid} on"),
            folder.locked(),
        ):
            pass
        other.kill()
        other.wait()
    with folder.locked():
        pass
    assert sorted(path.name for path in folder.path.iterdir()) == ["run.json", "run.lock", "stages"]


def test_what_a_killed_run_left_is_swept(tmp_path):
    folder = RunFolder(tmp_path / "run", {})
    (folder.path / "stages" / ".scores.123-abcdef12").mkdir()
    (folder.path / "stages" / "fit").mkdir()
    (folder.path / "stages" / "fit" / ".inclusive.123-abcdef12-old").mkdir()
    (folder.path / ".results.123-abcdef12.json").write_text("half", "utf-8")
    with folder.locked():
        pass
    assert not list(folder.path.rglob(".*"))


PLAN = Plan.of(
    [Step("numbers", "a", {"settings": {"n": 3}}), Step("sum", "b", {"settings": {"x": "1"}}, ("numbers",))]
)


class Sums(Work):
    """Two steps, with a count of how often each was made."""

    def __init__(self, folder, plan=PLAN):
        super().__init__(plan, folder)
        self.made = []

    def numbers(self):
        return self._keep("numbers", lambda: [1, 2, 3])

    def sum(self):
        return self._keep("sum", lambda: sum(self.numbers()))

    def _keep(self, step, make):
        def counted():
            self.made.append(step)
            return make()

        return self.keep(
            step,
            counted,
            lambda folder, value: (folder / "value.json").write_text(json.dumps(value), "utf-8"),
            lambda folder: json.loads((folder / "value.json").read_text("utf-8")),
        )


def other_plan(n=3, x="1"):
    return Plan.of(
        [
            Step("numbers", "a", {"settings": {"n": n}}),
            Step("sum", "b", {"settings": {"x": x}}, ("numbers",)),
        ]
    )


def test_a_result_is_made_once(tmp_path):
    folder = RunFolder(tmp_path / "run", {})
    first, again = Sums(folder), Sums(folder)
    assert first.sum() == again.sum() == 6
    assert (first.made, again.made) == (["sum", "numbers"], [])


@pytest.mark.parametrize(
    ("plan", "why", "made"),
    [
        (other_plan(n=4), {"numbers": "settings.n: 3 -> 4", "sum": "after numbers"}, ["sum", "numbers"]),
        (other_plan(x="2"), {"numbers": None, "sum": 'settings.x: "1" -> "2"'}, ["sum"]),
    ],
)
def test_what_changed_is_said_and_made_anew(tmp_path, plan, why, made):
    folder = RunFolder(tmp_path / "run", {})
    Sums(folder).sum()
    assert {step: folder.todo(plan, step) for step in why} == why
    other = Sums(folder, plan)
    assert other.sum() == 6
    assert other.made == made
    assert {step: folder.todo(plan, step) for step in why} == {"numbers": None, "sum": None}


@pytest.mark.parametrize("damage", ["change", "truncate", "remove", "unreadable"])
def test_a_damaged_result_is_made_anew(tmp_path, damage, caplog):
    folder = RunFolder(tmp_path / "run", {})
    Sums(folder).sum()
    path = folder.of("sum") / "value.json"
    if damage == "change":
        path.write_text("7", "utf-8")  # of the same length: nothing but its hash tells
    elif damage == "truncate":
        path.write_text("", "utf-8")
    elif damage == "remove":
        path.unlink()
    else:
        path.unlink()
        path.mkdir()
    again = Sums(folder)
    assert again.sum() == 6
    assert again.made == ["sum"]
    assert ("not as it was written" in caplog.text) == (damage in ("change", "truncate"))


@pytest.mark.parametrize("text", ["", '{"key": "k", "[1]', "null", '{"seconds": 3}', '{"key": 1}'])
def test_a_damaged_record_is_none(tmp_path, text):
    folder = RunFolder(tmp_path / "run", {})
    Sums(folder).sum()
    (folder.of("sum") / STEP).write_text(text, "utf-8")
    assert folder.todo(PLAN, "sum") == "not done yet"
    assert Sums(folder).sum() == 6


def test_a_clock_that_was_moved_back_changes_nothing(tmp_path):
    folder = RunFolder(tmp_path / "run", {})
    Sums(folder).sum()
    for path in folder.path.rglob("*"):
        os.utime(path, ns=(1, 1))
    again = Sums(folder)
    again.sum()
    assert not again.made


def test_files_for_people_are_written_again_where_they_are_missing_and_removed_where_they_are_old(tmp_path):
    folder = RunFolder(tmp_path / "run", {})

    def publish(plan, *names):
        def make():
            for name in names:
                (folder.path / name).write_text(name, "utf-8")
                yield folder.path / name

        Work(plan, folder).publish("sum", make)

    publish(PLAN, "a.txt", "b.txt")
    (folder.path / "a.txt").unlink()
    publish(PLAN, "a.txt", "b.txt")
    assert (folder.path / "a.txt").is_file()
    publish(other_plan(x="2"), "a.txt")
    assert not (folder.path / "b.txt").exists()


def test_a_disk_that_is_full_leaves_the_older_result(tmp_path):
    folder = RunFolder(tmp_path / "run", {})
    Sums(folder).sum()
    full = Sums(folder, other_plan(x="2"))

    def save(place, value):
        (place / "value.json").write_text("half", "utf-8")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        full.keep("sum", lambda: 6, save, None)
    assert not list(folder.path.rglob(".*"))
    assert Sums(folder).sum() == 6
