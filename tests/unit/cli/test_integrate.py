"""`hepflow integrate`: a configuration or a function of one's own, and what is wrong with it."""

import json

import pytest
from made_up import integration


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "made_up_integrand.py").write_text(
        "def square(x):\n    return 3 * x[:, 0] ** 2\n\n\ndef one_point(x):\n    return float(x[0, 5])\n"
    )
    (tmp_path / "made_up_fault.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_function_from_options_to_files(hepflow, folder):
    arguments = ("made_up_integrand:square", "--dim", "2", "--calls", "4000", "--proposal", "vegas")
    code, out, err = hepflow(
        "integrate", *arguments, "--channel", "0 power 1", "--unweighted", "50", "--json"
    )
    assert code == 0
    record = json.loads(out)
    assert record == json.loads((folder / "runs" / "square" / "integration.json").read_text())
    assert record["function"] == "made_up_integrand.py:square"
    assert abs(record["value"] - 1) < 5 * record["error"]
    drawn = {file.name for file in (folder / "runs" / "square" / "figures").iterdir()}
    assert {"iterations.pdf", "weights.png", "marginals.pdf"} <= drawn
    assert "made_up_integrand.py:square" in (folder / "runs" / "square" / "report.html").read_text()
    assert err.endswith("50 events of equal weight in runs/square/unweighted.parquet\n")


def test_a_configuration(hepflow, stand_in, folder):
    integration.write_tables(folder)
    integration.prepare(folder)
    asked = stand_in("integrate", lambda _: integration.record(warnings=["The iterations do not agree."]))
    code, out, _ = hepflow("integrate", "integral.yaml", "--set", "calls=9000", "--out", "here")
    assert (code, [(one.config.calls, one.out) for one in asked]) == (0, [(9000, "here")])
    assert out.startswith("made-up: square.py:square, 2 axes, seed 1")
    assert out.endswith("warning: The iterations do not agree.\n")
    code, out, _ = hepflow("run", "integral.yaml", "--json")
    assert (code, json.loads(out)["schema"]) == (0, "hepflow-integration-2")
    code, _, err = hepflow("compare", "integral.yaml")
    assert code == 2
    assert "`hepflow integrate integral.yaml` runs it" in err


def test_dry_run_and_check(hepflow, folder):
    integration.write_tables(folder)
    integration.prepare(folder)
    code, out, _ = hepflow("integrate", "integral.yaml", "--dry-run")
    steps = [line.split()[0] for line in out.splitlines()]
    assert (code, steps) == (0, ["function", "integral", "events", "integration", "figures", "report"])
    assert not (folder / "runs").exists()
    code, out, _ = hepflow("check", "integral.yaml")
    assert code == 0
    assert "x1: 0 to 1" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("square",), 2, "expected MODULE:FUNCTION"),
        (("made_up_nowhere:square",), 1, "cannot be imported"),
        (("made_up_integrand:square", "--proposal", "flow"), 2, "proposal: "),
        (("made_up_fault:square",), 1, "the module ends with ZeroDivisionError: division by zero"),
        (
            ("made_up_integrand:one_point", "--dim", "2", "--calls", "8000"),
            1,
            "one_point, called with points of shape (8, 2): IndexError: index 5",
        ),
        (("made_up_integrand:square", "--set", "dim=2"), 2, "--set: for a configuration"),
        (("integral.yaml", "--calls", "5"), 2, "--calls: for a function"),
    ],
)
def test_what_is_wrong_is_told(hepflow, folder, arguments, code, message):
    found, _, err = hepflow("integrate", *arguments, "--out", "out")
    assert (found, message in err) == (code, True)
    assert not (folder / "out").exists()


def test_a_folder_of_something_else_is_left_alone(hepflow, folder):
    report = folder / "out" / "report.html"
    report.parent.mkdir()
    report.write_text("mine")
    code, _, err = hepflow("integrate", "made_up_integrand:square", "--dim", "2", "--out", "out")
    assert code == 1
    assert "choose another --out" in err
    assert report.read_text() == "mine"
