"""The spectrum of one selection: data, expected background, signal, and significances below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hepflow.errors import ConfigError
from hepflow.plots import artists
from hepflow.plots.bin_significance import AXIS, NOTE, significances
from hepflow.plots.figure import WIDE, Figure, canvas, finished, footnotes, header, stacked
from hepflow.plots.label import Label
from hepflow.plots.style import DATA, EXPECTED, SEQUENCE, SIGNAL, WIDTH, styled
from hepflow.quantity import M_JJ, Quantity
from hepflow.results import CutResult
from hepflow.sample import FloatArray
from hepflow.spectrum import Spectrum

if TYPE_CHECKING:
    from hepflow.answers import OtherAnswer
    from hepflow.selection import Cut
    from hepflow.stats.bump_hunt import BumpHunt

OTHER = SEQUENCE[3]
FILLED = 0.54  # share of the upper panel below the largest count
SHADED = 0.57  # share of it that is shaded; legend and text stand above
FAILED = "!"  # behind a number that rests on a check that failed


@dataclass(frozen=True, eq=False)
class _View:
    """What the figure shows, from either kind of result; arrays of shape ``(B,)``, the signal at strength one."""

    edges: FloatArray
    observed: FloatArray
    expected: FloatArray
    error: FloatArray
    signal: FloatArray | None
    window: tuple[float, float] | None
    sidebands: tuple[tuple[float, float], ...]
    title: str
    result: CutResult | BumpHunt | _Unfitted
    other: FloatArray | None = None  # what another background expects
    other_name: str = ""
    resonance: Quantity = M_JJ


@styled
def spectrum(
    result: CutResult | BumpHunt | Cut | Spectrum,
    *,
    regions: Mapping[str, Any] | None = None,
    failed: Sequence[str] = (),
    log: bool | None = None,
    label: Label | str = "hepflow",
    right: str = "",
) -> Figure:
    r"""Draw a bump hunt: data, expected background with its error, signal, and the significance of each bin.

    The signal is drawn at its fitted strength; where that is not above zero, at strength one. The lower panel has the
    signed Poisson significance of each bin (`hepflow.plots.bin_significance.significances`); the line in it is what
    background and signal would make. Of a cut, a dashed line is what the background expects that was not chosen.

    Parameters
    ----------
    result
        A bump hunt, or a cut of `Results`; before any fit a cut, or its spectrum.
    regions
        ``signal`` is the window in GeV to shade, ``sidebands`` are those to mark, as in `Results.regions`; a bump
        hunt knows its own.
    failed
        The checks of the cut that failed: they mark its significance, as in the table of a run.
    log
        Whether the axis of events is logarithmic; None to choose. Figures of one run are alike.
    label, right
        Text above the left and the right corner.

    Raises
    ------
    ConfigError
        If it is nothing of this, or comes from a pyhf workspace, which holds no spectrum.
    """
    view = _of_cut(result, regions) if isinstance(result, CutResult) else _of_hunt(_hunted(result))
    figure = canvas(WIDTH, 4.5, left=WIDE)
    upper, lower = stacked(figure, (3.2, 1))
    signal, name = _signal(view)
    entries = _draw_events(upper, view, signal, name, log)
    _draw_significances(lower, view, signal)
    region = artists.shade((upper, lower), view.window, SHADED)
    if region is not None:
        entries["Signal region"] = region
    if view.sidebands:
        entries["Sidebands"] = artists.mark_sidebands(upper, view.sidebands)
    upper.legend(entries.values(), entries.keys(), loc="upper right")
    summary = _summary(view, FAILED if failed else "")
    upper.text(0.035, 0.965, summary, transform=upper.transAxes, va="top", size=9, linespacing=1.35)
    header(upper, label, right)
    blind = "" if np.all(np.isfinite(view.observed)) else "Data of the signal region are blinded: left out."
    footnotes(
        figure, NOTE, blind, f"{FAILED} failed: {', '.join(failed)}; not to be trusted." if failed else ""
    )
    lower.set_xlim(view.edges[0], view.edges[-1])
    lower.set_xlabel(view.resonance.axis)
    return finished(figure)


def _of_cut(cut: CutResult, regions: Mapping[str, Any] | None) -> _View:
    record, other = cut.spectrum, cut.other
    return _View(
        edges=artists.numbers(record.edges),
        observed=artists.numbers(record.observed),
        expected=artists.numbers(record.expected),
        error=artists.numbers(record.expected_error),
        signal=None if record.signal is None else artists.numbers(record.signal),
        window=None if regions is None else tuple(regions["signal"]),
        sidebands=() if regions is None else tuple((low, high) for low, high in regions.get("sidebands", ())),
        title=artists.cut_text(cut),
        result=cut,
        other=None if other is None or not other.expected else artists.numbers(other.expected),
        other_name="" if other is None else _other_name(other),
        resonance=record.resonance,
    )


def _other_name(other: OtherAnswer) -> str:
    name = {"template": "Template", "dijet": "Dijet function"}.get(other.background, other.background)
    return name if other.usable in (None, True) else f"{name} (not usable)"


@dataclass(frozen=True, eq=False)
class _Unfitted:
    """What a spectrum says without a fit, under the names of a bump hunt."""

    spectrum: Spectrum
    n_obs: float | None
    n_exp: float
    n_exp_error: float
    blind: bool
    signal: None = None
    z: float | None = None
    z_expected: float | None = None
    mu_hat: float | None = None
    mu_hat_error: float | None = None


def _hunted(result: Any) -> BumpHunt | _Unfitted:
    if hasattr(result, "mu_hat"):
        hunt: BumpHunt = result
        return hunt
    spectrum = result if isinstance(result, Spectrum) else getattr(result, "spectrum", None)
    if not isinstance(spectrum, Spectrum):
        raise ConfigError(
            f"a figure of {type(result).__name__}: expected a BumpHunt (of hepflow.stats.bump_hunt), a cut, a "
            "Spectrum, or a cut of Results"
        )
    observed = None if spectrum.blind else float(spectrum.observed[spectrum.in_signal].sum())
    return _Unfitted(spectrum, observed, *spectrum.expected_in_signal(), spectrum.blind)


def _of_hunt(hunt: BumpHunt | _Unfitted) -> _View:
    if hunt.spectrum is None:
        raise ConfigError(
            "this bump hunt comes from a pyhf workspace, which holds no spectrum of masses; draw that of a spectrum"
        )
    expected, error = hunt.spectrum.corrected()
    return _View(
        edges=hunt.spectrum.edges,
        observed=hunt.spectrum.data,
        expected=expected,
        error=error,
        signal=None if hunt.signal is None else hunt.signal.counts,
        window=hunt.spectrum.windows.signal,
        sidebands=hunt.spectrum.windows.sidebands,
        title="Blinded" if hunt.blind else "",
        result=hunt,
        resonance=hunt.spectrum.resonance,
    )


def _signal(view: _View) -> tuple[FloatArray | None, str]:
    """Return the signal as drawn, shape ``(B,)``, and its strength in words; None where it cannot be seen."""
    strength, name = 1.0, r"Signal, $\mu$ = 1"
    fitted, error = view.result.mu_hat, view.result.mu_hat_error
    if fitted is not None and error is not None and fitted > 0:
        strength, name = fitted, rf"Signal, $\hat\mu$ = {artists.with_error(fitted, error)}"
    if view.signal is None or strength * float(np.nansum(view.signal)) <= 1:  # one event at most
        return None, name
    return strength * view.signal, name


def logarithmic(cuts: Sequence[CutResult]) -> bool:
    """Return whether the spectrum of one of these selections wants a logarithmic axis, and so all of them."""
    return any(
        artists.spans(np.concatenate([artists.numbers(one.observed), artists.numbers(one.expected)]))
        for one in (cut.spectrum for cut in cuts)
    )


def _draw_events(
    ax: Axes, view: _View, signal: FloatArray | None, name: str, log: bool | None
) -> dict[str, Any]:
    """Draw the upper panel, and return the entries of its legend."""
    band = artists.draw_expected(ax, view.edges, view.expected, view.error)
    artists.draw_points(ax, view.edges, view.observed)
    points = Line2D([], [], color=DATA, marker="o", markersize=3.5, linestyle="none")
    entries: dict[str, Any] = {"Data": points, r"Expected background $\pm 1\,\sigma$": band}
    shown = [view.observed, view.expected]
    log = artists.spans(np.concatenate(shown)) if log is None else log
    shown += [artists.upper_ends(view.observed), view.expected + view.error]
    if view.other is not None:
        ax.stairs(view.other, view.edges, baseline=None, color=OTHER, linestyle="--", linewidth=1.3, zorder=4)
        entries[view.other_name] = Line2D([], [], color=OTHER, linestyle="--", linewidth=1.3)
        shown.append(view.other)
    if signal is not None:
        ax.stairs(signal, view.edges, color=SIGNAL, linewidth=1.4, zorder=4)
        entries[name] = Line2D([], [], color=SIGNAL, linewidth=1.4)
        shown.append(np.array([0.3 * float(np.nanmax(signal))]))  # its upper part, where it is small
    artists.set_range(ax, np.concatenate(shown), FILLED, floor=0.2, log=log)
    ax.set_ylabel(artists.bin_text(view.edges))
    return entries


def _draw_significances(ax: Axes, view: _View, signal: FloatArray | None) -> None:
    found = significances(view.observed, view.expected, view.error)
    wanted = np.zeros(0)
    if signal is not None:
        wanted = significances(view.expected + signal, view.expected, view.error)
        ax.stairs(np.nan_to_num(wanted), view.edges, baseline=None, color=SIGNAL, linewidth=1.2, zorder=4)
    artists.draw_significances(ax, view.edges, found, EXPECTED, np.concatenate([found, wanted]))
    ax.set_ylabel(AXIS, loc="center")


def _summary(view: _View, mark: str) -> str:
    """Return the numbers of the signal region, one a line."""
    result = view.result
    lines = [view.title] if view.title else []
    if result.n_obs is not None:
        lines.append(rf"$n_{{\mathrm{{obs}}}}$ = {result.n_obs:,.0f}")
    lines.append(rf"$n_{{\mathrm{{exp}}}}$ = {artists.with_error(result.n_exp, result.n_exp_error)}")
    if result.z is not None:
        lines.append(rf"$Z$ = {result.z:.1f}{mark}")
    elif result.z_expected is not None:
        lines.append(rf"$Z_{{\mathrm{{exp}}}}$ = {result.z_expected:.1f}{mark}")
    return "\n".join(lines)
