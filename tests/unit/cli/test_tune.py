"""``hepflow tune``: what is asked for, what is printed; and ``hepflow init`` from files."""

import json
import sys
from types import SimpleNamespace

import pytest

from hepflow.workflow.tuning.trials import Trial, Tuning

TUNING = Tuning(
    name="search",
    key="k",
    trials=(
        Trial("flow", 0, {"layers": 5, "learning_rate": 0.002}, -11.5),
        Trial("flow", 1, {"layers": 3, "learning_rate": 0.01}, None, problem="the loss is not finite"),
        Trial("flow", 2, {"layers": 7, "learning_rate": 0.004}, -11.25),
        Trial("classifier", 0, {"max_iter": 100}, 4.5, {"signal_efficiency": 0.3}),
    ),
    importance={"flow": {"learning_rate": 0.75, "layers": 0.25}},
    notes=("a note",),
)


@pytest.fixture
def asked(hepflow, monkeypatch):
    """Stand in for the search; return what it was asked for."""
    asked = []

    def tune(config, out):
        asked.append((config.tune.trials, config.tune.timeout, str(out)))
        return TUNING

    monkeypatch.setitem(sys.modules, "hepflow.workflow.tuning.tune", SimpleNamespace(tune=tune))
    assert hepflow("init", "c.yaml")[0] == 0
    return asked


def test_table(hepflow, asked):
    code, out, err = hepflow("tune", "c.yaml", "--trials", 7, "--timeout", 1.5, "--out", "here")
    assert (code, asked) == (0, [(7, 1.5, "here")])
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "flow: 3 trials, 1 failed" in lines
    assert lines.index("2 -11.2500 7 0.004") < lines.index("as configured -11.5000 5 0.002")
    assert "importance: learning_rate 75%, layers 25%" in lines
    assert "trial 1 failed: the loss is not finite" in lines
    assert "trial expected Z signal efficiency max_iter" in lines
    assert lines[-1] == "a note"
    assert "`hepflow run here/best.yaml`" in err


def test_json_and_defaults(hepflow, asked):
    code, out, _ = hepflow("tune", "c.yaml", "--json")
    assert (code, asked) == (0, [(30, None, "runs/search-tuning")])
    assert json.loads(out) == json.loads(json.dumps(TUNING.to_dict()))
    code, _, err = hepflow("tune", "c.yaml", "--trials", 0)
    assert code == 2
    assert "tune.trials: expected a number of at least 1, got 0" in err


def test_interrupt_says_how_to_go_on(hepflow, asked, monkeypatch):
    def interrupted(config, out):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["hepflow.workflow.tuning.tune"], "tune", interrupted)
    code, _, err = hepflow("tune", "c.yaml")
    assert code == 130
    assert "the finished trials stay in runs/search-tuning" in err


def test_init_from_files(hepflow, toy):
    from hepflow.storage import save_sample

    save_sample(toy.background(3000, seed=1), "data.h5")
    assert hepflow("init", "mine.yaml", "--data", "data.h5")[0] == 0
    code, _, err = hepflow("init", "mine.yaml", "--signal", "data.h5", "--force")
    assert code == 2
    assert "give --data, too" in err
