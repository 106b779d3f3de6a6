"""The plan of a search: which settings its steps depend on, and which of them are wanted in the end."""

import pytest

from hepflow.engine.study import Blinding
from hepflow.studies.search.study import STUDY

BANDS = ("validation/bands/0", "validation/bands/1")


@pytest.fixture
def plans(configure):
    """Return a function that plans a run with some settings changed."""
    return lambda *overrides, **options: STUDY.plan(configure(*overrides, **options), Blinding())


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        ("selection.background_efficiency=[0.1, 0.05]", {"fit/eps0.05", "results"}),
        ("fit.toys=200", {"fit/inclusive", "fit/eps0.1", "fit/eps0.03", "results"}),
        ("classifier.folds=3", {"background", "scores", *BANDS}),
        ("regions.validation=150", set(BANDS)),
        ("method.epochs=3", {"background", *BANDS}),
        ("features=[m_J1]", {"features"}),
        ("fit.bin_width=50", {"background", "scores", *BANDS, "fit/inclusive"}),
        ("compare.seeds=3", {"results"}),
        ("executor=processes", set()),
    ],
)
def test_a_setting_changes_what_depends_on_it_and_nothing_else(plans, override, changed):
    before, now = plans(), plans(override)
    helpers = {helper for step in now for helper in step.after}  # whose results no key depends on
    own = {
        step.name
        for step in now
        if step.name not in before or _own(now, step.name) != _own(before, step.name)
    } - helpers
    assert changed <= own <= changed | {"fit/inclusive", "fit/eps0.1", "fit/eps0.03", "scores", "results"}
    for step in now:
        if step.name in before and not _reaches(now, step.name, own):
            assert now.key(step.name) == before.key(step.name)


def _own(plan, step):
    """Return what a step is made from, but for the keys of the steps before it."""
    return {**plan.made_from(step), "steps": [*plan[step].needs.items()]}


def _reaches(plan, step, changed):
    return step in changed or any(_reaches(plan, need, changed) for need in plan[step].needs.values())


def test_what_a_run_wants_in_the_end(plans):
    plan = plans()
    assert STUDY.wanted(plan) == ["results", "figures", "report"]
    assert STUDY.wanted(plan, "fit") == ["results"]
    assert STUDY.wanted(plan, "features") == ["features"]
