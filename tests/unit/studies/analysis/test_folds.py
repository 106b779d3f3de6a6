"""The folds of a cross-fit as steps of their own: the same scores, and only where several steps run at once."""

import numpy as np
import pytest

from hepflow.engine.execute import todo
from hepflow.engine.folder import RunFolder
from hepflow.engine.study import Blinding
from hepflow.engine.work import Work
from hepflow.errors import InputError
from hepflow.storage import save_sample
from hepflow.studies.analysis import scores as scoring
from hepflow.studies.search.study import STUDY
from hepflow.studies.windows.study import STUDY as WINDOWS

PROCESSES = "executor={name: processes, workers: 2}"
CWOLA = ("method={name: cwola, width: 200}", "regions.validation=0")


@pytest.fixture
def scores(configure, tmp_path, toy):
    """Return a function that makes the scores, each step by itself as in workers, and returns both."""

    def scores(*overrides, events=20_000):
        save_sample(toy.background(events, seed=5), tmp_path / "data.h5")
        config = configure(*overrides, f"inputs.data.path={tmp_path}/data.h5")
        plan, place = STUDY.plan(config, Blinding()), RunFolder(tmp_path / config.executor.name, {})
        for step in todo(plan, place, ["scores"]):
            Work(plan, place).perform(step)
        return Work(plan, place).result("scores").scores, place.records()

    return scores


@pytest.mark.parametrize("settings", [(), CWOLA])
def test_the_same_scores_with_and_without(scores, settings):
    """Also where template events are data, which have the fold of these."""
    together, steps = scores(*settings)
    assert set(steps) == {"features", "background", "scores"}
    shared, steps = scores(*settings, PROCESSES)
    assert set(steps) == {"features", "background", "scores", "helpers/folds/0", "helpers/folds/1"}
    for sample in ("data", "template", "sidebands", "validation", "signal"):
        assert np.array_equal(getattr(together, sample).score, getattr(shared, sample).score)


def test_no_fold_is_trained_twice(scores, monkeypatch):
    trained = []
    original = scoring.train_without
    monkeypatch.setattr(
        scoring, "train_without", lambda *rest, **named: trained.append(rest[0]) or original(*rest, **named)
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
    plan = STUDY.plan(configure(*overrides), Blinding())
    names = [step.name for step in plan if "folds" in step.name]
    assert names == [f"helpers/folds/{fold}" for fold in range(folds)]
    assert [plan[name].settings["fold"] for name in names] == list(range(folds))
    assert plan["scores"].after == tuple(names)
    alone = STUDY.plan(configure(*overrides, "executor=local"), Blinding())
    assert plan.key("scores") == alone.key("scores")


def test_a_scan_has_windows_enough(configure):
    plan = WINDOWS.plan(configure(PROCESSES, "scan.windows=[[3300, 3700]]"), Blinding())
    assert not [step.name for step in plan if "folds" in step.name or step.after]
