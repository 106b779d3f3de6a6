"""What the record of an integral keeps of its points, and what figures and report make of that."""

from dataclasses import replace

import numpy as np
import pytest
from made_up.layout import faults

import hepflow as hf
from hepflow.integration import Channel, PowerLaw, Recipe
from hepflow.report.page import render
from hepflow.studies.integration.figures import figures
from hepflow.studies.integration.page import page
from hepflow.studies.integration.results import doubts, marginals, recorded, weight_spectrum

QUICK = Recipe(rounds=1, steps=10, batch_size=128, layers=2, hidden=8, bins=6, iterations=4, grid=False)


def square(x):
    return 3 * x[:, 0] ** 2


@pytest.fixture(scope="module")
def found():
    return hf.integrate(square, 2, calls=4000, recipe=QUICK)


@pytest.fixture(scope="module")
def channels():
    both = [Channel({0: PowerLaw(1)}), Channel({})]
    return hf.integrate(lambda x: square(x) - 0.5, 2, calls=4000, channels=both, recipe=QUICK)


def record(found):
    return recorded(found, name="made-up", function="square.py:square", seed=7)


def report(found, folder):
    record(found).write(folder / "integration.json")
    return render(page(folder))


def with_weight(found, weight):
    return replace(found, points=replace(found.points, weight=weight))


@pytest.mark.parametrize("which", ["found", "channels"])
def test_marginals_are_shares(which, request):
    one = request.getfixturevalue(which)
    for marginal in marginals(one):
        assert sum(marginal.integrand) == pytest.approx(1)
        assert sum(marginal.proposal) == pytest.approx(1)


def test_the_marginal_of_the_integrand_is_its_integral_in_bins(found):
    first, second = marginals(found)
    for marginal, power in ((first, 3), (second, 1)):
        exact = np.diff(np.array(marginal.edges) ** power)
        assert (marginal.edges[0], marginal.edges[-1]) == (0, 1)
        assert np.median(np.abs(marginal.integrand / exact - 1)) < 0.15


def test_where_proposals_are_the_integrand_their_ratio_is_one_without_an_error(found):
    flat = with_weight(found, np.full(len(found.points.weight), 2.0))
    for marginal in marginals(flat):
        assert marginal.integrand == pytest.approx(marginal.proposal)
        assert max(marginal.error) < 1e-12


def test_the_spectrum_of_weights_by_hand(found):
    weight = np.tile([0.0, 0.5, 1.0, 2.5], len(found.points.weight) // 4)
    weights = weight_spectrum(with_weight(found, weight))
    assert sum(weights.shares) == pytest.approx(0.75)
    assert weights.below == pytest.approx(0.25)
    assert weights.tops[0] == pytest.approx(2.5)
    assert weights.efficiencies[0] == pytest.approx(0.4)
    kept = weights.tops[1]  # a quarter of the points lies above, and is worth 0.1 % of the mean there
    assert kept == pytest.approx(2.5 - 0.004)
    assert weights.efficiencies[1] == pytest.approx((0.375 + kept / 4) / kept)


@pytest.mark.parametrize(("which", "scale"), [("found", 1e-12), ("channels", 1e9)])
def test_the_layout_at_any_scale(which, scale, request):
    one = request.getfixturevalue(which)
    one = replace(
        with_weight(one, scale * one.points.weight),
        value=scale * one.value,
        error=scale * one.error,
        iterations=scale * one.iterations,
    )
    drawn = dict(figures(record(one)))
    assert list(drawn) == ["iterations", "weights", "marginals"]
    for figure in drawn.values():
        assert not faults(figure)
        assert {ax.yaxis.get_offset_text().get_text() for ax in figure.canvas.axes} == {""}


def test_an_integral_that_is_zero_has_iterations_alone(found):
    nothing = replace(with_weight(found, np.zeros(len(found.points.weight))), value=0.0, error=0.0)
    nothing = replace(nothing, iterations=np.zeros((4, 2)))
    assert [name for name, _ in figures(record(nothing))] == ["iterations"]


def test_more_axes_than_are_drawn_are_told(found, monkeypatch, tmp_path):
    monkeypatch.setattr("hepflow.studies.integration.results.AXES", 1)
    assert len(marginals(found)) == 1
    assert "Of 2 axes the first 1 are drawn." in report(found, tmp_path)


def test_the_report_has_the_value_and_no_doubt(found, tmp_path):
    text = report(found, tmp_path)
    assert "square.py:square" in text
    assert "seed 7" in text
    assert text.count("<img") == 3
    assert doubts(found) == ()
    assert "What puts it in doubt" not in text


def test_iterations_that_disagree_and_weights_of_few_points_are_told(found, tmp_path):
    assert "chi2 is 13.0 for 4" in doubts(replace(found, chi2=13.0, dof=4))[0]
    assert doubts(replace(found, chi2=12.0, dof=4)) == ()
    weight = np.full(len(found.points.weight), 1e-6)
    weight[:5] = 1.0
    (sentence,) = doubts(with_weight(found, weight))
    assert "of 1,000 points 2.5" in sentence.lower()
    assert sentence in report(with_weight(found, weight), tmp_path)
