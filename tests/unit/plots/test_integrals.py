"""Figures of integrals: what they refuse, and what they say."""

import numpy as np
import pytest

from hepflow import plots
from hepflow.errors import ConfigError

EDGES = np.array([0.1, 1.0, 10.0])
POINTS = plots.WeightSpectrum("Flow", EDGES, np.array([0.4, 0.5]), (8.0, 4.0), (0.125, 0.25), 0.1)


def test_efficiencies_and_what_is_not_drawn_are_written(texts):
    figure = plots.integral_weights([POINTS])
    assert "Flow: 12.5%, 25%" in texts(figure)
    notes = [one.get_text() for one in figure.canvas.texts]
    assert "Flow: 10% of the points lie further left or have no weight." in notes


def test_iterations_say_their_chi2(texts):
    values = np.array([[1.0, 0.1], [1.1, 0.1]])
    figure = plots.integral_iterations(values, 1.05, 0.07, 0.5, 1, exact=1.02)
    found = texts(figure)
    assert "All: 1.050 ± 0.070" in found
    assert "= 0.5/1" in found
    assert "Exact: 1.02" in found
    (ax,) = figure.canvas.axes
    low, high = ax.get_ylim()
    assert low < -0.15 / 0.07
    assert high > 0.15 / 0.07
    line = ax.get_lines()[0].get_ydata()  # the first alone, then all
    assert line == pytest.approx([-0.05 / 0.07, 0])


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.integral_weights([]),
        lambda: plots.integral_weights([POINTS] * 8),
        lambda: plots.WeightSpectrum("Flow", EDGES, np.ones(3), (8.0, 4.0), (0.1, 0.2)),
        lambda: plots.WeightSpectrum("Flow", EDGES - 0.1, np.ones(2), (8.0, 4.0), (0.1, 0.2)),
        lambda: plots.integral_iterations(np.zeros((0, 2)), 1.0, 0.1, 0.0, 0),
        lambda: plots.integral_iterations(np.zeros((2, 3)), 1.0, 0.1, 0.0, 1),
        lambda: plots.integral_marginals([]),
        lambda: plots.Marginal("x0", EDGES, np.ones(2), np.ones(2), np.ones(3)),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw):
    with pytest.raises(ConfigError, match=r"expected|shapes|no quantities"):
        draw()
