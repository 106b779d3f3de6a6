"""Runs where things go wrong around them: disks, folders, interrupts, kills, and others in the same folder."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from hepflow.cli import main
from hepflow.errors import InputError
from hepflow.report import write_report
from hepflow.config.executor import Dask, Processes
from hepflow.engine.execute import carry_out
from hepflow.engine.executors import _cluster, open_pool
from hepflow.engine.plan import Plan, Step
from hepflow.engine.status import status
from hepflow.workflow.run import dry_run, run

psutil = pytest.importorskip("psutil")  # comes with distributed
HEAVY = {"torch", "pyhf", "sklearn", "matplotlib", "distributed", "nflows"}
KILLS = Path(__file__).parents[3] / "benchmarks" / "kills.py"


def heed_ctrl_c():
    """Let the process that begins be interrupted, also where the tests run in the background and ignore that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def search(configure, inputs):
    """Return the path of the configuration, to be typed."""
    configure()
    return inputs / "search.yaml"


@pytest.fixture
def disk(tmp_path):
    """Return a function that mounts a disk of so many kilobytes, and one that mounts it again with other options."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "hepflow-test", place]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("needs the right to mount a small disk")
        return place

    yield mount
    while os.path.ismount(place):
        subprocess.run(["umount", "--lazy", place], check=True)


def typed(capsys, *arguments):
    """Run the command line in this process; return its exit code and what stands on standard error."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code, capsys.readouterr().err


def results(folder):
    return {**json.loads((folder / "results.json").read_text("utf-8")), "timing": 0}


def wait_for(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come within {seconds} s"
        time.sleep(0.05)


@pytest.mark.usefixtures("_quick_closure")
@pytest.mark.parametrize("kilobytes", [8, 32, 256, 400])
def test_a_disk_that_is_full(kilobytes, disk, finished, configure, capsys, search):
    """Wherever the room ends, the message names a file, and the same command goes on once there is room."""
    out = disk(f"size={kilobytes}k") / "run"
    code, said = typed(capsys, "-q", "run", search, "--out", out, "--until", "fit")
    assert code == 1
    assert f"error: {out}" in said
    assert "cannot be written: no space left on device; make room, and give the same command again" in said
    assert not list(out.rglob(".*"))
    before = {path: path.stat().st_mtime_ns for path in out.rglob("step.json")}
    disk("size=64m,remount")
    run(configure(), out, until="fit")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert results(out) == results(finished)


@pytest.mark.usefixtures("_quick_closure")
def test_a_folder_that_may_only_be_read(disk, configure, capsys, search):
    out = disk("size=64m") / "run"
    run(configure(), out, until="features")
    disk("size=64m,remount,ro")
    assert typed(capsys, "run", search, "--out", out) == (
        1,
        f"error: {out}: the run folder cannot be written to (Read-only file system); choose another --out\n",
    )
    assert typed(capsys, "run", search, "--out", out.with_name("new"))[1].startswith(
        f"error: {out.with_name('new')}: the run folder cannot be made (Read-only file system)"
    )
    assert dry_run(configure(), out)["features"] is None
    assert [one.step for one in status(out).steps] == ["features"]


@pytest.mark.usefixtures("_quick_closure")
def test_a_path_with_spaces_and_letters_of_other_alphabets(configure, finished, tmp_path):
    out = tmp_path / "räume und %zeichen" / "μ = 'ν' #1"
    run(configure(), out, until="fit")
    assert results(out) == results(finished)
    assert write_report(out).is_file()
    assert status(out).outcome == "done"


@pytest.mark.usefixtures("_quick_closure")
@pytest.mark.parametrize("damage", [b"", b"{}", b"\x80not a result"])
def test_results_that_were_changed_or_removed_are_written_again(damage, folder, finished, configure, forbid):
    forbid("features", "background", "scores")
    path = folder / "results.json"
    path.write_bytes(damage) if damage else path.unlink()
    run(configure(), folder, until="fit")
    assert results(folder) == results(finished)


@pytest.mark.usefixtures("_quick_closure")
def test_a_result_that_cannot_be_read_is_made_again(folder, finished, configure, forbid, caplog):
    forbid("features", "background")
    path = folder / "stages" / "scores" / "scores.h5"
    path.write_bytes(path.read_bytes()[:-100])
    run(configure("selection.background_efficiency=[0.1]"), folder, until="fit")
    assert "scores.h5); it is made anew" in caplog.text
    assert results(folder)["cuts"] == results(finished)["cuts"][:1]


SECOND = """
import sys
from hepflow.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert end.code in (0, None), end.code
print("modules:", *{name.partition(".")[0] for name in sys.modules})
"""


def test_a_second_run_loads_nothing_heavy(folder, search):
    """What is done is only looked at: that takes about a second, and most of it are imports."""
    command = [sys.executable, "-c", SECOND, "run", str(search), "--out", str(folder), "--until", "fit"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    _, _, loaded = done.stdout.rpartition("modules:")
    assert "pydantic" in loaded.split()
    assert HEAVY.isdisjoint(loaded.split())


def test_interrupt_of_the_real_process_and_another_beside_it(search, tmp_path, capsys):
    out = tmp_path / "run"
    endless = ["--set", "method.epochs=10000"]
    command = [sys.executable, "-m", "hepflow", "run", search, "--out", out, *endless]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c) as process:
        wait_for(lambda: any((out / "checkpoints").glob("*.safetensors")), "the training")
        code, said = typed(capsys, "run", search, "--out", out, *endless)
        assert code == 1
        assert f"{out}: another run works in this folder (process {process.pid} on " in said
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert process.returncode in (
        130,
        -signal.SIGINT,
    )  # the latter from within an import; 130 to a shell, too
    assert f"interrupted; what is done stays in {out}, and the same command goes on from there" in said
    assert "Traceback" not in said
    assert status(out).outcome == "interrupted"
    assert status(out).holder is None


POOL = """
import os, time
from hepflow.config.executor import Dask, Processes
from hepflow.engine.executors import _cluster, open_pool
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


def test_a_step_that_fails_in_another_process_is_named(tmp_path):
    plan = Plan.of([Step("bad", "a", {}), Step("good", "a", {}), Step("last", "a", {}, ("bad",))])
    with (
        open_pool(Processes(workers=1)) as pool,
        pytest.raises(InputError, match=r"bad: e\.root: truncated\nnot begun, since they need these: last"),
    ):
        carry_out(plan, dict.fromkeys(plan.steps, ""), partial(_one_is_bad, tmp_path), pool)
    assert [path.name for path in tmp_path.iterdir()] == ["good"]


def _one_is_bad(folder, step):
    if step == "bad":
        raise InputError("e.root: truncated")
    (folder / step).touch()


@pytest.mark.slow
def test_kills_at_random_moments(search, tmp_path):
    """As `benchmarks/kills.py` measures it for the demo."""
    command = [sys.executable, KILLS, "--config", search, "--moments", "5", "--json", tmp_path / "kills.json"]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    kills = json.loads((tmp_path / "kills.json").read_text("utf-8"))["kills"]
    assert len(kills) == 5
    assert all(kill["same"] and kill["twice"] == 0 for kill in kills)


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
