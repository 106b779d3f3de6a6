"""The records of searches made of many analyses."""

import json

import pytest

from hepflow.errors import InputError
from hepflow.studies.limits.record import CutLimits, EfficiencyPoint, RetrainedLimits
from hepflow.studies.windows.record import Excess, WindowCut, WindowResult, WindowScan


def window(low, *p0, factor=2.0, problems=()):
    cuts = [
        WindowCut(eps, 10.0, 1.0, 12.0, 0.5, p, None, "asymptotic")
        for eps, p in zip((1.0, 0.1), p0, strict=False)
    ]
    signal, sidebands = (low, low + 100.0), ((low - 200.0, low), (low + 100.0, low + 300.0))
    return WindowResult(signal, sidebands, tuple(cuts), factor, problems)


SCAN = WindowScan(
    "search",
    "cathode",
    1,
    "abc",
    {"hepflow": "0"},
    (window(3000.0, 0.3, 0.01), window(3050.0, 0.9, 0.8), window(3100.0, problems=("too few events",))),
    Excess((3000.0, 3100.0), 0.1, 2.3, 0.01, 0.02, 2, 1, 0.04, 1.7, 0.02, 2.1),
    unblinded=({"by": "E. Noether", "at": "2026-01-01T00:00:00+00:00", "config_hash": "abc"},),
)
LIMITS = RetrainedLimits(
    "search",
    "cathode",
    1,
    "abc",
    {"hepflow": "0"},
    (3300.0, 3700.0),
    600.0,
    0.95,
    (
        CutLimits(
            0.01,
            (EfficiencyPoint(0, 0.1, 0.01, 3), EfficiencyPoint(100, 0.4, 0.02, 3)),
            (0.0, 50.0, 100.0),
            (0.1, 0.25, 0.4),
            (0.09, 0.23, 0.38),
            (0.11, 0.27, 0.42),
            12.0,
            (6.0, 8.0, 11.0, 16.0, None),
            48.0,
            (33.0, 39.0, 46.0, 60.0, None),
            (45.0, 52.0),
            120.0,
            (60.0, 80.0, 110.0, 160.0, None),
            ("beyond the largest injection",),
        ),
    ),
)


@pytest.mark.parametrize(("record", "kind"), [(SCAN, WindowScan), (LIMITS, RetrainedLimits)])
def test_a_record_is_read_as_it_was_written(record, kind, tmp_path):
    record.write(tmp_path / "record.json")
    assert kind.from_json(tmp_path / "record.json") == record
    other = json.loads((tmp_path / "record.json").read_text("utf-8")) | {"schema": "hepflow-results-1"}
    (tmp_path / "record.json").write_text(json.dumps(other), "utf-8")
    with pytest.raises(InputError, match="expected schema 'hepflow-"):
        kind.from_json(tmp_path / "record.json")


def test_the_best_cut_of_a_window_and_its_trials():
    first, _, failed = SCAN.windows
    assert first.best.background_efficiency == 0.1
    assert first.p == pytest.approx(0.02)
    assert failed.best is None
    assert failed.p is None
    assert window(3000.0, 0.3, 0.8, factor=5.0).p == 1.0
    assert window(3000.0, None, 0.8).best.background_efficiency == 0.1  # the other is blinded


def test_what_a_scan_says_of_its_windows():
    assert SCAN.background_efficiencies == (1.0, 0.1)
    assert SCAN.problems == ("3100-3200 GeV: too few events",)
