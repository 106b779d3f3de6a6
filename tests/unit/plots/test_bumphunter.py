"""The figure of a BumpHunter scan: what it shows, from no excess to one beyond all toys."""

import dataclasses

import numpy as np
import pytest

from hepflow.plots import bumphunter
from hepflow.stats import BumpHunterResult


def found(statistic=8.0, toys=(2.0, 3.0, 5.0, 9.0), **changes):
    edges = np.linspace(2500, 5000, 26)
    expected = 300 * np.exp(-np.arange(25) / 5)
    observed = np.round(expected)
    observed[9:12] += 25
    window = {"first_bin": 9, "width": 3, "n_obs": 188.0, "n_exp": 112.7}
    scan = {"statistic": statistic, "toy_statistics": np.array(toys), "n_windows": 222}
    return BumpHunterResult(edges, observed, expected, **{**window, **scan, **changes})


def test_window_is_shaded_in_both_panels(texts):
    figure = bumphunter(found(), label="My Experiment", right="run 1")
    upper, lower, _ = figure.canvas.axes
    for ax in (upper, lower):
        borders = [line.get_xdata()[0] for line in ax.get_lines() if line.get_linestyle() == "--"]
        assert borders == pytest.approx([3400, 3700])
    for part in (
        "3400 to 3700 GeV",
        "= 188",
        "= 113",
        r"3.4 \times 10^{-4}",
        "Largest excess",
        "Events / 100 GeV",
    ):
        assert part in texts(figure)
    assert "My Experiment" in texts(figure)
    assert "run 1" in texts(figure)


def test_observed_statistic_stands_among_the_toys(texts, render):
    figure = bumphunter(found())
    toys = figure.canvas.axes[2]
    assert list(toys.get_lines()[0].get_xdata()) == [8, 8]
    assert sum(patch.get_data().values.sum() for patch in toys.patches) == 4
    assert "Global $p$ = 0.40 ± 0.24\n$Z$ = 0.3" in texts(figure)
    render(figure)


def test_excess_beyond_all_toys_is_an_arrow(texts, render):
    figure = bumphunter(found(statistic=2000.0))
    toys = figure.canvas.axes[2]
    assert toys.get_lines()[0].get_marker() == ">"
    assert toys.get_xlim()[1] < 30
    assert "Global $p$ < 0.2" in texts(figure)
    assert r"2.6 \times 10^{-869}" in texts(figure)  # e^-2000, which no float holds
    render(figure)


def test_nothing_is_shaded_without_an_excess(texts, render):
    figure = bumphunter(found(statistic=0.0, toys=(0.0, 0.0)))
    assert "No excess in 222 windows" in texts(figure)
    assert "Largest" not in texts(figure)
    assert "Global $p$ = 1\n" in texts(figure)
    render(figure)


def test_deficit_in_empty_bins(texts, render):
    empty = found(deficit=True)
    empty = dataclasses.replace(
        empty, observed=np.zeros(25), expected=np.append(np.zeros(5), empty.expected[5:])
    )
    figure = bumphunter(empty)
    assert "Largest deficit" in texts(figure)
    render(figure)
