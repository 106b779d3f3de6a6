"""Two-sample tests: the p-value of each test and feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter
from scipy.special import ndtr

from hepflow.errors import ConfigError
from hepflow.plots import parameters
from hepflow.plots.figure import TOP, Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.p_values import SMALLEST, p_text
from hepflow.plots.style import MARKERS, NEUTRAL, SEQUENCE, styled

if TYPE_CHECKING:
    from hepflow.twosample.result import Difference, TwoSample

PANEL, ROW = 3.2, 0.38  # inches across, and of a row
BOTTOM, LEGEND = 0.62, 0.19  # inches below the panel, and of a line of the legend
COLUMNS = 2
FEW = 1e-4  # the axis reaches at least so far
APART = 0.7  # of a row, over which the tests of a feature are spread
TOGETHER = "all features"
OPEN = "Open: no replica without a difference is as far; p is below what stands here."
LINES = "Dashed: whole standard deviations, from one."


@styled
def two_sample(result: TwoSample, *, label: Label | str = "hepflow", right: str = "") -> Figure:
    """Draw the p-value of each test, a row for each feature and one for the tests of all features together.

    Parameters
    ----------
    result
        What `hepflow.two_sample` returned.
    label, right
        Text above the left and the right corner; on the right stands the global p-value, if nothing else does.

    Raises
    ------
    ConfigError
        If there is no test.
    """
    found = result.differences
    if not found:
        raise ConfigError("there are no two-sample tests to draw")
    rows = list(dict.fromkeys(TOGETHER if one.feature is None else one.feature for one in found))
    tests = list(dict.fromkeys(one.test for one in found))
    left = max(parameters.margin(rows), 0.9)
    below = BOTTOM + LEGEND * -(-len(tests) // COLUMNS)
    figure = canvas(left + PANEL + 0.22, TOP + 0.1 + ROW * (len(rows) + 0.2) + below, left=left, bottom=below)
    ax = figure.subplots()
    entries: dict[str, Any] = {}
    for number, test in enumerate(tests):
        again = number // len(SEQUENCE)  # another marker where the colours begin anew
        look: dict[str, Any] = {
            "color": SEQUENCE[number % len(SEQUENCE)],
            "marker": MARKERS[(number + 3 * again) % len(MARKERS)],
        }
        entries[test] = Line2D([], [], linestyle="none", **look)
        for one in (each for each in found if each.test == test):
            fill = "none" if one.beyond else "full"
            ax.plot(
                _shown(one), _height(one, found, rows), linestyle="none", fillstyle=fill, zorder=3, **look
            )
    _set_axis(ax, min(_shown(one) for one in found))
    parameters.set_rows(ax, rows)
    for border in range(1, len(rows)):
        ax.axhline(border - 0.5, color=NEUTRAL, linewidth=0.4, alpha=0.5, zorder=0)
    ax.set_xlabel("$p$-value without a difference")
    sign = "<" if result.global_p <= 1 / (result.replicas + 1) else "="
    header(ax, label, right or f"global $p$ {sign} {p_text(result.global_p)}")
    footnotes(figure, LINES, OPEN if any(one.beyond for one in found) else "")
    size, bottom = figure.get_size_inches()[1], figure.subplotpars.bottom
    place: dict[str, Any] = {"loc": "lower right", "borderaxespad": 0.2, "columnspacing": 1.2}
    anchor = (figure.subplotpars.right, bottom - below / size)  # above the footnote
    figure.legend(entries.values(), entries.keys(), ncols=COLUMNS, bbox_to_anchor=anchor, **place)
    return finished(figure)


def _height(one: Difference, found: Sequence[Difference], rows: Sequence[str]) -> float:
    """Return where a test stands in the row of its feature, over which the tests of that are spread."""
    same = [each for each in found if each.feature == one.feature]
    return rows.index(TOGETHER if one.feature is None else one.feature) + APART * (
        (same.index(one) + 0.5) / len(same) - 0.5
    )


def _shown(one: Difference) -> float:
    return max(one.p_value, SMALLEST)


def _set_axis(ax: Any, smallest: float) -> None:
    """Make x a logarithmic axis from one down to the smallest p-value, with lines at whole standard deviations."""
    low = min(smallest / 3, FEW)
    ax.set_xscale("log")
    ax.set_xlim(1.6, low)
    ax.xaxis.set_minor_formatter(NullFormatter())
    for level in range(1, 40):
        p = float(ndtr(-level))
        if p < low:
            return
        ax.axvline(p, color=NEUTRAL, linewidth=0.7, linestyle="--", zorder=1)
