"""Tunings of generations, unfoldings and showers; first looks that stop a trial; and what mattered, drawn."""

from dataclasses import replace

import numpy as np
import pytest
from made_up import generation, showers, unfolding

from hepflow.config import load_config
from hepflow.errors import ConfigError, FitError
from hepflow.studies.tuning import generation as generating
from hepflow.studies.tuning.held_out import mean_log_likelihood, split
from hepflow.studies.tuning.known import TUNABLES, tunable_of
from hepflow.studies.tuning.record import Trial, Tuning
from hepflow.studies.tuning.study import STUDY
from hepflow.studies.tuning.unfolding import found

pytest.importorskip("optuna")

SMALL = "tune.flow={layers: [1, 1], hidden: [4, 8], epochs: [1, 2], batch_size: [128, 256]}"
CASES = {
    "generate": (generation, (SMALL,), "flow", "model"),
    "shower": (showers, (SMALL,), "flow", "model"),
    "posterior": (
        unfolding,
        (SMALL, "method={name: posterior, members: 1, replicas: 3}"),
        "posterior",
        "method",
    ),
    "smooth": (
        unfolding,
        ("method={name: omnifold, ratio: smooth}", "tune.smooth.degree=[1, 4]"),
        "ratio",
        None,
    ),
    "bdt": (
        unfolding,
        ("method={name: omnifold, ratio: {name: bdt, ensemble: 1}}", "tune.trees.max_iter=[2, 8]"),
        "ratio",
        None,
    ),
    "mlp": (
        unfolding,
        (
            "method={name: omnifold, ratio: {name: mlp, ensemble: 1, hidden: [4]}}",
            "tune.network.width=[4, 8]",
        ),
        "ratio",
        None,
    ),
}


def without_time(tuning):
    return [replace(trial, seconds=0.0) for trial in tuning.trials]


@pytest.mark.parametrize("case", CASES)
def test_each_task_is_tuned_and_goes_on_after_an_interrupt(case, tmp_path):
    task, overrides, name, block = CASES[case]
    task.write_tables(tmp_path, *((4_000,) if case == "mlp" else ()))
    config = task.prepare(tmp_path, *overrides, "tune.trials=3")
    tuning = STUDY.run(config, tmp_path / "run")
    assert [(trial.study, trial.number) for trial in tuning.trials] == [(name, number) for number in range(3)]
    best = tuning.of(name)[0]
    assert best.value >= tuning.trials[0].value
    again = load_config(tmp_path / "run" / "best.yaml")
    inner = getattr(again, block) if block else again.method.ratio
    if best.number and case != "mlp":
        assert all(getattr(inner, key) == pytest.approx(value) for key, value in best.settings.items())
    assert tunable_of(again).judged in STUDY.text(tuning)
    short = STUDY.run(task.prepare(tmp_path, *overrides, "tune.trials=1"), tmp_path / "short")
    assert without_time(short) == without_time(tuning)[:1]
    longer = STUDY.run(config, tmp_path / "short")
    assert without_time(longer) == without_time(tuning)


def test_events_that_are_held_out_have_no_part_in_it(tmp_path):
    """Whatever the held-out events are, the trials are the same."""
    generation.write_tables(tmp_path)
    values = []
    for seed, name in enumerate(("one", "two")):
        rows = np.loadtxt(tmp_path / "training.csv", delimiter=",", skiprows=1)
        header = (tmp_path / "training.csv").read_text().splitlines()[0]
        shuffled = np.random.default_rng(seed).permutation(rows)[: 900 - 100 * seed] * (1 + seed)
        np.savetxt(tmp_path / f"{name}.csv", shuffled, delimiter=",", header=header, comments="")
        config = generation.prepare(
            tmp_path, SMALL, "tune.trials=2", f"inputs.held_out={{path: {name}.csv, format: table}}"
        )
        values.append(without_time(STUDY.run(config, tmp_path / name)))
    assert values[0] == values[1]


def test_trials_whose_first_look_is_poor_are_stopped(tmp_path, monkeypatch):
    """Of a merit that is the width, narrow flows are given up after the first look; those before are not."""
    generation.write_tables(tmp_path)
    looked = []

    def search(config, columns, learned):
        made = real(config, columns, learned)

        def judge(trial):
            looked.append(trial.model.epochs)
            return float(trial.model.hidden), {}

        return replace(made, prepare=lambda: judge)

    real = generating._search
    monkeypatch.setattr(generating, "_search", search)
    ranges = "tune.flow={layers: [1, 1], hidden: [4, 64], epochs: [2, 20]}"
    config = generation.prepare(tmp_path, "model.epochs=20", ranges, "tune.trials=14")
    tuning = STUDY.run(config, tmp_path / "run")
    stopped = [trial for trial in tuning.trials if trial.pruned]
    assert stopped
    assert all(trial.number > 4 for trial in stopped)
    for trial in stopped:
        before = [one.early for one in tuning.trials[: trial.number] if one.early is not None]
        assert trial.early < np.median(before)
    assert looked.count(2) >= len(stopped)
    assert "stopped early" in STUDY.text(tuning)
    assert tuning.importance["flow"]["hidden"] == max(tuning.importance["flow"].values())
    assert (tmp_path / "run" / "figures" / "importance_flow.pdf").is_file()
    whole = STUDY.run(generation.prepare(tmp_path, ranges, "tune={trials: 8, prune: false}"), tmp_path / "b")
    assert not any(trial.pruned or trial.early is not None for trial in whole.trials)


def test_methods_in_bins_have_nothing_to_tune(tmp_path):
    unfolding.write_tables(tmp_path)
    with pytest.raises(
        ConfigError, match="nothing to tune: method 'bayes' has no training; expected `omnifold`"
    ):
        STUDY.run(unfolding.prepare(tmp_path, "method=bayes"), tmp_path / "run")


def test_a_task_that_cannot_be_tuned_is_named(tmp_path, monkeypatch):
    showers.write_tables(tmp_path)
    monkeypatch.delitem(TUNABLES, "shower")
    with pytest.raises(ConfigError, match="task: 'shower' cannot be tuned; expected one of search, generate"):
        STUDY.run(showers.prepare(tmp_path), tmp_path / "run")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tune.trials=0", "tune.trials: expected a number of at least 1, got 0"),
        ("tune.timeout=0", "tune.timeout: expected a number above 0, got 0"),
        ("tune.flow.widht=[1, 2]", "tune.flow.widht: unknown key"),
        ("tune.flow.hidden=[8, 4]", "expected \\[low, high\\] with low <= high"),
        ("tune.flow.learning_rate=[0, 1]", "expected a number above 0, got 0"),
    ],
)
def test_bad_settings_are_named(tmp_path, override, message):
    generation.write_tables(tmp_path)
    with pytest.raises(ConfigError, match=message):
        generation.prepare(tmp_path, override)


def test_the_true_ratio_finds_the_divergence_of_two_gaussians():
    """KL(N(0.5, 1) || N(0, 1)) = 1/8; a ratio that is off finds less."""
    random = np.random.default_rng(1)
    x, y, ones = random.normal(0.5, 1, 100_000), random.normal(0, 1, 100_000), np.ones(100_000)
    values = [found(slope * x, ones, slope * y, ones) for slope in (0.5, 0.2, 1.0)]
    assert values[0] == pytest.approx(0.125, abs=0.01)
    assert max(values) == values[0]
    with pytest.raises(FitError, match="not finite"):
        found(np.full(3, np.nan), np.ones(3), np.zeros(3), np.ones(3))


def test_held_out_likelihood():
    learns, judges = split(100, 1)
    assert not (learns & judges).any()
    assert judges.sum() == 25
    assert mean_log_likelihood(np.array([1.0, 3.0, -np.inf]), np.array([3.0, 1.0, 1.0])) == 1.5
    for bad in (np.array([-np.inf]), np.array([1.0, np.nan])):
        with pytest.raises(FitError, match="not finite"):
            mean_log_likelihood(bad)


def test_a_trial_that_was_stopped_did_not_fail():
    assert Trial("flow", 1, {}, None, early=1.0).pruned
    assert not Trial("flow", 1, {}, None, problem="x").pruned
    assert Tuning("t", "k", (Trial("flow", 1, {}, None, early=1.0),)).of("flow") == ()
