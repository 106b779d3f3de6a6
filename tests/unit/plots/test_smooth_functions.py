"""Figures of smooth functions: their order, their fits to one spectrum, and their bias."""

import dataclasses

import numpy as np
import pytest

from hepflow import ConfigError
from hepflow.plots import bias, f_test, smooth_fits
from hepflow.smooth import DIJET, MODIFIED_EXPONENTIAL, UA2, FTest, fit_smooth
from hepflow.stats import BiasTest

EDGES = np.linspace(2500.0, 5500.0, 61)


@pytest.fixture(scope="module")
def counts():
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000
    shape = (1 - x) ** 17 / x**2
    return np.random.default_rng(5).poisson(6e4 * shape / shape.sum()).astype(float)


@pytest.fixture(scope="module")
def fits(counts):
    everywhere = np.ones(len(counts), dtype=bool)
    return [
        fit_smooth(EDGES, counts, everywhere, function=each) for each in (DIJET, UA2, MODIFIED_EXPONENTIAL)
    ]


@pytest.fixture
def tested():
    mass = np.arange(3000.0, 5001.0, 250.0)
    spurious = np.stack([10 * np.sin(mass / 500), np.full(len(mass), -4.0)])
    pull, error = spurious / 25, np.full(spurious.shape, 0.045)
    return BiasTest(mass, ("ua2", "modified-exponential"), (2, 1), spurious, pull, error, np.zeros(len(mass)))


def test_f_test_lists_every_order(fits, texts):
    figure = f_test(fits[0])
    upper, _, table = figure.canvas.axes
    tests = fits[0].tests
    assert upper.get_lines()[0].get_xdata().tolist() == [test.n_shape for test in tests]
    np.testing.assert_allclose(upper.get_lines()[0].get_ydata(), [test.chi2 / test.ndf for test in tests])
    shown = [text.get_text() for text in table.texts]
    for test in tests:
        assert f"{test.chi2:.1f} / {test.ndf}" in shown
    assert f"{tests[-1].f_p_value:.2g}" in shown
    assert DIJET.formula in texts(figure)


def test_f_test_shades_the_order_taken(fits):
    upper, _, table = f_test(fits[0]).canvas.axes
    (band,) = upper.patches
    assert band.get_x() < fits[0].n_shape < band.get_x() + band.get_width()
    (row,) = table.patches
    (name,) = [text for text in table.texts if text.get_text() == f"{fits[0].n_shape}"]
    assert row.get_y() < name.get_position()[1] < row.get_y() + row.get_height()


def test_hopeless_p_values_are_arrows(fits):
    tests = (
        FTest(1, 900.0, 58, 0.0, None, 900.0),
        FTest(2, 50.0, 57, 0.73, 1e-40, 50.0),
        FTest(3, 49.0, 0, 1.0, 0.3, 49.0),
    )
    _, lower, _ = f_test(dataclasses.replace(fits[0], tests=tests)).canvas.axes
    arrows = [line.get_xdata().tolist() for line in lower.get_lines() if line.get_marker() == "v"]
    assert arrows == [[1.0], [2.0]]


def test_f_test_of_one_order(fits, render):
    render(f_test(dataclasses.replace(fits[0], n_shape=1, tests=fits[0].tests[:1])))


def test_functions_are_divided_by_the_first(fits, counts, texts, render):
    figure = smooth_fits(EDGES, counts, fits)
    render(figure)
    _, lower = figure.canvas.axes
    ratios = [patch.get_data().values for patch in lower.patches if hasattr(patch, "get_data")]
    for fit in fits[1:]:
        wanted = fit.expected(EDGES) / fits[0].expected(EDGES)
        assert any(np.allclose(values, wanted) for values in ratios)
    points = lower.containers[0][0].get_ydata()
    np.testing.assert_allclose(points, (counts / fits[0].expected(EDGES))[counts > 0])
    text = texts(figure)
    for fit in fits:
        assert f"{fit.function.name} ({fit.n_shape}), {fit.chi2:.1f} / {fit.ndf}" in text
    assert "Events / 50 GeV" in text


def test_blinded_bins_are_not_drawn(fits, counts, render):
    hidden = counts.copy()
    hidden[20:28] = np.nan
    figure = smooth_fits(EDGES, hidden, fits[:1])
    render(figure)
    for ax in figure.canvas.axes:
        masses = ax.containers[0][0].get_xdata()
        assert not np.any((masses > EDGES[20]) & (masses < EDGES[28]))


def test_fits_and_counts_must_agree(fits, counts):
    with pytest.raises(ConfigError, match="expected edges"):
        smooth_fits(EDGES, counts[:-1], fits)
    with pytest.raises(ConfigError, match="no smooth fit"):
        smooth_fits(EDGES, counts, [])


def test_bias_of_each_alternative(tested, texts, render):
    figure = bias(tested)
    render(figure)
    upper, lower = figure.canvas.axes
    for row, line in enumerate(upper.get_lines()[:2]):
        assert line.get_ydata().tolist() == tested.spurious[row].tolist()
    for row, points in enumerate(lower.containers):
        assert points[0].get_ydata().tolist() == tested.pull[row].tolist()
    (band,) = lower.patches
    assert (band.get_y(), band.get_height()) == (-0.5, 1.0)
    text = texts(figure)
    for expected in (
        "ua2, 2 shape parameters",
        "modified-exponential, 1 shape parameter",
        "no signal in the toys",
    ):
        assert expected in text
    assert "Left out" not in text


def test_bias_says_what_was_injected_and_left_out(tested, texts):
    strengths = np.linspace(10, 30, len(tested.mass))
    text = texts(bias(dataclasses.replace(tested, injected=strengths, left_out=("dijet",))))
    assert r"toys with $\mu$ = 10 to 30" in text
    assert "Left out: dijet" in text
    assert "CMS" in texts(bias(tested, right="CMS"))


def test_functions_without_bias(tested, render):
    nothing = np.zeros_like(tested.spurious)
    render(bias(dataclasses.replace(tested, spurious=nothing, pull=nothing)))


def test_figures_of_functions_are_the_same_each_time(fits, counts, tested, tmp_path):
    draws = (lambda: f_test(fits[0]), lambda: smooth_fits(EDGES, counts, fits), lambda: bias(tested))
    for draw in draws:
        first, second = (draw().save(tmp_path / f"{name}.svg").read_bytes() for name in ("first", "second"))
        assert first == second
