"""Poisson intervals, and numbers as a person writes them."""

import math

import numpy as np
import pytest

from hepflow.plots import artists
from hepflow.plots.figure import canvas
from hepflow.plots.generated import Panel, generated_features


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 1.841), (1, 0.827, 2.300), (10, 3.109, 4.267)])
def test_garwood_interval(count, low, high):
    """Central intervals of 68.27 %, as in textbooks and in ROOT's kPoisson."""
    np.testing.assert_allclose(artists.garwood(np.array([float(count)]))[:, 0], (low, high), atol=1e-3)


def test_a_bin_without_a_count_has_the_interval_of_none_seen():
    distances = artists.garwood(np.array([np.nan, -1.0, 0.0]))
    np.testing.assert_array_equal(distances, np.tile(distances[:, -1:], 3))
    assert distances[0, -1] == 0.0


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (12345.6, 123.4, "12,346 ± 123"),
        (31.07, 9.83, "31.1 ± 9.8"),
        (1.234, 0.046, "1.234 ± 0.046"),
        (12345.6, 0.0, "12,346"),
        (3, 0, "3"),
        (-4.2e-5, 1.3e-5, r"(-4.2 ± 1.3)$\mathdefault{\,\times 10^{-5}}$"),
    ],
)
def test_values_are_rounded_by_their_errors(value, error, text):
    assert artists.with_error(value, error) == text


def test_event_counts_are_readable():
    assert [artists.count_text(n) for n in (0, 12_000, 1_500_000)] == ["0", "12,000", "1.5M"]
    assert math.isnan(artists.numbers([None])[0])


def test_what_lies_beyond_the_axis_is_pointed_to():
    ax = canvas(4, 3).subplots()
    ax.set_ylim(0.5, 1.5)
    edges = np.arange(5.0)
    assert artists.point_beyond(ax, edges, np.array([1.0, 3.0, np.nan, 0.1]))
    marks = {line.get_marker(): line.get_xdata().tolist() for line in ax.lines}
    assert marks == {"^": [1.5], "v": [3.5]}
    assert not artists.point_beyond(ax, edges, np.array([1.0, 0.5, 1.5, np.nan]))


def test_axes_of_bins_that_count_have_whole_numbers():
    ones = np.ones(6)
    panel = Panel("Voxel", np.arange(7) - 0.5, ones, 0.1 * ones, ones, 0.1 * ones)
    figure = generated_features([panel])
    assert all(tick % 1 == 0 for tick in figure.canvas.axes[-1].get_xticks())
