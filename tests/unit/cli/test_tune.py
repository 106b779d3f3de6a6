"""``hepflow tune``: what is asked for, what is printed; and ``hepflow init`` from files."""

import json

import pytest

from hepflow.storage import save_sample
from hepflow.studies.tuning.record import Trial, Tuning

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
    merits={"flow": "log-likelihood [nats]", "classifier": "expected Z"},
)


@pytest.fixture
def asked(hepflow, stand_in):
    """Stand in for the search; return what it was asked for."""
    assert hepflow("init", "c.yaml")[0] == 0
    return stand_in("tuning", lambda _: TUNING)


def told(asked):
    return [(one.config.tune.trials, one.config.tune.timeout, one.out) for one in asked]


def test_table(hepflow, asked):
    code, out, err = hepflow("tune", "c.yaml", "--trials", 7, "--timeout", 1.5, "--out", "here")
    assert (code, told(asked)) == (0, [(7, 1.5, "here")])
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "flow: 3 trials, 1 failed" in lines
    assert lines.index("2 -11.2500 7 0.004") < lines.index("as configured -11.5000 5 0.002")
    assert "importance: learning_rate 75%, layers 25%" in lines
    assert "trial 1 failed: the loss is not finite" in lines
    assert "trial expected Z signal efficiency max_iter" in lines
    assert lines[-1] == "a note"
    assert err.endswith("tuning.json and best.yaml in here\n`hepflow run here/best.yaml` runs the best\n")


def test_json_and_defaults(hepflow, asked):
    code, out, _ = hepflow("tune", "c.yaml", "--json")
    assert (code, told(asked)) == (0, [(30, None, "runs/search-tuning")])
    assert json.loads(out) == json.loads(json.dumps(TUNING.to_dict()))
    code, _, err = hepflow("tune", "c.yaml", "--trials", 0)
    assert code == 2
    assert "tune.trials: expected a number of at least 1, got 0" in err


def test_interrupt_says_how_to_go_on(hepflow, asked, stand_in):
    def interrupted(_):
        raise KeyboardInterrupt

    stand_in("tuning", interrupted)
    code, _, err = hepflow("tune", "c.yaml")
    assert code == 130
    assert "what is done stays in runs/search-tuning, and the same command goes on" in err


def test_a_dry_run_reads_no_file(hepflow, tmp_path):
    pytest.importorskip("optuna")
    assert hepflow("init", "c.yaml")[0] == 0
    code, out, err = hepflow("tune", "c.yaml", "--dry-run")
    assert code == 0
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "samples to do: not done yet",
        "trials to do: not done yet",
    ]
    assert err == "2 of 2 steps to do in runs/search-tuning\n"
    assert not (tmp_path / "runs").exists()


def test_init_from_files(hepflow, toy):
    save_sample(toy.background(3000, seed=1), "data.h5")
    assert hepflow("init", "mine.yaml", "--data", "data.h5")[0] == 0
    code, _, err = hepflow("init", "mine.yaml", "--signal", "data.h5", "--force")
    assert code == 2
    assert "give --data, too" in err
