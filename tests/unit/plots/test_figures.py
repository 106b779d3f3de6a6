"""Figures of closure, scores, significance, limits, truth and losses."""

import dataclasses

import numpy as np
import pytest

from hepflow.plots.closure import closure
from hepflow.plots.limits import limits
from hepflow.plots.scores import scores
from hepflow.plots.significance import significance
from hepflow.plots.training import losses
from hepflow.plots.truth import improvement, rejection
from hepflow.results import Histogram


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7])
def test_closure_of_any_number_of_features(results, count, render, texts):
    figure = closure((results.features * 2)[:count])
    assert len(figure.canvas.axes) == 2 * count
    assert "Template" in texts(figure)
    render(figure)


def test_closure_says_when_it_knows_the_truth(results, texts):
    outside = [one for one in results.features if one.where == "sidebands"]
    inside = [one for one in results.features if one.where == "signal region"]
    assert "True background" not in texts(closure(outside))
    assert "True background" in texts(closure(inside))


def test_closure_of_empty_histograms(render):
    empty = Histogram((0.0, 1.0, 2.0), {"data": (0.0, 0.0), "template": (0.0, 0.0)}, "x", "sidebands")
    render(closure([empty, dataclasses.replace(empty, series={"data": (3.0, 0.0)})]))


def test_scores_mark_the_cuts(results, render, texts):
    figure = scores(results)
    for name in ("10%", "1%", "0.1%", "Data", "Template", r"Signal, $\mu$ = 1"):
        assert name in texts(figure)
    nothing = dict.fromkeys(("data", "template"), (0.0,) * (len(results.scores.edges) - 1))
    figure = scores(
        dataclasses.replace(results, scores=dataclasses.replace(results.scores, series=nothing), cuts=())
    )
    assert "Cuts" not in texts(figure)
    render(figure)


def test_significance_shows_each_selection(results):
    upper, lower = significance(results).canvas.axes
    drawn = upper.get_lines()[0].get_xydata()
    assert [tuple(point) for point in drawn] == [
        (cut.background_efficiency, cut.z) for cut in (results.inclusive, *results.cuts)
    ]
    assert lower.get_xlim()[0] > lower.get_xlim()[1]  # tight cuts on the right


def test_significance_expected_of_a_signal(blinded, make_results, texts):
    upper, _ = significance(blinded).canvas.axes
    observed, expected = (line.get_ydata() for line in upper.get_lines()[:2])
    assert np.isfinite(observed).sum() == 1  # before any cut
    assert expected.tolist() == [cut.z_expected for cut in (blinded.inclusive, *blinded.cuts)]
    assert "Expected" not in texts(significance(make_results(signal=False)))


def test_limits_say_what_the_unit_is(results, texts):
    assert results.signal_unit in texts(limits(results))
    assert limits(results).canvas.axes[0].get_xticklabels()[0].get_text() == "No cut"


def test_noise_of_the_roc_curve_is_not_drawn(results):
    floor = results.truth.minimum_background_efficiency
    left, right = improvement(results, results.truth).canvas.axes
    _, curve, _ = left.get_lines()
    background, sic = curve.get_xydata().T
    assert background.min() >= floor
    signal = right.get_lines()[1].get_xdata()
    np.testing.assert_allclose(sic, signal / np.sqrt(background))
    (ax,) = rejection(results, results.truth).canvas.axes
    assert ax.get_lines()[1].get_ydata().max() <= 1 / floor


def test_roc_curve_of_too_few_events(results, render):
    noise = dataclasses.replace(results.truth, minimum_background_efficiency=2.0)
    render(improvement(results, noise))
    render(rejection(results, noise))


def test_losses_of_each_flow(results, render):
    (ax,) = losses(results).canvas.axes
    assert len(ax.get_lines()) == 6
    one = dataclasses.replace(results, losses=({"training": (1.0,), "validation": (1.0,)},))
    render(losses(one))
