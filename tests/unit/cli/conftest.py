"""The command line as a function, and spectra and workspaces in files."""

import json
import logging
from types import SimpleNamespace

import numpy as np
import pytest

from hepflow.cli import main
from hepflow.studies.known import study

EDGES = np.linspace(2000, 5000, 61)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEPFLOW_DEBUG", raising=False)
    yield
    logging.getLogger("hepflow").handlers.clear()


@pytest.fixture
def hepflow(capsys):
    """Run the command line; return exit code, standard output and standard error."""

    def hepflow(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        return end.value.code, *capsys.readouterr()

    return hepflow


@pytest.fixture
def stand_in(monkeypatch):
    """Return a function that puts another in the place of a study's `run`; what that was asked for is returned."""

    def stand_in(name, run):
        asked = []

        def note(config, out, *, until, unblind, by):
            asked.append(SimpleNamespace(config=config, out=str(out), until=until, unblind=unblind, by=by))
            return run(asked[-1])

        monkeypatch.setattr(study(name), "run", note)
        return asked

    return stand_in


@pytest.fixture
def edges():
    return EDGES


@pytest.fixture
def write_csv(tmp_path):
    """Return a function that writes a spectrum as CSV."""

    def write(name, counts, edges=EDGES):
        rows = [f"{low},{high},{count}" for low, high, count in zip(edges, edges[1:], counts, strict=False)]
        (tmp_path / name).write_text("low,high,count\n" + "\n".join(rows) + "\n")
        return name

    return write


@pytest.fixture
def background():
    """A falling spectrum: what the dijet function with two shape parameters expects."""
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000
    shape = (1 - x) ** 10 / x**5
    return 20_000 * shape / shape.sum()


@pytest.fixture
def bump():
    """120 events of a resonance at 3500 GeV, of width 3 %."""
    shape = np.exp(-0.5 * ((0.5 * (EDGES[1:] + EDGES[:-1]) - 3500) / 105) ** 2)
    return 120 * shape / shape.sum()


@pytest.fixture
def mjj(write_csv, background, bump):
    """Data with the resonance in them, as ``mjj.csv``."""
    return write_csv("mjj.csv", np.random.default_rng(1).poisson(background + bump))


@pytest.fixture
def write_workspace(tmp_path):
    """Return a function that writes a workspace: pyhf's "hello world", with what is given changed."""

    def write(
        name="w.json",
        *,
        signal=(12.0, 11.0),
        background=(50.0, 52.0),
        errors=(3.0, 7.0),
        observed=(51, 48),
        **top,
    ):
        modifier = {"name": "error", "type": "shapesys", "data": list(errors)}
        samples = [
            {
                "name": "signal",
                "data": list(signal),
                "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
            },
            {"name": "background", "data": list(background), "modifiers": [modifier] if errors else []},
        ]
        content = {
            "channels": [{"name": "bins", "samples": samples}],
            "observations": [{"name": "bins", "data": list(observed)}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
            "version": "1.0.0",
            **top,
        }
        (tmp_path / name).write_text(json.dumps(content))
        return name

    return write
