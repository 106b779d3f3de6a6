"""What a classifier test sees: of differences of a known size that were planted, and of the generated events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.patches import Patch

from hepflow.errors import ConfigError
from hepflow.plots.figure import Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.style import EXPECTED, NEUTRAL, SIGNAL, WIDTH, styled

NOTE = "A test sees less of a difference than the best classifier would: a value near the floor is no proof."
Seen = tuple[float, float, float]


@styled
def power(
    planted: Sequence[Seen],
    found: tuple[float, float],
    floor: tuple[float, float],
    *,
    label: Label | str = "hepflow",
    right: str = "",
) -> Figure:
    """Draw what a classifier test saw of planted differences against what there was to see.

    Parameters
    ----------
    planted
        Of each difference the area under the ROC curve of the best classifier, and that which the test saw, with its
        error.
    found, floor
        What the test saw of the generated events, and of two samples that are both real, with errors.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If nothing was planted.
    """
    if not planted:
        raise ConfigError("no difference was planted: there is no power to draw")
    best, seen, error = np.array(sorted(planted)).T
    figure = canvas(WIDTH, 3.6)
    ax = figure.subplots()
    high = max(float(best.max()), found[0] + found[1], float((seen + error).max())) + 0.03
    low = min(0.49, floor[0] - 2 * floor[1], found[0] - 2 * found[1], float((seen - error).min()) - 0.01)
    ends = np.array([low, high])
    (line,) = ax.plot(ends, ends, color=NEUTRAL, linestyle="--", linewidth=0.9, zorder=1)
    entries: dict[str, Any] = {}
    for (value, spread), colour, name in (
        (floor, NEUTRAL, "Two real samples (floor)"),
        (found, EXPECTED, "Generated events"),
    ):
        ax.axhspan(value - spread, value + spread, color=colour, alpha=0.3, linewidth=0, zorder=2)
        ax.axhline(value, color=colour, linewidth=1.1, zorder=3)
        entries[f"{name}: {value:.3f}"] = Patch(facecolor=(colour, 0.3), edgecolor=colour)
    points = ax.errorbar(best, seen, error, color=SIGNAL, marker="o", linestyle="none", zorder=5)
    entries = {"Planted differences": points, "All that is there": line, **entries}
    ax.set_xlim(*ends)
    ax.set_ylim(low, high + 0.5 * (high - low))
    ax.set_xlabel("AUC of the best classifier there can be")
    ax.set_ylabel("AUC that the test sees")
    ax.legend(entries.values(), entries.keys(), loc="upper left")
    header(ax, label, right)
    footnotes(figure, NOTE)
    return finished(figure)
