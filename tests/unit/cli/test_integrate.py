"""`hepflow integrate`: a function of one's own, its integral, its events, and what is wrong with it."""

import json
import sys

import pytest

from hepflow.cli import main
from hepflow.storage import load_events


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "made_up_integrand.py").write_text(
        "def square(x):\n    return 3 * x[:, 0] ** 2\n\n\ndef one_point(x):\n    return float(x[0, 5])\n"
    )
    (tmp_path / "made_up_fault.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main(["integrate", *arguments])
    return end.value.code


def test_value_record_and_events(folder, capsys):
    arguments = ("made_up_integrand:square", "--dim", "2", "--calls", "8000", "--proposal", "autoregressive")
    assert run(*arguments, "--channel", "0 power 1", "--out", "out", "--unweighted", "50", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record == json.loads((folder / "out" / "integration.json").read_text())
    assert abs(record["value"] - 1) < 5 * record["error"]
    assert load_events(folder / "out" / "events.parquet").weight.sum() == pytest.approx(record["value"])
    assert len(load_events(folder / "out" / "unweighted.parquet")) == 50
    drawn = {file.name for file in (folder / "out" / "figures").iterdir()}
    names = ("iterations", "weights", "marginals")
    assert drawn == {f"{name}.{kind}" for name in names for kind in ("pdf", "png")}
    assert "made_up_integrand:square" in (folder / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("square",), 2, "expected MODULE:FUNCTION"),
        (("made_up_nowhere:square",), 1, "cannot be imported"),
        (("made_up_integrand:sqare",), 1, "did you mean 'square'"),
        (("made_up_integrand:square", "--channel", "0 powr 1"), 2, "did you mean 'power'"),
        (("made_up_integrand:square", "--channel", "0 power x"), 2, "wrong numbers"),
        (("made_up_integrand:square",), 2, "dim is None"),
        (("made_up_fault:square",), 1, "the module ends with ZeroDivisionError: division by zero"),
        (
            ("made_up_integrand:one_point", "--dim", "2", "--calls", "8000"),
            1,
            "one_point, called with points of shape (150, 2): IndexError: index 5",
        ),
        (("made_up_integrand:square", "--bounds", "1", "0"), 2, "are they reversed"),
    ],
)
def test_what_is_wrong_is_told(folder, capsys, arguments, code, message):
    assert run(*arguments, "--out", "out") == code
    assert message in capsys.readouterr().err
    assert not (folder / "out").exists()


def test_a_folder_of_something_else_is_left_alone(folder, capsys):
    report = folder / "out" / "report.html"
    report.parent.mkdir()
    report.write_text("mine")
    assert run("made_up_integrand:square", "--dim", "2", "--out", "out") == 1
    assert "out is not empty and holds no integration; choose another --out" in capsys.readouterr().err
    assert report.read_text() == "mine"
