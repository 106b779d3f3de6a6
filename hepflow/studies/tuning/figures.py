"""The figure of a tuning: how much of the spread of the trials each setting explains."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.ticker import PercentFormatter

from hepflow.plots import parameters
from hepflow.plots.figure import Figure, canvas, finished, header
from hepflow.plots.label import Label
from hepflow.plots.style import EXPECTED, styled
from hepflow.studies.tuning.record import Tuning

PANEL = 3.4  # inches


def figures(tuning: Tuning, *, label: Label | str = "hepflow") -> Iterator[tuple[str, Figure]]:
    """Yield a figure for each search that had enough trials."""
    for name, shares in tuning.importance.items():
        if shares:
            yield f"importance_{name}", importances(tuning, name, label=label)


@styled
def importances(tuning: Tuning, name: str, *, label: Label | str = "hepflow") -> Figure:
    """Draw the share of the variance of a search's values that each setting explains (fANOVA), the largest on top.

    Parameters
    ----------
    tuning
        With ten trials of the search or more.
    name
        Of the search, such as ``flow``.
    label
        Text above the left corner.
    """
    shares = sorted(tuning.importance[name].items(), key=lambda one: one[1])
    rows = [setting.replace("_", " ") for setting, _ in shares]
    left = max(parameters.margin(rows), 0.9)
    figure = canvas(left + PANEL + 0.3, 1.2 + parameters.ROW * len(rows), left=left)
    ax = figure.subplots()
    ax.barh(rows, [share for _, share in shares], color=EXPECTED)
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.set_xlabel(f"Share of the variance of the {tuning.merits.get(name, 'value')}")
    ax.tick_params(axis="y", which="both", length=0)
    header(ax, label, f"{name}, {len(tuning.of(name))} trials")
    return finished(figure)
