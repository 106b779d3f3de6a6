"""p-values as a person writes them, and the axis of them."""

import matplotlib.figure
import numpy as np
import pytest
from scipy.stats import norm

from hepflow.plots.p_values import p_text, power_text, set_p_axis, toys_text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.5, "0.5"),
        (0.0228, "0.023"),
        (0.001, "0.001"),
        (3.44e-6, r"$\mathdefault{3.4 \times 10^{-6}}$"),
        (9.96e-5, r"$\mathdefault{1.0 \times 10^{-4}}$"),
        (9.94e-5, r"$\mathdefault{9.9 \times 10^{-5}}$"),
        (0, "0"),
    ],
)
def test_p_values_in_words(p, text):
    assert p_text(p) == text


def test_a_p_value_that_no_float_holds():
    assert power_text(-400.3) == r"$\mathdefault{5.0 \times 10^{-401}}$"


@pytest.mark.parametrize(
    ("p", "error", "text"),
    [
        (0.002, 0.0014, "= 0.0020 ± 0.0014"),
        (0.794, 0.0128, "= 0.794 ± 0.013"),
        (1, 0, "= 1"),
        (0, 0, "< 0.002"),
    ],
)
def test_p_values_of_500_toys(p, error, text):
    assert toys_text(p, error, 500) == text


@pytest.mark.parametrize(("smallest", "lowest"), [(0.3, 3), (1e-6, 5), (0.0, 29)])
def test_axis_has_a_line_below_the_smallest(smallest, lowest):
    ax = matplotlib.figure.Figure().subplots()
    set_p_axis(ax, smallest, 0.66)
    lines = [line.get_ydata()[0] for line in ax.get_lines()]
    assert min(lines) == pytest.approx(norm.sf(lowest))
    assert len(lines) < 10
    assert ax.texts[0].get_text() == rf"${lowest}\,\sigma$"
    bottom, top = ax.get_ylim()
    assert top == 1
    assert np.log10(min(lines)) / np.log10(bottom) == pytest.approx(0.66)
