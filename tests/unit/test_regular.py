"""What is no regular file is refused at once, whoever reads it; and text that moves a terminal is written out."""

import os
import socket
from io import BytesIO
from pathlib import Path

import pytest

from hepflow.cli import _run
from hepflow.config import load_config
from hepflow.engine.folder import digest
from hepflow.errors import ConfigError, InputError
from hepflow.records import read_json
from hepflow.regular import check_regular, read_regular, read_stream
from hepflow.stats import read_spectrum


@pytest.fixture(params=["pipe", "socket", "folder", "device", "link"])
def special(request, tmp_path, monkeypatch):
    """The path of something that is no file, and what it is called."""
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    path = Path("mjj.csv")
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif request.param == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if request.param == "device" else "mjj.csv")
    return path, {"link": "cannot be opened"}.get(request.param, f"is a {request.param}")


@pytest.mark.timeout(20)
def test_special_files(special, capsys):
    path, message = special
    for reader in (read_regular, check_regular, read_json, read_spectrum):
        with pytest.raises(InputError, match=message.removeprefix("is ")):
            reader(path)
    assert digest(path) == ""
    if not path.is_dir():
        assert _run(["fit", str(path), "--signal-region", "3300", "3700"]) == 1
        assert f"mjj.csv: {message}" in capsys.readouterr().err


@pytest.mark.timeout(20)
def test_results_that_are_a_pipe(tmp_path, capsys):
    os.mkfifo(tmp_path / "results.json")
    assert _run(["fit", str(tmp_path)]) == 1
    assert (
        "results.json: cannot be read as hepflow-results-1 (is a pipe; expected a file)"
        in capsys.readouterr().err
    )


def test_names_that_are_none(tmp_path):
    for name in ("nothing", "zero\0byte", "\udcff.csv", "x" * 300):
        with pytest.raises(InputError, match=r"no such file|cannot be opened"):
            read_regular(tmp_path / name)


def test_no_more_is_read_than_memory_holds(tmp_path):
    (tmp_path / "file").write_bytes(bytes(100))
    assert read_regular(tmp_path / "file", 100) == bytes(100)
    with pytest.raises(InputError, match=r"more than 9.44138e-05 MiB"):
        read_regular(tmp_path / "file", 99)
    with pytest.raises(InputError, match="standard input: more than"):
        read_stream(BytesIO(bytes(100)), "standard input", 99)


@pytest.mark.timeout(20)
def test_an_endless_configuration():
    with pytest.raises(ConfigError, match="/dev/zero: more than 4 MiB"):
        load_config("/dev/zero")
