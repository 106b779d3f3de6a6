"""Figures of statistics in toys: the largest excess of a scan, and the goodness of fit."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from hepflow import ConfigError
from hepflow.plots import global_toys, goodness
from hepflow.plots.distribution import FARTHEST
from hepflow.plots.style import SIGNAL
from hepflow.stats import GlobalSignificance, GoodnessOfFit

NDF, TOYS = 40, 2000


@pytest.fixture
def largest():
    """The largest of ten independent excesses, which cross half a sigma 10 Phi(-0.5) times."""
    rng = np.random.default_rng(2)
    max_z = rng.normal(size=(TOYS, 10)).max(axis=1)
    return GlobalSignificance(3400.0, 2.5, 0.0062, 1.55, 0.061, 0.005, max_z, 3.1, 0.03, 0.15, 1.03)


@pytest.fixture
def fit():
    toys = np.random.default_rng(3).chisquare(NDF, TOYS)
    p = float(np.mean(toys >= 52.0))
    return GoodnessOfFit(52.0, NDF, float(stats.chi2.sf(52.0, NDF)), toys, p, 0.007)


def histogram(ax):
    return ax.patches[0].get_data()


def marked(ax):
    (mark,) = [line for line in ax.get_lines() if line.get_color() == SIGNAL]
    return mark


def test_every_toy_is_drawn_and_the_observed_marked(largest, texts):
    figure = global_toys(largest)
    (ax,) = figure.canvas.axes
    assert histogram(ax).values.sum() == TOYS
    assert marked(ax).get_xdata().tolist() == [2.5, 2.5]
    text = texts(figure)
    for expected in ("2,000 toys", "Observed, 2.5", "= 0.0610 ± 0.0050", r"= 0.15, 1.0$\,\sigma$"):
        assert expected in text


def test_curve_of_the_upcrossings(largest):
    """From where it is drawn on, it adds up to the p-value of arXiv:1005.1891, eq. 3."""
    _, curve = global_toys(largest).canvas.axes[0].patches[:2]
    values, edges = curve.get_data().values, curve.get_data().edges
    known = np.isfinite(values)
    ends = edges[:-1][known][0], edges[-1]
    p = [stats.norm.sf(z) + largest.upcrossings * np.exp(-0.5 * (z**2 - 0.25)) for z in ends]
    assert values[known].sum() == pytest.approx(TOYS * (p[0] - p[1]))
    assert p[0] <= 0.3


def test_chi2_curve_follows_the_toys(fit, texts):
    figure = goodness(fit)
    (ax,) = figure.canvas.axes
    counts, edges = histogram(ax).values, histogram(ax).edges
    curve = ax.get_lines()[0].get_ydata()
    np.testing.assert_allclose(curve, TOYS * np.diff(stats.chi2.cdf(edges, NDF)))
    filled = curve > 10
    assert stats.chi2.sf(np.sum((counts - curve)[filled] ** 2 / curve[filled]), filled.sum()) > 0.001
    text = texts(figure)
    for expected in (
        "ndf = 40",
        "2,000 toys",
        "Observed, 52",
        f"= {fit.p:.2g} ",
        f"= {fit.p_toys:.4f} ± 0.0070 (toys)",
    ):
        assert expected in text


def test_without_toys_the_curve_stands_alone(fit, texts, render):
    figure = goodness(dataclasses.replace(fit, toys=None, p_toys=None, p_toys_error=None))
    render(figure)
    (ax,) = figure.canvas.axes
    assert not ax.patches
    assert ax.get_lines()[0].get_ydata().sum() == pytest.approx(1, abs=1e-3)
    assert "toys" not in texts(figure)


@pytest.mark.parametrize(("observed", "inside"), [(90.0, True), (40.0 * FARTHEST * 10, False)])
def test_far_observed_values(fit, observed, inside, render):
    figure = goodness(dataclasses.replace(fit, statistic=observed, p=0.0, p_toys=0.0, p_toys_error=0.0))
    render(figure)
    mark = marked(figure.canvas.axes[0])
    assert (observed in mark.get_xdata()) == inside
    assert (mark.get_marker() == ">") != inside


def test_toys_that_are_all_the_same(fit, largest, render):
    render(goodness(dataclasses.replace(fit, toys=np.full(100, 1.0), statistic=1.0)))
    render(global_toys(dataclasses.replace(largest, max_z=np.zeros(100), z_local=0.0)))


def test_goodness_without_degrees_of_freedom(fit):
    with pytest.raises(ConfigError, match="no degree of freedom"):
        goodness(dataclasses.replace(fit, ndf=0))


def test_figures_of_toys_are_the_same_each_time(fit, largest, tmp_path):
    for draw, result in ((goodness, fit), (global_toys, largest)):
        first, second = (
            draw(result).save(tmp_path / f"{name}.svg").read_bytes() for name in ("first", "second")
        )
        assert first == second
