"""The folds of a cross-fit as steps of their own: the same scores, and only where several steps run at once."""

import numpy as np
import pytest

from hepflow.errors import InputError
from hepflow.storage import save_sample
from hepflow.workflow import analysis
from hepflow.workflow.analysis import Analysis
from hepflow.engine.execute import carry_out, todo
from hepflow.engine.folder import RunFolder
from hepflow.workflow.fold_steps import folds_of
from hepflow.workflow.many.window_steps import scan_plan
from hepflow.workflow.steps import analysis_plan

PROCESSES = "executor={name: processes, workers: 2}"
CWOLA = ("method={name: cwola, width: 200}", "regions.validation=0")


@pytest.fixture
def scores(configure, tmp_path, toy):
    """Return a function that makes the scores, each step by itself as in workers, and returns both."""

    def scores(*overrides, events=20_000):
        save_sample(toy.background(events, seed=5), tmp_path / "data.h5")
        config = configure(*overrides, f"inputs.data.path={tmp_path}/data.h5")
        plan, place = analysis_plan(config, blind=False), RunFolder(tmp_path / config.executor.name, {})
        steps = todo(plan, place, ["scores"])
        carry_out(plan, steps, lambda step: Analysis(config, plan, place, blind=False).perform(step))
        return Analysis(config, plan, place, blind=False).scores, place.records()

    return scores


@pytest.mark.parametrize("settings", [(), CWOLA])
def test_the_same_scores_with_and_without(scores, settings):
    """Also where template events are data, which have the fold of these."""
    together, steps = scores(*settings)
    assert set(steps) == {"features", "background", "scores"}
    shared, steps = scores(*settings, PROCESSES)
    assert set(steps) == {"features", "background", "scores", "folds/0", "folds/1"}
    for sample in ("data", "template", "sidebands", "validation", "signal"):
        assert np.array_equal(getattr(together, sample).score, getattr(shared, sample).score)


def test_no_fold_is_trained_twice(scores, monkeypatch):
    trained = []
    original = analysis.judge_without
    monkeypatch.setattr(
        analysis, "judge_without", lambda *rest, **named: trained.append(rest[0]) or original(*rest, **named)
    )
    scores(PROCESSES)
    assert trained == [0, 1]


def test_a_fold_that_cannot_be_trained_is_told_by_the_scores(scores):
    with pytest.raises(InputError, match=r"events cannot be dealt into 20 folds"):
        scores(PROCESSES, "classifier.folds=20", events=3000)


@pytest.mark.parametrize(
    ("overrides", "folds"),
    [
        ((), 0),
        ((PROCESSES,), 2),
        ((PROCESSES, "classifier.folds=3"), 3),
        ((PROCESSES, "method=anode"), 0),  # whose networks score
    ],
)
def test_which_runs_have_them(configure, overrides, folds):
    plan = analysis_plan(configure(*overrides), blind=False)
    assert list(folds_of(plan).values()) == list(range(folds))
    assert plan["scores"].after == tuple(folds_of(plan))
    assert plan.key("scores") == analysis_plan(configure(*overrides, "executor=local"), blind=False).key(
        "scores"
    )


def test_a_scan_has_windows_enough(configure, tmp_path):
    plan = scan_plan(configure(PROCESSES, "scan.windows=[[3300, 3700]]"), tmp_path, blind=False)
    assert not [step.name for step in plan if "folds" in step.name or step.after]
