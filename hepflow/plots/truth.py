"""The classifier judged by truth labels: significance improvement and background rejection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from hepflow.plots import artists
from hepflow.plots.figure import Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.style import EXPECTED, NEUTRAL, SIGNAL, WIDTH, styled
from hepflow.results import CutResult, Results, TruthCurve
from hepflow.sample import FloatArray

RANDOM: dict[str, Any] = {"color": NEUTRAL, "linestyle": "--", "linewidth": 1.0}
EPS_S, EPS_B = r"$\epsilon_S$", r"$\epsilon_B$"


@styled
def improvement(results: Results, truth: TruthCurve, *, label: Label | str = "hepflow") -> Figure:
    r"""Draw :math:`\epsilon_S / \sqrt{\epsilon_B}` against the efficiency of background and of signal."""
    background, signal = _measured(truth)
    figure = canvas(1.75 * WIDTH, 3.4)
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.09})
    sic = signal / np.sqrt(background)
    floor = float(np.min(background, initial=1.0))
    for ax, x, random in (
        (left, background, np.geomspace(floor, 1, 100)),
        (right, signal, np.linspace(0, 1, 100)),
    ):
        ax.plot(random, np.sqrt(random), **RANDOM)
        ax.plot(x, sic, color=EXPECTED)
    cuts = [
        cut for cut in results.cuts if _known(cut.true_background_efficiency, truth) and cut.sic is not None
    ]
    heights = artists.numbers(cut.sic for cut in cuts)
    left.plot(artists.numbers(cut.true_background_efficiency for cut in cuts), heights, "o", color=SIGNAL)
    right.plot(artists.numbers(cut.signal_efficiency for cut in cuts), heights, "o", color=SIGNAL)
    left.set_xscale("log")
    left.set_xlim(1, min(floor, 0.5))
    right.set_xlim(0, 1)
    left.set_ylim(0, 1.3 * float(np.nanmax([1.0, *sic, *heights])))
    left.set_xlabel(f"Background efficiency {EPS_B}")
    right.set_xlabel(f"Signal efficiency {EPS_S}")
    left.set_ylabel(r"SIC, $\epsilon_S/\sqrt{\epsilon_B}$")
    _legend(right, results, len(cuts) > 0)
    header(left, label, _note(results, truth), last=right)
    footnotes(figure, _left_out(results, truth, cuts))
    return finished(figure)


@styled
def rejection(results: Results, truth: TruthCurve, *, label: Label | str = "hepflow") -> Figure:
    r"""Draw the background rejection :math:`1 / \epsilon_B` against the efficiency of signal."""
    background, signal = _measured(truth)
    figure = canvas(WIDTH, 3.6)
    ax = figure.subplots()
    random = np.geomspace(1e-3, 1, 200)
    ax.plot(random, 1 / random, **RANDOM)
    ax.plot(signal, 1 / background, color=EXPECTED)
    cuts = [cut for cut in results.cuts if _known(cut.true_background_efficiency, truth)]
    ax.plot(
        artists.numbers(cut.signal_efficiency for cut in cuts),
        1 / artists.numbers(cut.true_background_efficiency for cut in cuts),
        "o",
        color=SIGNAL,
    )
    ax.set_yscale("log")
    ax.set_xlim(0, 1)
    ax.set_ylim(1, max(10.0, 5 * float(np.max(1 / background, initial=1.0))))
    ax.set_xlabel(f"Signal efficiency {EPS_S}")
    ax.set_ylabel(rf"Background rejection $1/${EPS_B}")
    _legend(ax, results, len(cuts) > 0)
    header(ax, label, _note(results, truth))
    footnotes(figure, _left_out(results, truth, cuts))
    return finished(figure)


def _measured(truth: TruthCurve) -> tuple[FloatArray, FloatArray]:
    """Return background and signal efficiencies of the points that are more than statistical noise."""
    background, signal = (
        artists.numbers(truth.background_efficiency),
        artists.numbers(truth.signal_efficiency),
    )
    seen = (background > 0) & (background >= truth.minimum_background_efficiency)
    return background[seen], signal[seen]


def _known(efficiency: float | None, truth: TruthCurve) -> bool:
    return efficiency is not None and efficiency > 0 and efficiency >= truth.minimum_background_efficiency


def _legend(ax: Axes, results: Results, cuts: bool) -> None:
    random, curve, *points = ax.get_lines()
    entries = {results.method: curve, **({"Cuts": points[0]} if cuts else {}), "Random": random}
    ax.legend(entries.values(), entries.keys(), loc="upper right")


def _left_out(results: Results, truth: TruthCurve, cuts: Sequence[CutResult]) -> str:
    """Return which points of curve and cuts are not drawn."""
    drawn = {cut.background_efficiency for cut in cuts}
    without = [
        artists.percent(cut.background_efficiency)
        for cut in results.cuts
        if cut.background_efficiency not in drawn
    ]
    cut = f" and the cuts {', '.join(without)}" if without else ""
    least = artists.percent(truth.minimum_background_efficiency)
    return f"Left out as noise: fewer than 25 background events (efficiencies below {least}){cut}."


def _note(results: Results, truth: TruthCurve) -> str:
    return f"{results.name}, AUC = {truth.auc:.3f}"
