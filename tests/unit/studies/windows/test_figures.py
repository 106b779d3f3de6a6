"""Figures of a search in many windows."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from hepflow.errors import ConfigError
from hepflow.studies.windows.figures import figures, window_scan


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


def test_a_record_yields_the_figures_that_it_holds_the_numbers_for(scan):
    assert [name for name, _ in figures(scan)] == ["p_values"]
    assert not list(figures(replace(scan, windows=scan.windows[-1:], excess=None)))
