"""All figures of a comparison, from its records to files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hepflow.engine.job import Job, published
from hepflow.plots.figure import Figure, save_all
from hepflow.studies.comparison.figures.agreement import agreement
from hepflow.studies.comparison.figures.closure_bands import closure_bands
from hepflow.studies.comparison.figures.injection_scan import injection_scan
from hepflow.studies.comparison.figures.sic_by_method import sic_by_method
from hepflow.studies.comparison.figures.sic_curves import sic_curves
from hepflow.studies.comparison.record import Comparison, Matrix


def draw_comparison(
    comparison: Comparison,
    folder: str | Path,
    formats: Sequence[str] = ("pdf", "png"),
    *,
    label: str = "hepflow",
) -> list[Path]:
    """Draw all figures of a comparison of methods.

    Parameters
    ----------
    comparison
        What was found.
    folder
        Where the files go; made if need be.
    formats
        Any of pdf, png and svg.
    label
        Text above the upper left corner of each figure, such as the name of an experiment.

    Returns
    -------
    list of Path
        The files, of what the comparison holds the numbers for: for each injection ``sic_curves_*``,
        ``sic_by_method_*``, ``closure_bands_*``, ``correlation_*`` and ``overlap_*_eps*``; and ``injection_scan``.

    Raises
    ------
    ConfigError
        If a format is unknown.
    InputError
        If the folder cannot be written to.
    """
    return save_all(figures(comparison, label=label), folder, formats)


@published
def draw(job: Job) -> list[Path]:
    """Draw the comparison."""
    return draw_comparison(Comparison.from_json(job.out / "comparison.json"), job.out / "figures")


def figures(comparison: Comparison, *, label: str = "hepflow") -> Iterator[tuple[str, Figure]]:
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
        cut = "" if one.background_efficiency is None else f"_eps{one.background_efficiency:g}"
        kinds.setdefault(f"{one.what}_{one.injected}{cut}", []).append(one)
    for name, matrices in kinds.items():
        yield name, agreement(matrices, comparison, label=label)
    scanned = {one.injected for one in comparison.results if one.cuts and one.signal is not None}
    if len(scanned) > 1:
        yield "injection_scan", injection_scan(comparison, label=label)
