"""Figures of searches made of many analyses."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from hepflow.errors import ConfigError
from hepflow.plots import efficiency_curves, retrained_limits, window_scan
from hepflow.searches import (
    CutLimits,
    EfficiencyPoint,
    Excess,
    RetrainedLimits,
    WindowCut,
    WindowResult,
    WindowScan,
)

BAND = np.array([0.5, 0.7, 1.0, 1.4, 1.9])


def window(low, z, blind=False):
    cuts = [
        WindowCut(
            eps,
            90.0,
            9.0,
            *((None,) * 3 if blind and eps < 1 else (99.0, one, norm.sf(one))),
            None,
            "asymptotic",
        )
        for eps, one in zip((1.0, 0.1, 0.01), (0.5, 0.7 * z, z), strict=True)
    ]
    return WindowResult(
        (low, low + 300.0), ((low - 600.0, low), (low + 300.0, low + 900.0)), tuple(cuts), 2.0
    )


@pytest.fixture
def scan():
    """Seven windows, an excess in the fourth, and one that could not be searched."""
    z = (0.2, 1.1, 2.0, 4.4, 2.2, 0.3)
    windows = tuple(window(2800.0 + 150 * i, one) for i, one in enumerate(z))
    excess = Excess((3250.0, 3550.0), 0.01, 4.4, 5e-6, 1e-5, 6, 3, 6e-5, 3.8, 3e-5, 4.0)
    failed = WindowResult((3700.0, 4000.0), (), problems=("no room",))
    return WindowScan("lhco", "cathode", 1, "abc", {}, (*windows, failed), excess)


@pytest.fixture
def limits():
    """Two cuts: the loose one has a limit, that of the other is beyond the largest injection at two sigma."""
    x = np.linspace(0, 600, 7)

    def cut(background_efficiency, efficiency, passing):
        limit = passing * BAND / efficiency[-1]
        return CutLimits(
            background_efficiency,
            tuple(EfficiencyPoint(int(n), one, 0.02, 3) for n, one in zip(x, efficiency, strict=True)),
            tuple(x),
            tuple(efficiency),
            tuple(efficiency - 0.02),
            tuple(efficiency + 0.02),
            passing,
            tuple(passing * BAND),
            limit[2],
            tuple(one if one <= 600 else None for one in limit),
            (0.9 * limit[2], None),
            passing / efficiency[0],
            tuple(passing * BAND / efficiency[0]),
        )

    cuts = (cut(1.0, np.full(7, 0.95), 500.0), cut(0.01, 0.3 + x / 2000, 120.0))
    return RetrainedLimits("lhco", "cathode", 1, "abc", {}, (3300.0, 3700.0), 1000.0, 0.95, cuts)


def texts(figure):
    axes = figure.canvas.axes[0]
    return [one.get_text() for one in (*axes.texts, *axes.get_legend().get_texts())]


def test_a_scan_shows_a_curve_for_each_cut_and_what_the_largest_excess_is_worth(scan):
    figure = window_scan(scan)
    axes = figure.canvas.axes[0]
    curves = [line for line in axes.lines if len(line.get_xdata()) == 6]
    assert [len(curves), *curves[2].get_xdata()] == [3, *np.arange(2950, 3701, 150)]
    assert curves[2].get_ydata()[3] == pytest.approx(norm.sf(4.4))
    shown = "\n".join(texts(figure))
    assert "3250–3550 GeV" in shown
    assert "4.4" in shown
    assert "3.8" in shown
    assert r"$\epsilon_B$ = 1%" in shown
    assert "No cut" in shown


def test_of_a_blinded_scan_the_cuts_are_not_drawn(scan):
    windows = tuple(window(one.signal[0], 1.0, blind=True) for one in scan.windows)
    figure = window_scan(replace(scan, windows=windows, excess=None, blind=True))
    assert "No cut" in texts(figure)
    assert r"$\epsilon_B$ = 1%" not in texts(figure)


def test_a_scan_without_p_values_cannot_be_drawn(scan):
    with pytest.raises(ConfigError, match="no p-value to draw"):
        window_scan(replace(scan, windows=scan.windows[-1:], excess=None))


def test_the_expected_limit_stands_where_the_efficiency_brings_what_is_excluded(limits):
    axes = efficiency_curves(limits).canvas.axes[0]
    stars = [line for line in axes.lines if line.get_marker() == "*"]
    (n,), (efficiency,) = stars[1].get_xdata(), stars[1].get_ydata()
    assert n * efficiency == pytest.approx(120)


def test_limits_of_every_cut_beside_those_without_retraining(limits):
    figure = retrained_limits(limits)
    axes = figure.canvas.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["No cut", r"$\epsilon_B$ = 1%"]
    tops = [bar.get_y() + bar.get_height() for bar in axes.patches]
    assert max(tops[:2]) == pytest.approx(600)  # the band ends with the largest injection
    assert "Observed" in texts(figure)
    assert "Observed" not in texts(retrained_limits(replace(limits, blind=True)))
