"""Upper limits on the signal strength, selection by selection."""

from __future__ import annotations

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hepflow.errors import InputError
from hepflow.plots import artists
from hepflow.plots.brazil import THEORY
from hepflow.plots.figure import Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.mjj import FAILED
from hepflow.plots.style import DATA, NEUTRAL, ONE_SIGMA, TWO_SIGMA, WIDTH, styled
from hepflow.results import Results
from hepflow.sample import FloatArray

HALF = 0.34  # half the width of a band, in units of the distance of two selections
CROWD = 8  # selections, whose names need smaller letters


@styled
def limits(results: Results, *, label: Label | str = "hepflow") -> Figure:
    """Draw observed and expected 95 % CLs upper limits on the signal strength, with bands of one and two sigma."""
    cuts = (results.inclusive, *results.cuts)
    expected = np.array([artists.numbers(cut.mu_up_exp) for cut in cuts])
    observed = artists.numbers(cut.mu_up_obs for cut in cuts)
    unit = rf"$\mu$ = 1: {results.signal_unit}"
    return _drawn(results, expected, observed, r"$\mu$", unit, (1.0, None), label)


@styled
def cross_sections(results: Results, *, label: Label | str = "hepflow") -> Figure:
    """Draw the same limits as limits on a cross-section, and the theory's, where there is one.

    Raises
    ------
    InputError
        If the results were made without a luminosity.
    """
    told = results.cross_section
    if told is None:
        raise InputError(
            f"{results.name}: no limits on a cross-section, for want of a luminosity; give `inputs.luminosity` or "
            "`cross_section.luminosity`"
        )
    cuts = (results.inclusive, *results.cuts)
    expected = np.array([artists.numbers(cut.cross_section_exp) for cut in cuts])
    observed = artists.numbers(cut.cross_section_obs for cut in cuts)
    what = artists.cross_section(told.quantity)
    unit = f"{told.luminosity:g} fb$^{{-1}}$"
    if told.efficiency != 1:
        unit += f", efficiency {told.efficiency:g}"
    name = None if told.theory is None else f"Theory, {told.theory_mass:g} GeV"
    return _drawn(results, expected, observed, f"{what} [fb]", unit, (told.theory, name), label)


def _drawn(
    results: Results,
    expected: FloatArray,
    observed: FloatArray,
    quantity: str,
    unit: str,
    line: tuple[float | None, str | None],
    label: Label | str,
) -> Figure:
    """Draw limits on a quantity, and a line at a value of it, with its name in the legend if it has one."""
    cuts = (results.inclusive, *results.cuts)
    places = np.arange(len(cuts))
    figure = canvas(WIDTH, 3.6)
    ax = figure.subplots()
    for inner, colour in ((0, TWO_SIGMA), (1, ONE_SIGMA)):
        low, high = expected[:, inner], expected[:, 4 - inner]
        ax.bar(places, high - low, 2 * HALF, low, color=colour, linewidth=0, zorder=2 + inner)
    ax.hlines(
        expected[:, 2], places - HALF, places + HALF, color="black", linestyle="--", linewidth=1.1, zorder=4
    )
    ax.errorbar(
        places, observed, xerr=HALF, linestyle="none", marker="o", color=DATA, elinewidth=1.3, zorder=5
    )
    value, name = line
    style = {"color": NEUTRAL, "linewidth": 0.8, "linestyle": ":"} if name is None else THEORY
    if value is not None:
        ax.axhline(value, zorder=1 if name is None else 4.5, **style)
    entries = {
        "Observed": Line2D([], [], color=DATA, marker="o", linewidth=1.3),
        "Expected": Line2D([], [], color="black", linestyle="--", linewidth=1.1),
        r"$\pm 1\,\sigma$": Patch(facecolor=ONE_SIGMA),
        r"$\pm 2\,\sigma$": Patch(facecolor=TWO_SIGMA),
    }
    if name is not None:
        entries[name] = Line2D([], [], **style)
    named = np.array([] if name is None or value is None else [value])
    artists.set_range(ax, np.concatenate([expected.ravel(), observed, named]), 0.7)
    ax.legend(entries.values(), entries.keys(), loc="upper right", ncols=2, columnspacing=1.2, title=unit)
    names = ["No cut", *(artists.percent(cut.background_efficiency) for cut in results.cuts)]
    marks = [FAILED if results.doubts(cut) else "" for cut in cuts]
    names = [name + mark for name, mark in zip(names, marks, strict=True)]
    ax.set_xticks(places, names, size=9.5 if len(names) < CROWD else 7)
    ax.set_xlabel(r"Background efficiency $\epsilon_B$ of the cut")
    ax.tick_params(axis="x", which="both", bottom=False, top=False)
    ax.set_xlim(-0.6, len(cuts) - 0.4)
    ax.set_ylabel(f"95% CL$_s$ upper limit on {quantity}")
    header(ax, label, f"{results.name}, {results.method}")
    missing = [name for name, limit in zip(names, expected[:, 2], strict=True) if np.isnan(limit)]
    footnotes(
        figure,
        f"{FAILED} failed a check: not to be trusted." if any(marks) else "",
        f"No limit, left out: {', '.join(missing)}." if missing else "",
    )
    return finished(figure)
