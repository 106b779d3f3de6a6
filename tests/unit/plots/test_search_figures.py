"""Figures of searches made of many analyses."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from hepflow.errors import ConfigError
from hepflow.plots import efficiency_curves, retrained_limits, window_scan
from hepflow.studies.limits.figures import figures as limits_figures
from hepflow.studies.windows.figures import figures as scan_figures


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


def test_of_a_blinded_scan_the_cuts_are_not_drawn(blinded_scan):
    figure = window_scan(blinded_scan)
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


def test_the_legend_names_observed_limits_where_there_is_one(blinded_limits):
    assert "Observed" in texts(retrained_limits(blinded_limits))
    hidden = replace(blinded_limits, cuts=blinded_limits.cuts[1:])
    assert "Observed" not in texts(retrained_limits(hidden))


def test_limits_of_every_cut_beside_those_without_retraining(limits):
    figure = retrained_limits(limits)
    axes = figure.canvas.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["No cut", r"$\epsilon_B$ = 1%"]
    tops = [bar.get_y() + bar.get_height() for bar in axes.patches]
    assert max(tops[:2]) == pytest.approx(600)  # the band ends with the largest injection
    assert "Observed" in texts(figure)


def test_a_record_yields_the_figures_that_it_holds_the_numbers_for(scan, limits):
    assert [name for name, _ in scan_figures(scan)] == ["p_values"]
    assert not list(scan_figures(replace(scan, windows=scan.windows[-1:], excess=None)))
    assert [name for name, _ in limits_figures(limits)] == ["efficiency", "limits"]
    assert not list(limits_figures(replace(limits, cuts=())))


def test_limits_that_could_not_be_set_are_left_out(unset_limits):
    (_, efficiency), (_, found) = limits_figures(unset_limits)
    assert not [line for line in efficiency.canvas.axes[0].lines if line.get_marker() == "*"]
    drawn = [line.get_ydata() for line in found.canvas.axes[0].lines if line.get_marker() in ("o", "D")]
    assert len(drawn) == 2
    assert not np.isfinite(drawn).any()
