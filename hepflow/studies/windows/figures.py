"""Figures of a search in many windows: local p-values, a curve for each cut, and limits behind each cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from hepflow.errors import ConfigError
from hepflow.plots.artists import cross_section, numbers, percent, set_range
from hepflow.plots.bands import draw_bands
from hepflow.plots.brazil import FILLED as BELOW
from hepflow.plots.brazil import THEORY
from hepflow.plots.figure import Figure, canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.masses import draw_masses, set_mass_axis
from hepflow.plots.p_scan import MARK
from hepflow.plots.p_values import SMALLEST, p_text, set_p_axis, z_text
from hepflow.plots.style import WIDTH, sequence, styled
from hepflow.results import cut_name
from hepflow.studies.windows.record import WindowScan

FILLED = 0.62  # share of the height above the lowest line; text and legend stand below
THIN: dict[str, Any] = {"linewidth": 0.7, "alpha": 0.6, "zorder": 2}


def figures(scan: WindowScan, *, label: Label | str = "hepflow") -> Iterator[tuple[str, Figure]]:
    """Yield the name and the drawing of each figure that the scan holds the numbers for."""
    if any(one.best is not None for one in scan.windows):
        yield "p_values", window_scan(scan, label=label)
    for efficiency in scan.background_efficiencies:
        if scan.limited(efficiency):
            yield f"limits_{cut_name(efficiency)}", window_limits(scan, efficiency, label=label)


@styled
def window_scan(scan: WindowScan, *, label: Label | str = "hepflow") -> Figure:
    """Draw the local p-value of every window and cut, a horizontal bar as wide as the window, and the largest excess.

    Below stand its local p-value and the bounds of the global one. Windows without a p-value are left out.

    Parameters
    ----------
    scan
        What `hepflow run --scan` wrote.
    label
        Text above the left corner.

    Raises
    ------
    ConfigError
        If no window has a p-value.
    """
    shown = [one for one in scan.windows if one.best is not None]
    if not shown:
        raise ConfigError("this scan holds no p-value to draw: it is blinded, or its windows have problems")
    figure = canvas(WIDTH, 3.9, right=0.38)
    ax = figure.subplots()
    edges = np.array([one.signal for one in shown])
    middle = edges.mean(axis=1)
    efficiencies = scan.background_efficiencies
    entries, smallest = {}, 1.0
    for efficiency, (colour, marker) in zip(efficiencies, sequence(len(efficiencies)), strict=True):
        trusted = [{cut.background_efficiency: cut for cut in one.cuts if one.trusts(cut)} for one in shown]
        cuts = [cuts.get(efficiency) for cuts in trusted]
        p = numbers(None if cut is None else cut.p0 for cut in cuts)
        if not np.any(np.isfinite(p)):  # blinded
            continue
        p = np.maximum(p, SMALLEST)
        smallest = min(smallest, float(np.nanmin(p)))
        look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 3.5}
        ax.plot(middle, p, zorder=4, clip_on=False, **look)
        ax.hlines(p, edges[:, 0], edges[:, 1], color=colour, **THIN)
        name = "No cut" if efficiency == 1 else rf"$\epsilon_B$ = {percent(efficiency)}"
        entries[name] = Line2D([], [], **look)
    set_p_axis(ax, smallest, FILLED)
    if scan.excess is not None:
        found = scan.excess
        ax.plot(np.mean(found.signal), max(found.p0, SMALLEST), zorder=7, clip_on=False, **MARK)
        lines = [
            f"Largest excess in {found.signal[0]:g}–{found.signal[1]:g} GeV",
            rf"Local $p$ = {p_text(found.p0)}, {z_text(found.z)}",
            rf"Global $p$ $\leq$ {p_text(found.p_global)}, at least {z_text(found.z_global)}",
        ]
        ax.text(0.035, 0.035, "\n".join(lines), transform=ax.transAxes, va="bottom", size=9, linespacing=1.35)
    ax.legend(
        entries.values(),
        entries.keys(),
        loc="upper left",
        bbox_to_anchor=(0, 1 - FILLED),
        ncols=min(len(entries), 4),
        columnspacing=0.8,
        handletextpad=0.5,
    )
    ax.set_xlim(edges.min(), edges.max())
    ax.set_xlabel(f"{scan.resonance.symbol} of the signal region [GeV]")
    ax.set_ylabel(r"Local $p_0$")
    header(ax, label, f"{scan.name}, {scan.method}")
    footnotes(figure, _left_out(scan))
    return finished(figure)


@styled
def window_limits(
    scan: WindowScan, background_efficiency: float, *, label: Label | str = "hepflow"
) -> Figure:
    """Draw the limits on the cross-section behind a cut against the middle of each window, and the theory's.

    Full points are asymptotic limits, open ones come from toys. Windows without a limit, and those that failed a
    check, are left out.

    Parameters
    ----------
    scan
        What `hepflow run --scan` wrote.
    background_efficiency
        The cut; 1 for none.
    label
        Text above the left corner.

    Raises
    ------
    ConfigError
        If the scan holds no limits behind this cut.
    """
    told, found = scan.cross_section, scan.limited(background_efficiency)
    if told is None or not found:
        raise ConfigError(
            f"this scan holds no limits on a cross-section at background efficiency {background_efficiency:g}; they "
            "are set where the configuration has a block `cross_section` and the luminosity is known"
        )
    mass = np.array([one.middle for one, _ in found])
    observed = numbers(cut.cross_section_obs for _, cut in found)
    expected = np.array([numbers(cut.cross_section_exp) for _, cut in found])
    theory = numbers(one.theory for one, _ in found)
    figure = canvas(WIDTH, 3.6)
    ax = figure.subplots()
    bands = draw_bands(ax, mass, expected)
    calculators = tuple(cut.calculator for _, cut in found)
    entries = draw_masses(ax, mass, observed, calculators, "Observed") | bands
    if np.any(np.isfinite(theory)):
        ax.plot(mass, theory, zorder=4.5, **THEORY)
        entries["Theory"] = Line2D([], [], **THEORY)
    set_range(ax, np.concatenate([observed, expected.ravel(), theory]), BELOW)
    cut = "No cut" if background_efficiency == 1 else rf"$\epsilon_B$ = {percent(background_efficiency)}"
    title = f"{cut}, {told.luminosity:g} fb$^{{-1}}$"
    ax.legend(entries.values(), entries.keys(), loc="upper right", ncols=2, columnspacing=1.2, title=title)
    set_mass_axis(ax, mass)
    ax.set_xlabel("Middle of the signal region [GeV]")
    ax.set_ylabel(f"95% CL$_s$ upper limit on {cross_section(told.quantity)} [fb]")
    header(ax, label, f"{scan.name}, {scan.method}")
    without = len(scan.windows) - len(found)
    footnotes(figure, f"Left out: {without} window{'s' * (without != 1)} without a limit." if without else "")
    return finished(figure)


def _left_out(scan: WindowScan) -> str:
    """Return how many windows, and cuts that failed a check, have no point."""
    without = sum(one.best is None for one in scan.windows)
    failed = sum(not one.trusts(cut) for one in scan.windows for cut in one.cuts)
    parts = [
        f"{count} {one if count == 1 else more}"
        for count, one, more in (
            (without, "window without a p-value", "windows without a p-value"),
            (failed, "cut that failed a check", "cuts that failed a check"),
        )
        if count
    ]
    return f"Left out: {' and '.join(parts)}." if parts else ""
