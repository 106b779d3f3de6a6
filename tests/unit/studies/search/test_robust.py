"""Runs where things go wrong around them: disks, folders, interrupts, kills, and others in the same folder."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hepflow.cli import main
from hepflow.engine.status import status
from hepflow.studies.search.study import STUDY
from hepflow.studies.show import write_report

psutil = pytest.importorskip("psutil")  # comes with distributed
HEAVY = {"torch", "pyhf", "sklearn", "matplotlib", "distributed", "nflows"}
KILLS = Path(__file__).parents[4] / "benchmarks" / "kills.py"


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
    STUDY.run(configure(), out, until="fit")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert results(out) == results(finished)


@pytest.mark.usefixtures("_quick_closure")
def test_a_folder_that_may_only_be_read(disk, configure, capsys, search):
    out = disk("size=64m") / "run"
    STUDY.run(configure(), out, until="features")
    disk("size=64m,remount,ro")
    assert typed(capsys, "run", search, "--out", out) == (
        1,
        f"error: {out}: the run folder cannot be written to (Read-only file system); choose another --out\n",
    )
    assert typed(capsys, "run", search, "--out", out.with_name("new"))[1].startswith(
        f"error: {out.with_name('new')}: the run folder cannot be made (Read-only file system)"
    )
    assert STUDY.dry_run(configure(), out)["features"] is None
    assert [one.step for one in status(out).steps] == ["features"]


@pytest.mark.usefixtures("_quick_closure")
def test_a_path_with_spaces_and_letters_of_other_alphabets(configure, finished, tmp_path):
    out = tmp_path / "räume und %zeichen" / "μ = 'ν' #1"
    STUDY.run(configure(), out, until="fit")
    assert results(out) == results(finished)
    assert write_report(out).is_file()
    assert status(out).outcome == "done"


@pytest.mark.usefixtures("_quick_closure")
@pytest.mark.parametrize("damage", [b"", b"{}", b"\x80not a result"])
def test_results_that_were_changed_or_removed_are_written_again(damage, folder, finished, configure, forbid):
    forbid("features", "background", "scores")
    path = folder / "results.json"
    path.write_bytes(damage) if damage else path.unlink()
    STUDY.run(configure(), folder, until="fit")
    assert results(folder) == results(finished)


@pytest.mark.usefixtures("_quick_closure")
def test_a_result_that_cannot_be_read_is_made_again(folder, finished, configure, forbid, caplog):
    forbid("features", "background")
    path = folder / "stages" / "scores" / "scores.h5"
    path.write_bytes(path.read_bytes()[:-100])
    STUDY.run(configure("selection.background_efficiency=[0.1]"), folder, until="fit")
    assert "scores.h5); it is made anew" in caplog.text
    assert results(folder)["cuts"] == results(finished)["cuts"][:1]


SECOND = """
import sys
from hepflow.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert end.code == 4, end.code  # two epochs are no training
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


@pytest.mark.slow
def test_kills_at_random_moments(search, tmp_path):
    """As `benchmarks/kills.py` measures it for the demo."""
    command = [sys.executable, KILLS, "--config", search, "--moments", "5", "--json", tmp_path / "kills.json"]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    kills = json.loads((tmp_path / "kills.json").read_text("utf-8"))["kills"]
    assert len(kills) == 5
    assert all(kill["same"] and kill["twice"] == 0 for kill in kills)
