"""The lock of a run folder: one command at a time writes there."""

import subprocess
import sys

import pytest

from hepflow.engine.folder import RunFolder
from hepflow.engine.lock import holder
from hepflow.errors import InputError

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
    assert holder(folder.path) is None
    with folder.locked():
        assert holder(folder.path).startswith("process ")
    assert holder(folder.path) is None
    assert sorted(path.name for path in folder.path.iterdir()) == ["run.json", "run.lock", "stages"]
