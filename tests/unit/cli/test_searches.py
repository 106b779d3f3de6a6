"""``hepflow run --scan`` and ``hepflow limit --retrain``: options, tables and exit codes."""

import json
from dataclasses import replace

import pytest

from hepflow.studies.known import study
from hepflow.studies.limits.record import CutLimits, EfficiencyPoint, RetrainedLimits
from hepflow.studies.windows.record import Excess, WindowCut, WindowResult, WindowScan

CUTS = (
    WindowCut(1.0, 400.0, 10.0, 410.0, 0.4, 0.34, None, "asymptotic"),
    WindowCut(0.01, 4.0, 1.0, 14.0, 3.5, 2.3e-4, None, "asymptotic"),
)
SCAN = WindowScan(
    "search",
    "cathode",
    1,
    "abc",
    {},
    (
        WindowResult((3000.0, 3300.0), ((2400.0, 3000.0), (3300.0, 3900.0)), CUTS, 2.0),
        WindowResult((5000.0, 5500.0), (), problems=("no event in the sideband",)),
    ),
    Excess((3000.0, 3300.0), 0.01, 3.5, 2.3e-4, 4.6e-4, 12, 6, 5.5e-3, 2.54, 2.8e-3, 2.77),
)
LIMITS = RetrainedLimits(
    "search",
    "cathode",
    1,
    "abc",
    {},
    (3300.0, 3700.0),
    600.0,
    0.95,
    (
        CutLimits(
            0.01,
            (EfficiencyPoint(0, 0.1, 0.01, 3), EfficiencyPoint(100, 0.4, 0.02, 3)),
            (0.0, 100.0),
            (0.1, 0.4),
            (0.09, 0.38),
            (0.11, 0.42),
            12.0,
            (6.0, 8.0, 11.0, 16.0, 50.0),
            48.0,
            (33.0, 39.0, 46.0, 60.0, None),
            (45.0, 52.0),
            120.0,
            (60.0, 80.0, 110.0, 160.0, 500.0),
        ),
    ),
)


@pytest.fixture
def config(tmp_path):
    """A configuration, whose files nobody opens here."""
    path = tmp_path / "search.yaml"
    inputs = {
        "data": {"path": "data.h5", "format": "hepflow"},
        "signal": {"path": "signal.h5", "format": "hepflow"},
    }
    regions = {"signal": [3300, 3700], "sidebands": [[2500, 3300], [3700, 5000]]}
    path.write_text(json.dumps({"inputs": inputs, "regions": regions}))
    return path


@pytest.fixture
def scans(stand_in):
    """What the command asked of the search in windows, which finds what stands above."""
    return stand_in("windows", lambda _: SCAN)


@pytest.fixture
def limits(stand_in):
    """What the command asked of the limits, which are those above."""
    return stand_in("limits", lambda _: LIMITS)


def test_a_scan_prints_every_window_and_what_its_largest_excess_is_worth(hepflow, config, scans):
    code, out, err = hepflow(
        "run", config, "--scan", "--set", "scan.step=1", "--workers", 2, "--executor", "processes"
    )
    assert code == 0
    assert "runs/search-scan" in err
    assert ["3000-3300", "0.34", "0.40", "0.00023", "3.50"] in [line.split() for line in out.splitlines()]
    assert (
        "with those of 12 windows: p <= 0.0055, Z >= 2.54; of the 6 without overlap alone: p >= 0.0028" in out
    )
    assert "  5000-5500 GeV: no event in the sideband" in out
    assert "extrapolated" not in out
    (asked,) = scans
    assert (asked.config.scan.step, asked.config.executor.workers) == (1, 2)
    assert (asked.out, asked.unblind, asked.by) == ("runs/search-scan", False, None)


def test_an_extrapolated_trials_factor_is_marked(hepflow, config, stand_in):
    stand_in("windows", lambda _: replace(SCAN, excess=replace(SCAN.excess, extrapolated=True)))
    assert "cuts: p = 0.00046 (factor extrapolated from toys)\n" in hepflow("run", config, "--scan")[1]


def test_a_scan_as_json(hepflow, config, scans):
    _, out, _ = hepflow(
        "run", config, "--scan", "--json", "--unblind", "--unblind-by", "E. Noether", "--out", "there"
    )
    assert json.loads(out)["excess"]["disjoint"] == 6
    assert [(one.out, one.unblind, one.by) for one in scans] == [("there", True, "E. Noether")]


def test_a_scan_of_which_nothing_came_fails(hepflow, config, stand_in):
    empty = WindowScan("search", "cathode", 1, "abc", {}, SCAN.windows[1:])
    stand_in("windows", lambda _: empty)
    code, _, err = hepflow("run", config, "--scan")
    assert code == 3
    assert "5000-5500 GeV: no event in the sideband" in err


def test_a_scan_has_no_stages(hepflow, config):
    code, _, err = hepflow("run", config, "--scan", "--until", "scores")
    assert code == 2
    assert "leave --until out" in err


def test_limits_beside_those_without_retraining(hepflow, config, limits):
    code, out, _ = hepflow("limit", config, "--retrain", "--set", "limit.seeds=5")
    assert code == 0
    rows = [" ".join(line.split()) for line in out.splitlines()]
    assert "eps_B 0.01 48 46 (39-60) 120 110 (80-160)" in rows
    assert "eps_B 0.01  0.100 +- 0.010  0.400 +- 0.020" in out
    assert [(one.config.limit.seeds, one.out) for one in limits] == [(5, "runs/search-limits")]


def test_limits_as_json(hepflow, config, limits):
    _, out, _ = hepflow("limit", config, "--retrain", "--json", "--out", "there")
    assert json.loads(out)["cuts"][0]["expected"] == [33.0, 39.0, 46.0, 60.0, None]


def test_limits_that_cannot_be_set_fail_once_the_others_are_shown(hepflow, config, stand_in):
    cut = replace(LIMITS.cuts[0], problems=("add larger `limit.injections`",))
    stand_in("limits", lambda _: replace(LIMITS, cuts=(cut,), problems=("40 injected, training 1: few",)))
    code, out, err = hepflow("limit", config, "--retrain")
    assert code == 3
    assert "eps_B 0.01" in out
    assert "error: 40 injected, training 1: few\n" in err
    assert "       eps_B 0.01: add larger `limit.injections`" in err


def test_a_dry_run_of_limits(hepflow, config, monkeypatch):
    steps = {"features": "not done yet", "injected-0/training-0/scores": None}
    monkeypatch.setattr(study("limits"), "dry_run", lambda config, out, *, until, unblind: steps)
    code, out, err = hepflow("limit", config, "--retrain", "--dry-run")
    assert code == 0
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "features to do: not done yet",
        "injected-0/training-0/scores done",
    ]
    assert "1 of 2 steps to do in runs/search-limits" in err
    out, err = hepflow("limit", config, "--retrain", "--dry-run", "--json")[1:]
    assert json.loads(out) == {"out": "runs/search-limits", "steps": steps}
    assert err.startswith("not listed: 7 x 3 trainings with signal")
    read = {**steps, "features": None}
    monkeypatch.setattr(study("limits"), "dry_run", lambda config, out, *, until, unblind: read)
    assert "not listed" not in hepflow("limit", config, "--retrain", "--dry-run")[2]


@pytest.mark.parametrize("option", [("--mu", 0, 1, 0.1), ("--seed", 3), ("--sideband", 1, 2)])
def test_options_of_a_spectrum_say_nothing_of_a_configuration(option, hepflow, config):
    code, _, err = hepflow("limit", config, "--retrain", *option)
    assert code == 2
    assert f"leave {option[0]} out" in err


@pytest.mark.parametrize("option", [("--set", "seed=2"), ("--dry-run",)])
def test_options_of_retraining_say_nothing_of_a_spectrum(option, hepflow, write_csv, background):
    code, _, err = hepflow("limit", write_csv("mjj.csv", background), *option)
    assert code == 2
    assert f"these belong to --retrain; leave {option[0]} out" in err
