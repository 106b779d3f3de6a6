"""Figures of limits with retraining."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.studies.limits.figures import efficiency_curves, figures, retrained_limits


def texts(figure):
    axes = figure.canvas.axes[0]
    return [one.get_text() for one in (*axes.texts, *axes.get_legend().get_texts())]


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


def test_a_record_yields_the_figures_that_it_holds_the_numbers_for(limits):
    assert [name for name, _ in figures(limits)] == ["efficiency", "limits"]
    assert not list(figures(replace(limits, cuts=())))


def test_limits_that_could_not_be_set_are_left_out(unset_limits):
    (_, efficiency), (_, found) = figures(unset_limits)
    assert not [line for line in efficiency.canvas.axes[0].lines if line.get_marker() == "*"]
    drawn = [line.get_ydata() for line in found.canvas.axes[0].lines if line.get_marker() in ("o", "D")]
    assert len(drawn) == 2
    assert not np.isfinite(drawn).any()
