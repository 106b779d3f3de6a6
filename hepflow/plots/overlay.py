"""All selections in one frame: the spectra from no cut to the tightest, and the significance of each bin below."""

from __future__ import annotations

from math import ceil

import numpy as np
from matplotlib.lines import Line2D

from hepflow.plots import artists
from hepflow.plots.bin_significance import AXIS, significances
from hepflow.plots.figure import Figure, canvas, finished, header, stacked
from hepflow.plots.mjj import MASS
from hepflow.plots.style import WIDTH, sequence, styled
from hepflow.results import Results, SpectrumRecord
from hepflow.sample import FloatArray

PANELS = 5  # more selections than that leave no room for a panel each


@styled
def spectra(results: Results, *, label: str = "hepflow") -> Figure:
    """Draw data and expected background of all selections in one frame, and a panel of each below.

    It has the signed Poisson significance of each bin (`hepflow.plots.bin_significance.significances`).
    """
    cuts = (results.inclusive, *results.cuts)
    panels = len(cuts) if len(cuts) <= PANELS else 0
    figure = canvas(WIDTH, 3.9 + 0.55 * panels)
    axes = stacked(figure, (3.3, *[0.55] * panels))
    upper, shown, entries = axes[0], [], {}
    looks = sequence(len(cuts))
    for cut, (colour, marker) in zip(cuts, looks, strict=True):
        record = cut.spectrum
        edges, observed = artists.numbers(record.edges), artists.numbers(record.observed)
        expected, error = artists.numbers(record.expected), artists.numbers(record.expected_error)
        artists.draw_expected(upper, edges, expected, error, colour)
        artists.draw_points(upper, edges, observed, color=colour, marker=marker)
        shown += [observed, expected]
        name = artists.cut_text(cut) + ("" if cut.z is None else rf",  $Z$ = {cut.z:.1f}")
        name += " (failed a check)" if results.doubts(cut) else ""
        entries[name] = Line2D([], [], color=colour, marker=marker, linewidth=1.3)
    found = [_significances(cut.spectrum) for cut in cuts]
    for ax, cut, z, (colour, _) in zip(axes[1:], cuts, found, looks, strict=False):
        artists.draw_significances(ax, artists.numbers(cut.spectrum.edges), z, colour, np.concatenate(found))
    artists.shade(axes, tuple(results.regions["signal"]))
    artists.set_range(upper, np.concatenate(shown), 0.88 - 0.05 * ceil(len(cuts) / 2), floor=0.2, log=True)
    edges = artists.numbers(results.inclusive.spectrum.edges)
    upper.set_ylabel(artists.bin_text(edges))
    upper.legend(entries.values(), entries.keys(), loc="upper right", ncols=2, columnspacing=1.2)
    header(upper, label, f"{results.name}, {results.method}")
    axes[-1].set_xlim(edges[0], edges[-1])
    axes[-1].set_xlabel(MASS)
    if panels:
        axes[(panels + 1) // 2].set_ylabel(AXIS, loc="center")
    return finished(figure)


def _significances(record: SpectrumRecord) -> FloatArray:
    columns = (record.observed, record.expected, record.expected_error)
    return significances(*(artists.numbers(column) for column in columns))
