"""Executors: pools of processes and of Dask, how they begin and end, and what their workers do not do."""

import importlib
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import pytest
from steps_for_tests import HERE

from hepflow.engine import executors
from hepflow.engine.execute import carry_out
from hepflow.engine.executors import Dask, Local, Processes, _cluster, open_pool
from hepflow.engine.folder import RunFolder
from hepflow.engine.plan import Plan, Step
from hepflow.engine.work import Work
from hepflow.errors import ConfigError, InputError

psutil = pytest.importorskip("psutil")  # comes with distributed


def heed_ctrl_c():
    """Let the process that begins be interrupted, also where the tests run in the background and ignore that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come within {seconds} s"
        time.sleep(0.05)


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


@pytest.mark.filterwarnings("ignore")
def test_dask_on_this_machine_listens_on_the_loopback_alone(caplog):
    psutil = pytest.importorskip("psutil")
    before = {one.laddr for one in listening(psutil)}
    with caplog.at_level("INFO", "hepflow"), open_pool(Dask(workers=1)):
        opened = [one.laddr for one in listening(psutil) if one.laddr not in before]
    assert {ip for ip, _ in opened} == {"127.0.0.1"}
    said = next(message for message in caplog.messages if message.startswith("Dask:"))
    assert {int(port) for port in re.findall(r":(\d+)", said)} <= {port for _, port in opened}


def listening(psutil):
    """Return the sockets of this process on which it waits for others."""
    sockets = psutil.Process().net_connections(kind="inet")
    return [one for one in sockets if one.status == psutil.CONN_LISTEN]


def test_a_cluster_of_jobs_has_certificates_where_it_can(monkeypatch, caplog):
    monkeypatch.setattr(executors.importlib.util, "find_spec", lambda _: object())
    guarded = executors._guarded({"queue": "short"})
    loopback = {"scheduler_options": {"dashboard_address": "127.0.0.1:8787"}}
    assert guarded == {"queue": "short", "security": True, **loopback}
    assert executors._guarded({"security": "mine"}) == {"security": "mine", **loopback}
    assert executors._guarded({"protocol": "tcp://"}) == {"protocol": "tcp://", **loopback}
    assert not caplog.messages
    monkeypatch.setattr(executors.importlib.util, "find_spec", lambda _: None)
    assert "security" not in executors._guarded({})
    assert "without TLS" in caplog.text


def test_a_pool_whose_worker_is_killed_says_so(tmp_path):
    plan = Plan.of([Step("training", "a", f"{HERE}:numbers")])
    work = Work(plan, RunFolder(tmp_path / "run", {}))
    with (
        open_pool(Processes(workers=1)) as pool,
        pytest.raises(
            InputError, match=r"^training: a worker process was killed.* lack of memory.*--workers"
        ),
    ):
        carry_out(work, {"training": ""}, pool, partial(_killed, tmp_path / "pid"))


class KilledWorker(Exception):  # noqa: N818 (its name there)
    """As Dask's."""


class Broken(Executor):
    """A pool one of whose workers was killed: what runs fails, and nothing else is taken."""

    def __init__(self, error):
        self.error, self.sent = error, 0

    def submit(self, function, step):
        self.sent += 1
        if self.sent > 2 and isinstance(self.error, BrokenProcessPool):
            raise self.error
        future = Future()
        future.set_exception(self.error)
        return future


@pytest.mark.parametrize("error", [BrokenProcessPool("terminated abruptly"), KilledWorker("on 4 workers")])
def test_a_lost_worker_is_told_once_for_all_steps(tmp_path, error):
    plan = Plan.of([Step(name, "a", f"{HERE}:numbers") for name in "abc"])
    with pytest.raises(InputError) as caught:
        carry_out(Work(plan, RunFolder(tmp_path / "run", {})), dict.fromkeys("abc", ""), Broken(error), print)
    said = str(caught.value)
    assert re.match(r"[abc], [abc], [abc]: a worker process was killed", said)
    assert said.count("dmesg") == 1


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


POOL = """
import os, time
from hepflow.engine.executors import Processes, open_pool
if __name__ == "__main__":
    try:
        with open_pool(Processes(workers=1)) as pool:
            print(pool.submit(os.getpid).result(), flush=True)
            pool.submit(time.sleep, 600).result()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
"""


@pytest.mark.parametrize(("number", "group"), [("SIGINT", False), ("SIGINT", True), ("SIGKILL", False)])
def test_workers_end_with_the_run_they_belong_to(number, group, tmp_path):
    """After Ctrl-C, which a terminal sends to all of them, and after a kill of the run alone."""
    script = tmp_path / "pool.py"
    script.write_text(POOL, encoding="utf-8")
    command = [sys.executable, str(script)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    ) as process:
        worker = psutil.Process(int(process.stdout.readline()))
        time.sleep(0.2)  # so that the worker is in the middle of its step
        (os.killpg if group else os.kill)(process.pid, signal.Signals[number])
        said = process.communicate(timeout=30)[1]
        wait_for(lambda: not _lives(worker), "the end of the worker", 30)
    assert process.returncode == (130 if number == "SIGINT" else -signal.SIGKILL)
    assert "Traceback" not in said


def _lives(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.filterwarnings("ignore")  # of dask-jobqueue, where there is no batch system
@pytest.mark.parametrize(
    ("kind", "cores"),
    [
        ("slurm", "--cpus-per-task=4"),
        ("htcondor", "DaskWorkerCores = 4"),
        ("pbs", "ncpus=4"),
        ("lsf", "-n 4"),
    ],
)
def test_a_job_of_a_batch_farm_has_its_cores_and_does_one_step(kind, cores, monkeypatch):
    jobqueue = pytest.importorskip("dask_jobqueue")
    monkeypatch.setattr(jobqueue.core.JobQueueCluster, "scale", lambda self, jobs: None)
    monkeypatch.setattr("hepflow.engine.executors.shutil.which", lambda command: command)
    options = {"disk": "4GB"} if kind == "htcondor" else {"queue": "short"}
    with _cluster(Dask(cluster=kind, threads=4, memory="8GB", options=options), None) as cluster:
        script = cluster.job_script()
    assert cores in script
    *_, threads = re.findall(r"--nthreads[', ]+(\d+)", script)
    assert threads == "1"
