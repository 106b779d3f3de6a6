"""All figures of a run, from its results to files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hepflow.engine.job import Job, published
from hepflow.plots.closure import closure
from hepflow.plots.figure import Figure, save_all
from hepflow.plots.limits import limits
from hepflow.plots.mjj import spectrum
from hepflow.plots.overlay import spectra
from hepflow.plots.scores import scores
from hepflow.plots.significance import significance
from hepflow.plots.training import losses
from hepflow.plots.truth import improvement, rejection
from hepflow.results import Results


def draw_run(
    results: Results, folder: str | Path, formats: Sequence[str] = ("pdf", "png"), *, label: str = "hepflow"
) -> list[Path]:
    """Draw all figures of a run.

    Parameters
    ----------
    results
        What the run found.
    folder
        Where the files go; made if need be.
    formats
        Any of pdf, png and svg.
    label
        Text above the upper left corner of each figure, such as the name of an experiment.

    Returns
    -------
    list of Path
        The files: ``spectra`` (all selections), ``spectrum_inclusive`` and ``spectrum_eps*``, ``significance``,
        ``limits``, ``scores``, ``closure_sidebands``; and, where the results hold what they need,
        ``closure_signal_region``, ``sic``, ``rejection`` and ``losses``.

    Raises
    ------
    ConfigError
        If a format is unknown.
    InputError
        If the folder cannot be written to.
    """
    return save_all(figures(results, label=label), folder, formats)


@published
def draw(job: Job) -> list[Path]:
    """Draw the results."""
    return draw_run(Results.from_json(job.out / "results.json"), job.out / "figures")


def figures(results: Results, *, label: str = "hepflow") -> Iterator[tuple[str, Figure]]:
    """Yield the name and the drawing of each figure that the results hold the numbers for."""
    run = f"{results.name}, {results.method}"
    yield "spectra", spectra(results, label=label)
    for cut in (results.inclusive, *results.cuts):
        yield f"spectrum_{cut.name}", spectrum(cut, regions=results.regions, label=label, right=run)
    yield "significance", significance(results, label=label)
    yield "limits", limits(results, label=label)
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
