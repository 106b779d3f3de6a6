"""All selections in one frame: the spectra from no cut to the tightest, and the significance of each bin below."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from hepflow.plots import artists
from hepflow.plots.bin_significance import AXIS, NOTE, significances
from hepflow.plots.figure import Figure, canvas, finished, footnotes, header, stacked
from hepflow.plots.label import Label
from hepflow.plots.mjj import FAILED
from hepflow.plots.style import NEUTRAL, WIDTH, sequence, styled
from hepflow.results import Results, SpectrumRecord
from hepflow.sample import FloatArray

PANELS = 5  # more selections than that leave no room for a panel each


@styled
def spectra(results: Results, *, label: Label | str = "hepflow") -> Figure:
    """Draw data and expected background of all selections in one frame, and a panel of each below.

    It has the signed Poisson significance of each bin (`hepflow.plots.bin_significance.significances`).
    """
    cuts = (results.inclusive, *results.cuts)
    panels = len(cuts) if len(cuts) <= PANELS else 0
    figure = canvas(WIDTH, 3.9 + 0.55 * panels)
    axes = stacked(figure, (3.3, *[0.55] * panels))
    upper, shown = axes[0], []
    entries: dict[str, Any] = {}
    looks = sequence(len(cuts))
    for cut, (colour, marker) in zip(cuts, looks, strict=True):
        record = cut.spectrum
        edges, observed = artists.numbers(record.edges), artists.numbers(record.observed)
        expected, error = artists.numbers(record.expected), artists.numbers(record.expected_error)
        artists.draw_expected(upper, edges, expected, error, colour)
        artists.draw_points(upper, edges, observed, color=colour, marker=marker)
        shown += [observed, expected]
        mark = FAILED if results.doubts(cut) else ""
        name = artists.cut_text(cut) + ("" if cut.z is None else rf",  $Z$ = {cut.z:.1f}{mark}")
        entries[name] = Line2D([], [], color=colour, marker=marker, linewidth=1.3)
    found = [_significances(cut.spectrum) for cut in cuts]
    for ax, cut, z, (colour, _) in zip(axes[1:], cuts, found, looks, strict=False):
        artists.draw_significances(ax, artists.numbers(cut.spectrum.edges), z, colour, np.concatenate(found))
    entries[r"$\pm 1\,\sigma$ of the expectation"] = Patch(facecolor=(NEUTRAL, 0.35))
    filled = 0.9 - 0.055 * ceil((len(cuts) + 2) / 2)  # legend above
    region = artists.shade(axes, tuple(results.regions["signal"]), filled)
    if region is not None:
        entries["Signal region"] = region
    artists.set_range(upper, np.concatenate(shown), filled - 0.02, floor=0.2, log=True)
    edges = artists.numbers(results.inclusive.spectrum.edges)
    upper.set_ylabel(artists.bin_text(edges))
    upper.legend(entries.values(), entries.keys(), loc="upper right", ncols=2, columnspacing=1.2)
    header(upper, label, f"{results.name}, {results.method}")
    failed = f"{FAILED} failed a check: not to be trusted." if any(map(results.doubts, cuts)) else ""
    blind = "Data of the signal region behind cuts are blinded: left out." if results.blind else ""
    without = "" if panels else f"More than {PANELS} selections: significances of the bins are left out."
    footnotes(figure, NOTE if panels else "", failed, blind, without)
    axes[-1].set_xlim(edges[0], edges[-1])
    axes[-1].set_xlabel(results.resonance.axis)
    if panels:
        axes[(panels + 1) // 2].set_ylabel(AXIS, loc="center")
    return finished(figure)


def _significances(record: SpectrumRecord) -> FloatArray:
    columns = (record.observed, record.expected, record.expected_error)
    return significances(*(artists.numbers(column) for column in columns))
