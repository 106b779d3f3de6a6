"""All figures of a comparison, from its records to files."""

from __future__ import annotations

from collections.abc import Iterator

from hepflow.plots.figure import Figure
from hepflow.plots.label import Label
from hepflow.studies.comparison.figures.agreement import agreement
from hepflow.studies.comparison.figures.closure_bands import closure_bands
from hepflow.studies.comparison.figures.injection_scan import injection_scan
from hepflow.studies.comparison.figures.sic_by_method import sic_by_method
from hepflow.studies.comparison.figures.sic_curves import sic_curves
from hepflow.studies.comparison.record import Comparison, Matrix


def figures(comparison: Comparison, *, label: Label | str = "hepflow") -> Iterator[tuple[str, Figure]]:
    """Yield the name and the drawing of each figure that the comparison holds the numbers for."""
    for injected in comparison.injections:
        here = [one for one in comparison.results if one.injected == injected]
        if any(one.background_efficiency for one in here):
            yield f"sic_curves_{injected}", sic_curves(comparison, injected, label=label)
        if any(one.max_sic is not None for one in here):
            yield f"sic_by_method_{injected}", sic_by_method(comparison, injected, label=label)
        if any(one.closure for one in here):
            yield f"closure_bands_{injected}", closure_bands(comparison, injected, label=label)
    kinds: dict[str, list[Matrix]] = {}
    for one in comparison.matrices:
        cut = "" if one.background_efficiency is None else f"_eps{one.background_efficiency:.12g}"
        kinds.setdefault(f"{one.what}_{one.injected}{cut}", []).append(one)
    for name, matrices in kinds.items():
        yield name, agreement(matrices, comparison, label=label)
    scanned = {one.injected for one in comparison.results if one.cuts and one.signal is not None}
    if len(scanned) > 1:
        yield "injection_scan", injection_scan(comparison, label=label)
