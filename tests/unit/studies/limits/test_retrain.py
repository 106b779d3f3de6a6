"""Limits with retraining: the efficiency of each cut measured with more and more signal in the data."""

import shutil

import numpy as np
import pytest

from hepflow.engine.folder import RunFolder
from hepflow.engine.study import Blinding
from hepflow.engine.work import Work
from hepflow.errors import ConfigError
from hepflow.results import Results
from hepflow.sample import Sample
from hepflow.studies.limits.record import RetrainedLimits
from hepflow.studies.limits.study import STUDY, default_injections
from hepflow.studies.reproduce import reproduce
from hepflow.studies.search.study import STUDY as SEARCH

QUICK = ("regions.validation=0", "selection.background_efficiency=[0.1]")
GRID = "limit={injections: [40, 120], seeds: 2}"
pytestmark = pytest.mark.usefixtures("_quick_closure")


@pytest.fixture(scope="module")
def made(configure, tmp_path_factory):
    """Return the folder of finished limits, to look at; nobody changes it."""
    folder = tmp_path_factory.mktemp("runs") / "toy-limits"
    STUDY.run(configure(*QUICK, GRID, without=("injection",)), folder)
    return folder


@pytest.fixture
def limits(made):
    return RetrainedLimits.from_json(made / "limits.json")


@pytest.fixture
def alone(configure, tmp_path):
    """Return the results of the analysis without retraining."""
    SEARCH.run(configure(*QUICK, without=("injection",)), tmp_path / "one", until="fit")
    return Results.from_json(tmp_path / "one" / "results.json")


def test_the_report_is_made_with_the_limits(made):
    assert "3300" in (made / "report.html").read_text("utf-8")


def test_limits_come_out_again(made, tmp_path):
    found = reproduce(made, tmp_path / "again")
    assert (found.differences, found.files, found.versions) == ({}, (), {})


def test_without_a_cut_there_is_nothing_to_retrain(limits, alone):
    """Its efficiency does not depend on the signal: the limit of a run, in events."""
    inclusive = limits.cuts[0]
    assert limits.nominal == 600
    assert inclusive.observed == pytest.approx(600 * alone.inclusive.mu_up_obs, rel=1e-3)
    assert inclusive.observed == pytest.approx(inclusive.fixed_observed, rel=1e-3)
    assert inclusive.expected == pytest.approx(inclusive.fixed_expected, rel=1e-3)
    assert [point.value for point in inclusive.points] == pytest.approx([1.0, 1.0, 1.0], rel=0.01)


def test_without_retraining_the_limit_is_that_of_a_run(limits, alone):
    assert limits.cuts[1].fixed_observed is not None
    first = limits.cuts[1].points[0]
    assert limits.cuts[1].passing_observed == pytest.approx(first.value * limits.cuts[1].fixed_observed)
    assert limits.cuts[1].background_efficiency == alone.cuts[0].background_efficiency


def test_signal_in_the_data_raises_the_efficiency_and_lowers_the_limit(limits):
    cut = limits.cuts[1]
    efficiency = [point.value for point in cut.points]
    assert [point.injected for point in cut.points] == [0, 40, 120]
    assert [point.trainings for point in cut.points] == [2, 2, 2]
    assert efficiency[0] < 0.9 < efficiency[2]
    assert cut.expected[2] < cut.fixed_expected[2]


def test_each_limit_brings_the_events_that_are_excluded(limits):
    for cut in limits.cuts:
        for excluded, limit in zip(cut.passing_expected, cut.expected, strict=True):
            if limit is not None:
                efficiency = np.interp(limit, cut.injected, cut.efficiency)
                assert limit * efficiency == pytest.approx(excluded, rel=0.02)
            else:
                assert excluded > 120 * cut.efficiency[-1]
                assert "add larger `limit.injections`" in cut.problems[-1]


def test_more_injections_train_none_again(made, configure, tmp_path, forbid):
    folder = shutil.copytree(made, tmp_path / "toy-limits")
    scores = (folder / "stages").rglob("scores/step.json")
    before = {path: path.read_bytes() for path in scores}
    forbid("features")
    more = STUDY.run(configure(*QUICK, GRID.replace("120]", "120, 200]"), without=("injection",)), folder)
    assert [point.injected for point in more.cuts[0].points] == [0, 40, 120, 200]
    assert len(before) == 6
    assert all(path.read_bytes() == content for path, content in before.items())


def test_nothing_is_left_to_do(made, configure, forbid):
    forbid("features", "background", "scores")
    before = (made / "limits.json").stat().st_mtime_ns
    STUDY.run(configure(*QUICK, GRID, without=("injection",)), made)
    assert (made / "limits.json").stat().st_mtime_ns == before
    assert set(STUDY.dry_run(configure(*QUICK, GRID, without=("injection",)), made).values()) == {None}


def test_a_dry_run_names_what_is_left_and_writes_nothing(made, configure, tmp_path, forbid):
    forbid("features")
    more = configure(*QUICK, GRID.replace("120]", "120, 200]"), without=("injection",))
    left = {step for step, why in STUDY.dry_run(more, made).items() if why is not None}
    trained = {f"injected-200/training-{number}" for number in (0, 1)}
    steps = ("features", "background", "scores", "efficiency")
    assert left == {f"{one}/{step}" for one in trained for step in steps} | {"limits", "figures", "report"}
    assert set(STUDY.dry_run(more, tmp_path / "none").values()) == {"not done yet"}
    assert not (tmp_path / "none").exists()


def test_a_dry_run_knows_the_injections_that_follow_from_events_once_they_are_read(made, configure, tmp_path):
    unsaid = configure(*QUICK, "limit.seeds=2", without=("injection",))
    unread = STUDY.dry_run(unsaid, tmp_path / "none")
    assert unread["features"] == "not done yet"
    assert {step.split("/")[0] for step in unread if "/" in step} == {"injected-0"}
    read = STUDY.dry_run(unsaid, made)
    assert read["features"] is None
    assert len({step.split("/")[0] for step in read if "/" in step}) == 8
    assert read["injected-0/training-0/scores"] is None


def test_a_training_is_a_function_of_configuration_and_folder(made, configure, tmp_path):
    """As in the workers of a pool: each step by itself, on nothing but the folder."""
    config, out = configure(*QUICK, GRID, without=("injection",)), tmp_path / "steps"
    RunFolder(out, STUDY.identity(config))
    plan = STUDY.plan(config, Blinding())
    for step in (
        "features",
        *(step.name for step in plan if step.name.startswith("injected-40/training-1/")),
    ):
        Work(plan, RunFolder(out, None)).perform(step)
    result = "stages/injected-40/training-1/efficiency/efficiency.json"
    assert (out / result).read_text("utf-8") == (made / result).read_text("utf-8")


def test_a_peak_in_place_of_the_sample_is_refused(configure, tmp_path):
    with pytest.raises(ConfigError, match=r"fit\.resonance: .* leave it out"):
        STUDY.run(configure(*QUICK, GRID, "fit.resonance=0.2"), tmp_path / "toy")


def test_data_with_an_injection_are_refused_unless_they_are_meant(configure, tmp_path):
    for ask in (STUDY.run, STUDY.dry_run):
        with pytest.raises(ConfigError, match="--set injection=null"):
            ask(configure(*QUICK, GRID), tmp_path / "toy")
    limit = "limit={injections: [40, 120], seeds: 1, injected_data: true}"
    found = STUDY.run(configure(*QUICK, limit, "fit.blind=true"), tmp_path / "toy")
    assert found.nominal == pytest.approx(60)  # of which mu = 1 is, then, the strength
    cut = found.cuts[1]
    assert found.blind
    assert cut.passing_expected[2] > 0
    assert (cut.observed, cut.passing_observed, cut.fixed_observed) == (None, None, None)


def test_without_signal_there_is_nothing_to_inject(configure, tmp_path):
    with pytest.raises(ConfigError, match=r"give `inputs\.signal`"):
        STUDY.run(configure(*QUICK, GRID, without=("injection", "signal")), tmp_path / "toy")


def test_signal_must_be_left_to_measure_the_efficiency(configure, tmp_path):
    config = configure(*QUICK, "limit.injections=[40, 550]", without=("injection",))
    with pytest.raises(ConfigError, match="holds 600 events: too few to inject 550 and keep 100"):
        STUDY.run(config, tmp_path / "toy")


def test_injections_follow_from_the_data(configure):
    data = Sample(np.full(10_000, 3500.0), np.zeros((10_000, 1)), ("x",))
    assert default_injections(data, configure()) == (50, 100, 150, 200, 300, 400, 600)
