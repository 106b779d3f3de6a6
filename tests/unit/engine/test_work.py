"""Work: steps by hand, each made once, kept, read again, and made anew where something changed or is damaged."""

import json
import os

import pytest
import steps_for_tests
from steps_for_tests import HERE

from hepflow.engine.folder import STEP, RunFolder
from hepflow.engine.job import Job
from hepflow.engine.plan import Failing, Plan, Step, by_name
from hepflow.engine.work import FAILURE, NoResultError, Work
from hepflow.errors import FitError, InputError


def sums(n=3, x="1"):
    return Plan.of(
        [
            Step("numbers", "a", f"{HERE}:numbers", {"n": n}),
            Step("sum", "b", f"{HERE}:total", {"x": x}, by_name("numbers")),
        ]
    )


PLAN = sums()


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run", {})


@pytest.fixture
def summed(folder, made):
    """Return the folder with the sum in it, and forget how that was made."""
    assert Work(PLAN, folder).result("sum") == 6
    made.clear()
    return folder


def test_a_result_is_made_once(folder, made):
    first = Work(PLAN, folder)
    assert first.result("sum") == first.result("sum") == Work(PLAN, folder).result("sum") == 6
    assert made == ["sum", "numbers"]


def test_what_is_there_is_read_when_it_is_asked_for(summed, made):
    """Nothing that comes before is looked at."""
    (summed.of("numbers") / "value.json").write_text("[9]", "utf-8")
    assert Work(PLAN, summed).result("sum") == 6
    assert not made


@pytest.mark.parametrize(
    ("plan", "why", "again"),
    [
        (sums(n=4), {"numbers": "n: 3 -> 4", "sum": "after numbers"}, ["sum", "numbers"]),
        (sums(x="2"), {"numbers": None, "sum": 'x: "1" -> "2"'}, ["sum"]),
    ],
)
def test_what_changed_is_said_and_made_anew(summed, made, plan, why, again):
    assert {step: summed.todo(plan, step) for step in why} == why
    assert Work(plan, summed).result("sum") == (10 if plan["numbers"].settings["n"] == 4 else 6)
    assert made == again
    assert {step: summed.todo(plan, step) for step in why} == {"numbers": None, "sum": None}


@pytest.mark.parametrize("damage", ["change", "truncate", "remove", "unreadable"])
def test_a_damaged_result_is_made_anew(summed, made, damage, caplog):
    path = summed.of("sum") / "value.json"
    if damage == "change":
        path.write_text("7", "utf-8")  # of the same length: nothing but its hash tells
    elif damage == "truncate":
        path.write_text("", "utf-8")
    elif damage == "remove":
        path.unlink()
    else:
        path.unlink()
        path.mkdir()
    assert Work(PLAN, summed).result("sum") == 6
    assert made == ["sum"]
    assert ("not as it was written" in caplog.text) == (damage in ("change", "truncate"))


def test_a_result_that_its_reader_refuses_is_made_anew(summed, made, monkeypatch, caplog):
    """As a file whose library does not know it any more."""
    how = steps_for_tests.total

    def load(job, folder):
        raise OSError("no such format")

    monkeypatch.setattr(steps_for_tests, "total", type(how)(lambda job: 6, lambda *_: None, load))
    assert Work(PLAN, summed).result("sum") == 6
    assert "not as it was written (no such format); it is made anew" in caplog.text


@pytest.mark.parametrize("text", ["", '{"key": "k", "[1]', "null", '{"seconds": 3}', '{"key": 1}'])
def test_a_damaged_record_is_none(summed, text):
    (summed.of("sum") / STEP).write_text(text, "utf-8")
    assert summed.todo(PLAN, "sum") == "not done yet"
    assert Work(PLAN, summed).result("sum") == 6


def test_a_clock_that_was_moved_back_changes_nothing(summed, made):
    for path in summed.path.rglob("*"):
        os.utime(path, ns=(1, 1))
    Work(PLAN, summed).result("sum")
    assert not made


def test_what_takes_no_time_is_not_kept(folder, made):
    plan = Plan.of([*PLAN, Step("squares", "b", f"{HERE}:squares", needs=by_name("numbers"))])
    assert Work(plan, folder).result("squares") == [1, 4, 9]
    assert {path.name for path in folder.of("squares").iterdir()} == {STEP}
    made.clear()
    assert Work(plan, folder).result("squares") == [1, 4, 9]
    assert made == ["squares"]


def test_files_for_people_are_written_again_where_they_are_missing_and_removed_where_they_are_old(folder):
    def publish(*names, **settings):
        plan = Plan.of([Step("table", "a", f"{HERE}:table", {"names": names, **settings})])
        Work(plan, folder).perform("table")

    publish("a.txt", "b.txt")
    (folder.path / "a.txt").unlink()
    publish("a.txt", "b.txt")
    assert (folder.path / "a.txt").is_file()
    publish("a.txt", x="2")
    assert not (folder.path / "b.txt").exists()


def test_files_for_people_that_were_changed_are_written_again(folder, made):
    plan = Plan.of([Step("table", "a", f"{HERE}:table", {"names": ["a.txt"]})])
    for _ in range(2):
        Work(plan, folder).perform("table")
        assert (folder.path / "a.txt").read_text("utf-8") == "{}"
        (folder.path / "a.txt").write_text("42", "utf-8")
    assert made == ["table", "table"]


def test_a_disk_that_is_full_leaves_the_older_result(summed, monkeypatch):
    with monkeypatch.context() as patch:
        how = steps_for_tests.total

        def full(place, value):
            (place / "value.json").write_text("half", "utf-8")
            raise OSError(28, "No space left on device")

        patch.setattr(steps_for_tests, "total", type(how)(how.make, full, how.load))
        with pytest.raises(OSError, match="No space left"):
            Work(sums(x="2"), summed).result("sum")
    assert not list(summed.path.rglob(".*"))
    assert summed.todo(PLAN, "sum") is None
    assert Work(PLAN, summed).result("sum") == 6


def test_what_a_function_is_given(folder):
    plan = Plan.of(
        [
            Step("one/numbers", "a", f"{HERE}:numbers", {"n": 2}),
            Step("sum", "a", f"{HERE}:total", {}, {"numbers": "one/numbers"}),
            Step("kind", "a", f"{HERE}:of_chosen", chosen={"what": f"{HERE}:Chosen"}),
        ]
    )
    work = Work(plan, folder)
    assert work.result("sum") == 3
    assert work.result("kind") == "Chosen"


def test_what_is_not_needed_any_more_is_forgotten(folder, made):
    work = Work(PLAN, folder)
    work.result("sum")
    work.release(["sum"])
    made.clear()
    (folder.of("numbers") / "value.json").unlink()
    assert work.result("numbers") == [1, 2, 3]  # held
    work.release([])
    work.result("numbers")
    assert made == ["numbers"]


def failing(error, how):
    return Plan.of(
        [
            Step("bad", "a", f"{HERE}:fails", {"error": error}, failing=how),
            Step("good", "a", f"{HERE}:numbers"),
            Step("needs it", "a", f"{HERE}:total", needs={"numbers": "bad"}, failing=how),
            Step("all", "a", f"{HERE}:all_of_it", needs=by_name("needs it", "good")),
        ]
    )


@pytest.mark.parametrize(("error", "kind"), [("input", InputError), ("fit", FitError)])
def test_a_step_that_stops_the_command(folder, error, kind):
    with pytest.raises(kind, match="bad: no luck"):
        Work(failing(error, Failing.STOPS), folder).perform("bad")
    assert not folder.records()


@pytest.mark.parametrize("error", ["input", "fit"])
def test_a_reason_that_takes_the_place_of_a_result(folder, made, caplog, error):
    """It goes on to all that need the result, is told once, and kept until something changes."""
    plan = failing(error, Failing.KEPT)
    for work in (Work(plan, folder), Work(plan, folder)):
        for step in ("bad", "needs it", "all"):
            work.perform(step)
        assert work.result("all") == {"needs it": "bad: no luck", "good": [1, 2, 3]}
        assert work.failure("bad") == work.failure("needs it") == "bad: no luck"
        assert work.failure("good") is None
        assert work.peek("bad") is None
        with pytest.raises(NoResultError, match="bad: no luck"):
            work.result("needs it")
    assert made == ["bad", "needs it", "all", "good"]
    assert caplog.text.count("no luck") == 1
    assert (folder.of("bad") / FAILURE).read_text("utf-8") == "bad: no luck"
    other = failing("input" if error == "fit" else "fit", Failing.KEPT)
    assert Work(other, folder).failure("bad") is None
    Work(other, folder).perform("bad")
    assert made[4:] == ["bad"]


@pytest.mark.parametrize("how", [Failing.KEPT, Failing.LEFT])
def test_an_error_of_the_program_stops_it_all_the_same(folder, how):
    with pytest.raises(ZeroDivisionError):
        Work(failing("program", how), folder).perform("bad")
    assert not folder.records()


def test_helpers_save_work_and_no_more(folder, made, caplog):
    """One that fails, is damaged or was not made is done without."""
    caplog.set_level("INFO", logger="hepflow")
    plan = Plan.of(
        [
            Step("helpers/0", "a", f"{HERE}:numbers", {"n": 1}, failing=Failing.LEFT),
            Step("helpers/1", "a", f"{HERE}:fails", {"n": 2, "error": "input"}, failing=Failing.LEFT),
            Step("helpers/2", "a", f"{HERE}:numbers", {"n": 3}, failing=Failing.LEFT),
            Step("helpers/3", "a", f"{HERE}:numbers", {"n": 4}, failing=Failing.LEFT),
            Step("joined", "a", f"{HERE}:joined", after=tuple(f"helpers/{number}" for number in range(4))),
        ]
    )
    work = Work(plan, folder)
    for step in ("helpers/0", "helpers/1", "helpers/2"):
        work.perform(step)
    assert "helpers/1: left to what comes after it: helpers/1: no luck" in caplog.text
    assert set(folder.records()) == {"helpers/0", "helpers/2"}
    (folder.of("helpers/2") / "value.json").write_text("[]", "utf-8")
    assert work.result("joined") == [[1], "own 2", "own 3", "own 4"]


def test_a_step_that_stopped_at_a_limit_of_time_goes_on(folder, made, caplog):
    caplog.set_level("INFO", logger="hepflow")
    plan = Plan.of([Step("parts", "a", f"{HERE}:in_parts")])
    for part in (1, 2):
        Work(plan, folder).perform("parts")
        assert f"parts: {part} of 3 parts are done" in caplog.text
        assert folder.todo(plan, "parts") == "not done yet"
    Work(plan, folder).perform("parts")
    assert Work(plan, folder).result("parts") == 3
    assert made == ["parts"] * 3


def test_checkpoints_have_the_name_and_key_of_their_step(folder):
    def plan(n):
        return Plan.of(
            [
                Step("w/0/first", "a", f"{HERE}:trained", {"n": n}),
                Step("second", "a", f"{HERE}:trained", needs={"earlier": "w/0/first"}),
            ]
        )

    assert Work(plan(1), folder).result("second") == ["second", "w/0/first"]
    place = folder.path / "checkpoints"
    first, second = (plan(1).key(step)[:12] for step in ("w/0/first", "second"))
    names = {f"w-0-first-{first}.safetensors", f"second-{second}.safetensors"}
    assert {path.name for path in place.iterdir()} == names
    beside = place / f"w-0-first-{first}-second.safetensors"
    beside.touch()
    Work(plan(2), folder).perform(
        "w/0/first"
    )  # one with other settings is forgotten, and what stood beside it
    assert not beside.exists()
    assert len(list(place.glob("w-0-first-*"))) == 1


def test_seconds_and_stages(folder):
    work = Work(PLAN, folder)
    work.result("sum")
    for step, seconds in (("numbers", 2.0), ("sum", 0.5)):
        path = folder.of(step) / STEP
        path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "seconds": seconds}), "utf-8")
    job = Job(work, PLAN["sum"])
    assert job.seconds("numbers") == 2.0
    assert job.timing() == {"a": 2.0}
    assert Job(work, PLAN["numbers"]).timing() == {}  # what comes after it is no part of it


def test_code_that_is_not_that_of_the_command(folder, monkeypatch):
    """As in a worker with another hepflow."""
    code = {"errors.py": "another"}
    monkeypatch.setattr("hepflow.engine.plan.code_of", lambda *modules: code)
    plan = Plan.of([Step("training", "a", f"{HERE}:numbers"), Step("table", "a", f"{HERE}:table")])
    for step in ("training", "table"):
        with pytest.raises(InputError, match=rf"{step}: hepflow/errors\.py on .* is not that of the command"):
            Work(plan, folder).perform(step)
    assert not folder.records()
