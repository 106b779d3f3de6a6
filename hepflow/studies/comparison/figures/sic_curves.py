"""Significance improvement of several methods, against signal efficiency and background rejection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hepflow.plots.figure import Figure, canvas, finished, header
from hepflow.plots.style import NEUTRAL, WIDTH, styled
from hepflow.sample import FloatArray
from hepflow.studies.comparison.figures.methods import LEGEND, Look, legend_beside, looks, named
from hepflow.studies.comparison.record import Comparison, MethodResult

POINTS = 150
NOISE = 25  # background events below which an efficiency is noise


@styled
def sic_curves(comparison: Comparison, injected: int, *, label: str = "hepflow") -> Figure:
    r"""Draw :math:`\epsilon_S / \sqrt{\epsilon_B}` of every method against signal efficiency and rejection.

    Lines are means over the seeds, bands their standard errors. They end where background is too rare to measure.

    Parameters
    ----------
    comparison
        Of methods that truth labels judge.
    injected
        Which injection to draw.
    label
        Text above the left corner.
    """
    figure = canvas(1.75 * WIDTH + LEGEND, 3.6, right=LEGEND + 0.15)
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.09})
    style, entries = looks(comparison), {}
    top, strictest = 1.0, 10.0
    for method, look in style.items():
        curves = [_measured(one) for one in _of(comparison, method, injected)]
        curves = [curve for curve in curves if len(curve[0]) > 1]
        if not curves:
            continue
        entries[next(one.title for one in comparison.results if one.method == method)] = look
        efficiency = np.linspace(0, 1, POINTS)
        strict = min(1 / background[-1] for background, _ in curves)
        rejection = np.geomspace(1, strict, POINTS)
        over_signal = np.array([_over_signal(*curve, efficiency) for curve in curves])
        over_rejection = np.array([_over_rejection(*curve, rejection) for curve in curves])
        for ax, x, values in ((left, efficiency, over_signal), (right, rejection, over_rejection)):
            mean = values.mean(axis=0)
            line: Look = {**look, "marker": "none"}
            ax.plot(x, mean, **line)
            if len(curves) > 1:
                error = values.std(axis=0, ddof=1) / np.sqrt(len(curves))
                ax.fill_between(
                    x, mean - error, mean + error, color=look["color"], alpha=0.15, linewidth=0, zorder=1
                )
            top = max(top, float(np.nanmax(mean, initial=1.0)))
        strictest = max(strictest, strict)
    random = {"color": NEUTRAL, "linestyle": ":", "linewidth": 1.0, "zorder": 0.5}
    left.plot(np.linspace(0, 1, 100), np.sqrt(np.linspace(0, 1, 100)), **random)
    rejection = np.geomspace(1, strictest, 100)
    right.plot(rejection, 1 / np.sqrt(rejection), **random)
    entries["random"] = {**random, "marker": "none"}
    left.set_xlim(0, 1)
    right.set_xscale("log")
    right.set_xlim(1, strictest)
    left.set_ylim(0, 1.12 * top)
    left.set_xlabel(r"Signal efficiency $\epsilon_S$")
    right.set_xlabel(r"Background rejection $1/\epsilon_B$")
    left.set_ylabel(r"Significance improvement $\epsilon_S/\sqrt{\epsilon_B}$")
    header(left, label)
    header(right, "", named(comparison, injected))
    legend_beside(figure, entries, markers=False)
    return finished(figure)


def _of(comparison: Comparison, method: str, injected: int) -> Sequence[MethodResult]:
    return [one for one in comparison.results if (one.method, one.injected) == (method, injected)]


def _measured(result: MethodResult) -> tuple[FloatArray, FloatArray]:
    """Return background and signal efficiencies from loose to tight, down to where background is noise."""
    background, signal = np.array(result.background_efficiency), np.array(result.signal_efficiency)
    kept = (background > 0) & (background >= NOISE / (result.background or np.inf))
    return background[kept], signal[kept]


def _over_signal(background: FloatArray, signal: FloatArray, at: FloatArray) -> FloatArray:
    """Return the significance improvement at signal efficiencies, NaN below the tightest cut."""
    found = np.interp(at, signal[::-1], np.log(background[::-1]), left=np.nan)
    return np.asarray(at / np.exp(0.5 * found))


def _over_rejection(background: FloatArray, signal: FloatArray, at: FloatArray) -> FloatArray:
    """Return the significance improvement at background rejections."""
    return np.asarray(np.interp(np.log(at), -np.log(background), signal) * np.sqrt(at))
