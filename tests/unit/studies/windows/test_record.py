"""What the record of a search in many windows says of them."""

import pytest

from hepflow.studies.windows.record import WindowCut, WindowResult, WindowScan


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
)


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
