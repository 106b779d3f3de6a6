"""Executors: the same results wherever the steps run, and what happens when one fails or its worker dies."""

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from hepflow.errors import ConfigError, FitError, HepflowError, InputError
from hepflow.config.executor import Dask, Local, Processes
from hepflow.engine import executors
from hepflow.engine.code import code_of
from hepflow.engine.execute import Workers, carry_out, todo
from hepflow.engine.executors import open_pool
from hepflow.engine.folder import RunFolder
from hepflow.engine.plan import Plan, Step
from hepflow.engine.work import Work
from hepflow.workflow.run import run

DASK = "executor={name: dask, workers: 2, options: {dashboard_address: ':0', processes: true}}"


def diamond():
    """Return four steps: one before two that are independent, and one after both."""
    return Plan.of(
        [
            Step("first", "a", {}),
            Step("left", "b", {}, ("first",)),
            Step("right", "b", {}, ("first",)),
            Step("last", "c", {}, ("left", "right")),
        ]
    )


@pytest.mark.parametrize("workers", [None, 1, 4])
def test_each_step_comes_after_those_that_it_needs(workers):
    plan, begun, ended = diamond(), [], []

    def perform(step):
        assert set(plan[step].needs) <= set(ended)
        begun.append(step)
        ended.append(step)

    steps = dict.fromkeys(plan.steps, "not done yet")
    if workers is None:
        carry_out(plan, steps, perform)
    else:
        with ThreadPoolExecutor(workers) as pool:
            carry_out(plan, steps, perform, pool)
    assert sorted(begun) == sorted(plan.steps)


def test_independent_steps_run_at_once():
    plan, both = diamond(), threading.Barrier(2, timeout=20)

    def perform(step):
        if step in ("left", "right"):
            both.wait()  # passes when the other is there too

    with ThreadPoolExecutor(2) as pool:
        carry_out(plan, dict.fromkeys(plan.steps, ""), perform, pool)


def test_a_step_that_fails_stops_only_those_that_need_it():
    plan, done = diamond(), []

    def perform(step):
        if step == "left":
            raise FitError("no minimum")
        done.append(step)

    with (
        ThreadPoolExecutor(2) as pool,
        pytest.raises(FitError, match="left: no minimum\nnot begun, since they need these: last"),
    ):
        carry_out(plan, dict.fromkeys(plan.steps, ""), perform, pool)
    assert done == ["first", "right"]


def test_what_is_no_longer_needed_is_not_made_again(tmp_path):
    plan, folder = diamond(), RunFolder(tmp_path / "run", {})
    assert [*todo(plan, folder, ["last"])] == ["first", "left", "right", "last"]
    for step in ("left", "right"):
        with folder.replacing(step) as place:
            folder.finish(place, plan, step, 1.0, [])
    assert todo(plan, folder, ["last"]) == {"last": "not done yet"}


def test_a_step_after_others_waits_for_them_but_does_not_bring_them_back(tmp_path):
    plan = Plan.of([Step("piece", "a", {}), Step("joined", "a", {}, after=("piece",))])
    folder = RunFolder(tmp_path / "run", {})
    assert [*todo(plan, folder, ["joined"])] == ["piece", "joined"]
    done = []
    with ThreadPoolExecutor(2) as pool:
        carry_out(plan, todo(plan, folder, ["joined"]), done.append, pool)
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


def test_workers_are_sent_what_they_can_make_and_the_first_steps_first():
    names = [f"step-{number}" for number in range(8)]
    plan, begun = Plan.of([Step(name, "a", {}) for name in names]), []

    def perform(step):
        begun.append(step)
        time.sleep(0.01)

    with Two() as pool:
        carry_out(plan, dict.fromkeys(names, ""), perform, pool)
        assert pool.most == 2
    assert sorted(begun) == names
    assert set(begun[:2]) == {"step-0", "step-1"}


def results_of(folder):
    content = json.loads((folder / "results.json").read_text("utf-8"))
    return {key: value for key, value in content.items() if key != "timing"}


@pytest.fixture(scope="module")
def settings():
    return ("selection.background_efficiency=[0.1]",)


@pytest.fixture(scope="module")
def alone(configure, settings, tmp_path_factory):
    """Return the results of a run in this process."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    run(configure(*settings), folder, until="fit")
    return results_of(folder)


@pytest.mark.parametrize("executor", ["executor={name: processes, workers: 2}", DASK])
def test_the_same_results_in_other_processes(executor, alone, configure, settings, tmp_path):
    run(configure(*settings, executor), tmp_path / "run", until="fit")
    assert results_of(tmp_path / "run") == alone


def kill_a_worker(pid_file):
    """Kill the worker that wrote its process number, the first time; the second try goes on."""
    if pid_file.exists():
        return "survived"
    pid_file.write_text(str(os.getpid()), encoding="utf-8")
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
    return None


@pytest.mark.filterwarnings("ignore")
def test_a_worker_that_is_killed_is_replaced(tmp_path):
    chosen = Dask(workers=2, options={"dashboard_address": ":0"})
    with open_pool(chosen) as pool:
        assert pool.submit(kill_a_worker, tmp_path / "pid").result(timeout=120) == "survived"


def test_a_pool_whose_worker_is_killed_says_so(tmp_path):
    plan = Plan.of([Step("training", "a", {})])
    with (
        open_pool(Processes(workers=1)) as pool,
        pytest.raises(HepflowError, match=r"training: .* process .* terminated"),
    ):
        carry_out(plan, {"training": ""}, partial(_killed, tmp_path / "pid"), pool)


def _killed(pid_file, step):
    return kill_a_worker(pid_file)


def test_no_pool_for_one_process():
    with open_pool(Local()) as pool:
        assert pool is None


def test_a_scheduler_that_does_not_answer():
    chosen = Dask(scheduler="tcp://127.0.0.1:1", timeout=1)
    with (
        pytest.raises(InputError, match=r"tcp://127\.0\.0\.1:1 does not answer .* `dask scheduler`"),
        open_pool(chosen),
    ):
        pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of the half-made cluster
def test_options_that_a_cluster_does_not_know():
    chosen = Dask(cluster="slurm", options={"quue": "short"})
    with pytest.raises(ConfigError, match=r"executor\.options of 'slurm'"), open_pool(chosen):
        pass


def test_a_machine_that_submits_no_jobs(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(ConfigError, match="'slurm' needs the command sbatch, which is not found here"),
        open_pool(Dask(cluster="slurm", options={"queue": "short"})),
    ):
        pass


def test_jobs_that_stay_in_the_queue(monkeypatch):
    distributed = pytest.importorskip("distributed")
    nobody = {"n_workers": 0, "processes": False, "dashboard_address": ":0"}
    monkeypatch.setattr(executors, "_cluster", lambda chosen, _: distributed.LocalCluster(**nobody))
    with pytest.raises(InputError, match=r"no worker began within 0\.1 s"), open_pool(Dask(timeout=0.1)):
        pass


def test_a_scheduler_without_workers():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        chosen = Dask(scheduler=address, timeout=0.1)
        with pytest.raises(InputError, match=rf"with `dask worker {address}`"), open_pool(chosen):
            pass


class NotInstalled:
    """A task that only those can read who have a package that nobody has."""

    def __call__(self):
        raise AssertionError("read where it cannot be")

    def __reduce__(self):
        return importlib.import_module, ("hepflow_of_the_future",)


@pytest.mark.filterwarnings("ignore")
def test_workers_without_hepflow(monkeypatch):
    monkeypatch.setattr(executors, "_greet", NotInstalled())
    chosen = Dask(workers=1, options={"dashboard_address": ":0"})
    with (
        pytest.raises(InputError, match=r"No module named 'hepflow_of_the_future'\. .* the same hepflow"),
        open_pool(chosen),
    ):
        pass


def test_a_worker_with_another_hepflow_refuses(tmp_path):
    code = {**code_of("hepflow.sample"), "errors.py": "another"}
    plan = Plan.of([Step("training", "a", {"code": code})])
    work = Work(plan, RunFolder(tmp_path / "run", {}))
    with pytest.raises(InputError, match=r"training: hepflow/errors\.py on .* is not that of the command"):
        work.keep("training", list, lambda folder, found: None, lambda folder: [])
    with pytest.raises(InputError, match=r"hepflow/errors\.py on .* is not that of the command"):
        work.publish("training", list)
    assert not work.folder.records()


@pytest.mark.skipif(sys.platform != "linux", reason="page faults are counted as Linux counts them")
def test_workers_keep_the_memory_that_is_freed():
    """Dask has the C library of its workers give every freed array back: each new one then costs page faults."""
    script = """
import resource, sys
import numpy as np
from hepflow.engine.executors import _keep_freed_memory
if sys.argv[1] == "kept":
    _keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(200):
    np.ones(1 << 17)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"}
    kept, given_back = (
        int(
            subprocess.run(
                [sys.executable, "-c", script, how], env=environment, capture_output=True, check=True
            ).stdout
        )
        for how in ("kept", "given back")
    )
    assert kept < 2_000
    assert given_back > 20_000
