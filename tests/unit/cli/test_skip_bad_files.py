"""``--skip-bad-files``: off unless asked for, the same in every command, and part of the configuration."""

import json
import shutil

import numpy as np
import pytest

from hepflow.errors import InputError
from hepflow.sample import Sample
from hepflow.storage import load_sample, save_sample

CONFIG = """\
inputs: {data: {path: "*.h5", format: hepflow}, simulation: {path: mc.h5, format: hepflow}}
regions: {signal: [3300, 3700], sidebands: [[2500, 3300], [3700, 5000]]}
"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Three files of ten events each, one of them truncated; stand in their folder."""
    monkeypatch.chdir(tmp_path)
    sample = Sample(np.linspace(2600, 4900, 10), np.ones((10, 1)), ("m_J1",))
    for name in "abc":
        save_sample(sample, f"{name}.h5")
    contents = (tmp_path / "b.h5").read_bytes()
    (tmp_path / "b.h5").write_bytes(contents[:500])
    return tmp_path


def test_features(hepflow, files):
    reading = ["features", "*.h5", "--format", "hepflow", "--features", "m_J1", "-o", "out.parquet"]
    code, _, err = hepflow(*reading)
    assert code == 1
    assert "1 of 3 files cannot be read:\n  b.h5: cannot be read as HDF5" in err
    assert "--skip-bad-files" in err
    code, out, err = hepflow(*reading, "--skip-bad-files")
    assert code == 0
    assert [line.split() for line in out.splitlines()[:3]] == [
        ["files", "given", "3"],
        ["files", "skipped", "1"],
        ["events", "read", "20"],
    ]
    assert "warning: b.h5: skipped: cannot be read" in err
    assert [file.file for file in load_sample("out.parquet").skipped] == ["b.h5"]
    (skipped,) = json.loads(hepflow(*reading, "--skip-bad-files", "--force", "--json")[1])["skipped"]
    assert skipped["file"] == "b.h5"


@pytest.mark.parametrize("command", ["run", "compare"])
def test_the_flag_stands_in_the_configuration(hepflow, files, stand_in, command):
    (files / "c.yaml").write_text(CONFIG)

    def work(asked):
        raise InputError("that is all")

    asked = stand_in({"run": "search", "compare": "comparison"}[command], work)
    assert hepflow(command, "c.yaml")[0] == hepflow(command, "c.yaml", "--skip-bad-files")[0] == 1
    plain, skipping = (one.config for one in asked)
    assert [entry.skip_bad_files for entry in plain.inputs.given.values()] == [False, False]
    assert [entry.skip_bad_files for entry in skipping.inputs.given.values()] == [True, True]
    assert plain.hash() != skipping.hash()
    assert skipping.folder == plain.folder


@pytest.mark.slow  # opens two thousand files
def test_a_thousand_files_three_of_them_broken(hepflow, files):
    for number in range(1000):
        shutil.copy("a.h5", f"many-{number:04d}.h5")
    (files / "many-0003.h5").write_bytes(b"")
    (files / "many-0500.h5").write_text("not found")
    (files / "many-0999.h5").write_bytes((files / "b.h5").read_bytes())
    reading = ["features", "many-*.h5", "--format", "hepflow", "--features", "m_J1", "-o", "out.h5"]
    code, _, err = hepflow(*reading)
    assert code == 1
    assert "3 of 1,000 files cannot be read:" in err
    for name, cause in {
        "0003": "is empty",
        "0500": "begins with b'not '",
        "0999": "cannot be read as HDF5",
    }.items():
        (line,) = (line for line in err.splitlines() if f"many-{name}.h5:" in line)
        assert cause in line
    assert hepflow(*reading, "--skip-bad-files")[0] == 0
    sample = load_sample("out.h5")
    assert len(sample) == 9970
    assert sample.cutflow[:3] == (("files given", 1000), ("files skipped", 3), ("events read", 9970))
    assert len(sample.skipped) == 3
