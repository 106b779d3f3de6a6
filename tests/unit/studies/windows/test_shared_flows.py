"""A scan whose windows share flows: trained once, kept, and the same from files and from memory."""

import json
import shutil

import pytest

from hepflow.engine.folder import RunFolder
from hepflow.engine.study import Blinding
from hepflow.engine.work import Work
from hepflow.errors import ConfigError
from hepflow.methods import SharedFlows
from hepflow.studies.windows.record import WindowScan
from hepflow.studies.windows.study import STUDY

LOW, MIDDLE, HIGH, EDGE = (2900, 3200), (3300, 3700), (3500, 3900), (2500, 2800)
SHARED = (
    f"scan.windows={[list(one) for one in (LOW, MIDDLE, HIGH, EDGE)]}",
    "scan.range=[2500, 5000]",
    "scan.sidebands=1.5",
    "scan.flows=shared",
    "classifier.folds=3",
    "regions.validation={trainings: 1, width: 60}",
)
FLOWS = {"flows/background", "flows/validation/bands/0"}
pytestmark = pytest.mark.usefixtures("_quick_closure")


@pytest.fixture(scope="module")
def scanned(configure, tmp_path_factory):
    """Return the folder of a finished scan, to look at; nobody changes it."""
    folder = tmp_path_factory.mktemp("runs") / "toy-scan"
    STUDY.run(configure(*SHARED), folder)
    return folder


@pytest.fixture
def found(scanned):
    return WindowScan.from_json(scanned / "scan.json")


def kept(folder, pattern):
    return {path.relative_to(folder): path.read_bytes() for path in (folder / "stages").rglob(pattern)}


def test_all_windows_are_searched_with_flows_of_one_training(scanned, found):
    assert [one.signal for one in found.windows if one.cuts] == [LOW, MIDDLE, HIGH]
    assert all(len(one.cuts) == 3 for one in found.windows if one.signal != EDGE)
    assert "leaves no room for sidebands" in found.windows[0].problems[0]
    steps = {path.parent.relative_to(scanned / "stages").as_posix() for path in scanned.rglob("step.json")}
    assert {step for step in steps if step.startswith("flows/")} == FLOWS
    assert not list((scanned / "stages" / "windows").rglob("density.safetensors"))
    bands = scanned / "stages" / "windows" / "3300-3700" / "validation" / "bands" / "0"
    assert (bands / "validation.h5").is_file()


def test_the_flows_of_the_bands_leave_out_the_bands(scanned, configure):
    work = Work(STUDY.plan(configure(*SHARED), Blinding()), RunFolder(scanned, None))
    flows = {name: work.result(name) for name in FLOWS}
    assert all(isinstance(one, SharedFlows) for one in flows.values())
    groups = {name: [one.signal for group in each.groups for one in group] for name, each in flows.items()}
    assert sorted(groups["flows/background"]) == [LOW, MIDDLE, HIGH]
    assert sorted(groups["flows/validation/bands/0"]) == [(2840, 3260), (3240, 3760), (3440, 3960)]


def test_every_step_from_files_is_the_same_to_the_bit(scanned, configure, tmp_path):
    """As in the workers of a pool, or after an interrupt: each step by itself, on nothing but the folder."""
    config, out = configure(*SHARED, "fit.resonance=0.25"), tmp_path / "steps"
    RunFolder(out, STUDY.identity(config))
    plan = STUDY.plan(config, Blinding())
    for step in plan:
        if not step.last:
            Work(plan, RunFolder(out, None)).perform(step.name)
    assert json.loads((out / "scan.json").read_text()) == json.loads((scanned / "scan.json").read_text())
    for file in ("template.h5", "folds.h5", "flows.safetensors"):
        assert kept(out, file) == kept(scanned, file)


def test_what_is_lost_is_made_again_and_nothing_else(scanned, configure, tmp_path):
    folder = shutil.copytree(scanned, tmp_path / "toy-scan")
    shutil.rmtree(folder / "stages" / "windows" / "3300-3700")
    shutil.rmtree(folder / "stages" / "scan")
    left = {step for step, why in STUDY.dry_run(configure(*SHARED), folder).items() if why is not None}
    assert "windows/3300-3700/background" in left
    assert not left & FLOWS
    assert not any(step.startswith("windows/") and "3300-3700" not in step for step in left)
    STUDY.run(configure(*SHARED), folder)
    assert kept(folder, "template.h5") == kept(scanned, "template.h5")


def test_another_window_is_trained_for_with_all(scanned, configure):
    """It changes who shares flows with whom, and so all of them."""
    fewer = configure(*SHARED, f"scan.windows={[list(LOW), list(MIDDLE)]}")
    left = {step for step, why in STUDY.dry_run(fewer, scanned).items() if why is not None}
    assert left >= FLOWS


def test_simulation_is_not_tried(configure):
    config = configure(*SHARED, "inputs.simulation={path: data.h5, format: hepflow}")
    assert not [step.name for step in STUDY.plan(config, Blinding()) if "validation/simulation" in step.name]


def test_flows_that_cannot_be_trained_are_the_problem_of_every_window(configure, tmp_path):
    found = STUDY.run(configure(*SHARED, "method.batch_size=100000"), tmp_path / "toy-scan")
    for window in found.windows[1:]:
        assert "batch" in window.problems[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "method=cwola",
            "scan.flows: 'cwola' trains no flows that windows can share; expected the method cathode",
        ),
        ("method=lacathode", "scan.flows: 'lacathode' trains no flows that windows can share"),
        ("classifier.folds=2", "classifier.folds: 2; expected at least 3 where windows share flows"),
        ("scan.flows=all", "flows"),
    ],
)
def test_what_cannot_be_shared_is_refused(settings, message, configure, tmp_path):
    with pytest.raises(ConfigError, match=message):
        STUDY.run(configure(*SHARED, settings), tmp_path / "toy")
    assert not (tmp_path / "toy").exists()
