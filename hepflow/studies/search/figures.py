"""All figures of a run, from its results to files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hepflow.plots.closure import closure
from hepflow.plots.figure import Figure
from hepflow.plots.label import Label
from hepflow.plots.limits import cross_sections, limits
from hepflow.plots.mjj import logarithmic, spectrum
from hepflow.plots.overlay import spectra
from hepflow.plots.scores import scores
from hepflow.plots.significance import significance
from hepflow.plots.training import losses
from hepflow.plots.truth import improvement, rejection
from hepflow.results import Results


def figures(results: Results, *, label: Label | str = "hepflow") -> Iterator[tuple[str, Figure]]:
    """Yield the name and the drawing of each figure that the results hold the numbers for."""
    results = results.shown()
    run = f"{results.name}, {results.method}"
    yield "spectra", spectra(results, label=label)
    cuts = (results.inclusive, *results.cuts)
    alike: dict[str, Any] = {
        "regions": results.regions,
        "log": logarithmic(cuts),
        "label": label,
        "right": run,
    }
    for cut in cuts:
        failed = [verdict.check for verdict in results.doubts(cut)]
        yield f"spectrum_{cut.name}", spectrum(cut, failed=failed, **alike)
    if not results.withheld:
        yield "significance", significance(results, label=label)
        yield "limits", limits(results, label=label)
        if results.cross_section is not None:
            yield "cross_sections", cross_sections(results, label=label)
    yield "scores", scores(results, label=label)
    for where in dict.fromkeys(histogram.where for histogram in results.features):
        inside = [histogram for histogram in results.features if histogram.where == where]
        name = where.replace(" ", "_")
        yield f"closure_{name}", closure(inside, label=label, right=f"{run}, {where}")
    if results.truth is not None:
        yield "sic", improvement(results, results.truth, label=label)
        yield "rejection", rejection(results, results.truth, label=label)
    if any(values for one in results.losses for values in one.values()):
        yield "losses", losses(results, label=label)
