"""Execution: each step after those that it needs, several at once, and what happens when one fails."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from steps_for_tests import HERE

from hepflow.engine.execute import Workers, carry_out, todo
from hepflow.engine.executors import Processes, open_pool
from hepflow.engine.folder import RunFolder
from hepflow.engine.plan import Plan, Step, by_name
from hepflow.engine.work import Work
from hepflow.errors import FitError, InputError

NUMBERS = f"{HERE}:numbers"


def diamond():
    """Return four steps: one before two that are independent, and one after both."""
    return Plan.of(
        [
            Step("first", "a", NUMBERS),
            Step("left", "b", NUMBERS, needs=by_name("first")),
            Step("right", "b", NUMBERS, needs=by_name("first")),
            Step("last", "c", NUMBERS, needs=by_name("left", "right")),
        ]
    )


@pytest.fixture
def work(tmp_path):
    """Return a function that gives the steps of a plan work to do."""
    return lambda plan: Work(plan, RunFolder(tmp_path / "run", {}))


@pytest.mark.parametrize("workers", [1, 4])
def test_each_step_comes_after_those_that_it_needs(workers, work):
    plan, begun, ended = diamond(), [], []

    def perform(step):
        assert set(plan[step].needs) <= set(ended)
        begun.append(step)
        ended.append(step)

    with ThreadPoolExecutor(workers) as pool:
        carry_out(work(plan), dict.fromkeys(plan.steps, "not done yet"), pool, perform)
    assert sorted(begun) == sorted(plan.steps)


def test_one_step_after_another_in_this_process(work, made):
    plan = diamond()
    carry_out(work(plan), dict.fromkeys(plan.steps, "not done yet"))
    assert made == ["first", "left", "right", "last"]


def test_results_that_no_step_needs_any_more_are_not_held(work):
    plan = Plan.of(
        [Step("numbers", "a", NUMBERS), Step("sum", "a", f"{HERE}:total", needs=by_name("numbers"))]
    )
    done = work(plan)
    carry_out(done, dict.fromkeys(plan.steps, "not done yet"))
    assert not done._held


def test_independent_steps_run_at_once(work):
    plan, both = diamond(), threading.Barrier(2, timeout=20)

    def perform(step):
        if step in ("left", "right"):
            both.wait()  # passes when the other is there too

    with ThreadPoolExecutor(2) as pool:
        carry_out(work(plan), dict.fromkeys(plan.steps, ""), pool, perform)


def test_a_step_that_fails_stops_only_those_that_need_it(work):
    plan, done = diamond(), []

    def perform(step):
        if step == "left":
            raise FitError("no minimum")
        done.append(step)

    with (
        ThreadPoolExecutor(2) as pool,
        pytest.raises(FitError, match="left: no minimum\nnot begun, since they need these: last"),
    ):
        carry_out(work(plan), dict.fromkeys(plan.steps, ""), pool, perform)
    assert done == ["first", "right"]


def test_what_is_no_longer_needed_is_not_made_again(tmp_path):
    plan, folder = diamond(), RunFolder(tmp_path / "run", {})
    assert [*todo(plan, folder, ["last"])] == ["first", "left", "right", "last"]
    for step in ("left", "right"):
        with folder.replacing(step) as place:
            folder.finish(place, plan, step, 1.0, [])
    assert todo(plan, folder, ["last"]) == {"last": "not done yet"}


def test_a_step_after_others_waits_for_them_but_does_not_bring_them_back(tmp_path):
    plan = Plan.of([Step("piece", "a", NUMBERS), Step("joined", "a", NUMBERS, after=("piece",))])
    folder = RunFolder(tmp_path / "run", {})
    assert [*todo(plan, folder, ["joined"])] == ["piece", "joined"]
    done = []
    with ThreadPoolExecutor(2) as pool:
        carry_out(Work(plan, folder), todo(plan, folder, ["joined"]), pool, done.append)
    assert done == ["piece", "joined"]
    with folder.replacing("joined") as place:
        folder.finish(place, plan, "joined", 1.0, [])
    assert todo(plan, folder, ["joined"]) == {}


class Two(Workers, ThreadPoolExecutor):
    """Two workers that note how many steps they were sent."""

    def __init__(self):
        super().__init__(max_workers=2)
        self.unfinished, self.most = [], 0

    def submit(self, fn, /, *arguments):
        future = super().submit(fn, *arguments)
        self.unfinished = [one for one in (*self.unfinished, future) if not one.done()]
        self.most = max(self.most, len(self.unfinished))
        return future

    def count(self):
        return 2


def test_workers_are_sent_what_they_can_make_and_the_first_steps_first(work):
    names = [f"step-{number}" for number in range(8)]
    plan, begun = Plan.of([Step(name, "a", NUMBERS) for name in names]), []

    def perform(step):
        begun.append(step)
        time.sleep(0.01)

    with Two() as pool:
        carry_out(work(plan), dict.fromkeys(names, ""), pool, perform)
        assert pool.most == 2
    assert sorted(begun) == names
    assert set(begun[:2]) == {"step-0", "step-1"}


def test_a_step_that_fails_in_another_process_is_named(tmp_path):
    plan = Plan.of(
        [
            Step("bad", "a", f"{HERE}:fails", {"error": "input"}),
            Step("good", "a", NUMBERS),
            Step("last", "a", f"{HERE}:total", needs={"numbers": "bad"}),
        ]
    )
    folder = RunFolder(tmp_path / "run", {})
    with (
        open_pool(Processes(workers=1)) as pool,
        pytest.raises(InputError, match="bad: bad: no luck\nnot begun, since they need these: last"),
    ):
        carry_out(
            Work(plan, folder), dict.fromkeys(plan.steps, ""), pool, partial(elsewhere, folder.path, plan)
        )
    assert [*folder.records()] == ["good"]


def elsewhere(path, plan, step):
    """Make a step in another process."""
    Work(plan, RunFolder(path, None)).perform(step)


def test_what_is_wanted_is_read_to_see_whether_it_is_as_it_was_written(tmp_path):
    """What comes before it is not."""
    plan, folder = diamond(), RunFolder(tmp_path / "run", {})
    carry_out(Work(plan, folder), todo(plan, folder, ["last"]))
    for step in ("first", "last"):
        (folder.of(step) / "value.json").write_text("[1, 2, 4]", "utf-8")
    assert todo(plan, folder, ["last"]) == {"last": "stages/last/value.json was changed"}
