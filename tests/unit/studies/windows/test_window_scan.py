"""A search in many windows: each is the analysis of its regions, and one that cannot be searched stops no other."""

import json
import shutil

import numpy as np
import pytest

from hepflow.engine.folder import RunFolder
from hepflow.engine.study import Blinding
from hepflow.engine.work import Work
from hepflow.errors import ConfigError, InputError
from hepflow.regions import sliding
from hepflow.stats import bump_hunt, gaussian_signal, trials_of_cuts
from hepflow.studies.reproduce import reproduce
from hepflow.studies.search.study import STUDY as SEARCH
from hepflow.studies.windows.record import WindowScan
from hepflow.studies.windows.study import STUDY, regions_of

LOW, PEAK, EMPTY, EDGE = (2900, 3200), (3300, 3700), (6000, 6500), (2500, 2800)
QUICK = (
    "regions.validation=0",
    "regions.sidebands=[[2500, 3300], [3700, 4500]]",
    "scan.range=[2500, 7500]",
)
WINDOWS = f"scan.windows={[list(one) for one in (PEAK, LOW, EMPTY, EDGE)]}"
pytestmark = pytest.mark.usefixtures("_quick_closure")


@pytest.fixture(scope="module")
def scanned(configure, tmp_path_factory):
    """Return the folder of a finished scan, to look at; nobody changes it."""
    folder = tmp_path_factory.mktemp("runs") / "toy-scan"
    STUDY.run(configure(*QUICK, WINDOWS), folder)
    return folder


@pytest.fixture
def folder(scanned, tmp_path):
    """Return a copy of the finished scan, to go on from."""
    return shutil.copytree(scanned, tmp_path / "toy-scan")


@pytest.fixture
def found(scanned):
    return WindowScan.from_json(scanned / "scan.json")


def test_windows_stand_from_low_to_high_with_their_sidebands(found):
    assert [one.signal for one in found.windows] == [EDGE, LOW, PEAK, EMPTY]
    assert found.windows[2].sidebands == ((2500, 3300), (3700, 4500))


def test_a_window_is_the_analysis_of_its_regions(found, configure, tmp_path):
    """All but the signal: the sample is of one mass, so that a window looks for a peak in its middle."""
    config, folder = configure(*QUICK), tmp_path / "one"
    SEARCH.run(config, folder, until="fit")
    alone, fit = Work(SEARCH.plan(config, Blinding()), RunFolder(folder, None)), config.fit
    cuts = [alone.result(f"fit/{name}").cut for name in ("inclusive", "eps0.1", "eps0.03")]
    counted = [
        bump_hunt(
            cut.spectrum,
            gaussian_signal(cut.spectrum.edges, 3500, 100),
            calculator=fit.calculator,
            toys=fit.toys,
            seed=config.seed,
        )
        for cut in cuts
    ]
    for cut, hunt in zip(found.windows[2].cuts, counted, strict=True):
        for name in ("n_obs", "n_exp", "n_exp_error", "z", "p0"):
            assert getattr(cut, name) == getattr(hunt, name)
    window = found.windows[2]
    trusted = [hunt for cut, hunt in zip(window.cuts, counted, strict=True) if window.trusts(cut)]
    assert window.trusts(window.cuts[0])
    assert window.factor == trials_of_cuts(trusted, toys=config.fit.toys, seed=config.seed).factor


def test_a_window_is_judged_by_its_fits(found):
    window = found.windows[2]
    assert [(one.check, one.background_efficiency) for one in window.verdicts] == [
        ("sideband fit", None),
        *((check, cut) for cut in (0.1, 0.03) for check in ("sideband factor", "sculpting")),
    ]
    assert 1e-3 < window.verdicts[0].value < 1


def test_a_peak_of_another_width(configure, tmp_path):
    wide = configure(*QUICK, f"scan.windows={[list(PEAK)]}", "fit.resonance=0.4")
    STUDY.run(wide, tmp_path / "wide")
    unset = configure(*QUICK, f"scan.windows={[list(PEAK)]}")
    left = [step for step, why in STUDY.dry_run(unset, tmp_path / "wide").items() if why is not None]
    assert {step.partition("3300-3700/")[2].partition("/")[0] for step in left} >= {"fit", "result"}
    assert not any(step.endswith(("background", "scores")) for step in left)  # nothing is trained again


def test_no_limits_are_set_that_nobody_sees(scanned):
    kept = scanned / "stages" / "windows" / "3300-3700" / "fit" / "inclusive" / "hunt.json"
    assert json.loads(kept.read_text("utf-8"))["mu_up_obs"] is None


def test_the_signal_is_found_where_it_is(found):
    excess = found.excess
    assert excess.signal == PEAK
    assert excess.p0 < 0.01 < min(cut.p0 for cut in found.windows[1].cuts)
    assert (excess.windows, excess.disjoint) == (2, 2)
    assert excess.p_global == pytest.approx(2 * excess.p_window)
    assert excess.p0 <= excess.p_window <= excess.p_least <= excess.p_global


def test_the_report_is_made_with_the_scan(scanned):
    assert "3300" in (scanned / "report.html").read_text("utf-8")


def test_a_scan_comes_out_again(scanned, tmp_path):
    found = reproduce(scanned, tmp_path / "again")
    assert (found.differences, found.files, found.versions) == ({}, (), {})


def test_windows_that_cannot_be_searched_stop_no_other(found, caplog):
    edge, _, _, empty = found.windows
    assert "leaves no room for sidebands" in edge.problems[0]
    assert len(empty.problems) == 1
    assert "no event in the" in empty.problems[0]
    assert not edge.cuts
    assert not empty.cuts
    assert len(found.problems) == 2


def test_another_window_trains_no_other_again(folder, configure, forbid):
    records = {path: path.read_bytes() for path in (folder / "stages" / "windows").rglob("step.json")}
    forbid("features")
    more = STUDY.run(configure(*QUICK, WINDOWS.replace("[6000, 6500]", "[3000, 3300]")), folder)
    assert [one.signal for one in more.windows if one.cuts] == [LOW, (3000, 3300), PEAK]
    kept = [path for path in records if "6000-6500" not in str(path)]
    assert all(path.read_bytes() == records[path] for path in kept)


def test_nothing_is_left_to_do(scanned, configure, forbid):
    forbid("features", "background", "scores")
    config = configure(*QUICK, WINDOWS)
    assert set(STUDY.dry_run(config, scanned).values()) == {None}
    before = (scanned / "scan.json").stat().st_mtime_ns
    STUDY.run(config, scanned)
    assert (scanned / "scan.json").stat().st_mtime_ns == before


def test_every_step_is_a_function_of_configuration_and_folder(scanned, configure, tmp_path):
    """As in the workers of a pool: each step by itself, on nothing but the folder."""
    config = configure(*QUICK, f"scan.windows={[list(PEAK)]}", "fit.resonance=0.25")
    out = tmp_path / "steps"
    assert set(STUDY.dry_run(config, out).values()) == {"not done yet"}
    RunFolder(out, STUDY.identity(config))
    plan = STUDY.plan(config, Blinding())
    for step in plan:
        if not step.last:
            Work(plan, RunFolder(out, None)).perform(step.name)
    assert WindowScan.from_json(out / "scan.json").windows == (
        WindowScan.from_json(scanned / "scan.json").windows[2],
    )
    assert {path.name for path in (out / "figures").iterdir()} == {"p_values.pdf", "p_values.png"}


def test_a_blinded_scan_shows_no_data_behind_a_cut_until_someone_asks(configure, tmp_path):
    blinded = configure(*QUICK, f"scan.windows={[list(PEAK)]}", "fit.blind=true")
    found = STUDY.run(blinded, tmp_path / "toy")
    cuts = found.windows[0].cuts[1:]
    assert found.blind
    assert found.excess is None
    assert {getattr(cut, name) for cut in cuts for name in ("n_obs", "z", "p0")} == {None}
    assert all(cut.n_exp > 0 for cut in cuts)
    with pytest.raises(ConfigError, match="--scan --unblind"):
        STUDY.run(configure(*QUICK, f"scan.windows={[list(PEAK)]}"), tmp_path / "toy")
    shown = STUDY.run(blinded, tmp_path / "toy", unblind=True, by="E. Noether")
    assert [one.by for one in shown.unblinded] == ["E. Noether"]
    assert shown.excess is not None
    assert not shown.blind


def test_windows_are_made_from_the_regions(configure):
    config = configure("scan.sidebands=1")
    assert list(regions_of(config)) == sliding((2500, 5000), 400 / 3500, 0.5, 1)
    assert list(
        regions_of(configure("scan={range: [2000, 8000], width: 0.2, step: 1, sidebands: 1.5}"))
    ) == sliding((2000, 8000), 0.2, 1, 1.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "scan.windows=[[2500, 2800]]",
            "no window can be searched: the signal region 2500-2800 GeV leaves no room",
        ),
        ("scan={windows: [[3300, 3700]], width: 0.1}", "they have a width of their own"),
        ("scan.width=0.9", "no window of 0.9 of its mass has room"),
    ],
)
def test_windows_that_make_no_sense(settings, message, configure, tmp_path):
    with pytest.raises(ConfigError, match=message):
        STUDY.run(configure(settings), tmp_path / "toy")
    assert not (tmp_path / "toy").exists()


def test_a_run_and_a_scan_do_not_share_a_folder(scanned, configure):
    with pytest.raises(InputError, match="belongs to another run"):
        SEARCH.run(configure(*QUICK), scanned)


def test_the_record_holds_plain_numbers(scanned):
    content = json.loads((scanned / "scan.json").read_text("utf-8"))
    assert content["schema"] == "hepflow-window-scan-1"
    assert np.isfinite(content["excess"]["z_global"])
