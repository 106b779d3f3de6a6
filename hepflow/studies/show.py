"""What a run folder shows, drawn and reported anew, whatever study made it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hepflow.engine.folder import check_as_written
from hepflow.engine.job import find
from hepflow.errors import InputError
from hepflow.plots.figure import save_all
from hepflow.report.page import write_page
from hepflow.studies.known import study_of


def draw(
    folder: str | Path,
    out: str | Path | None = None,
    formats: Sequence[str] = ("pdf", "png"),
    *,
    label: str = "hepflow",
) -> list[Path]:
    """Draw all figures of a finished study.

    Parameters
    ----------
    folder
        Its run folder.
    out
        Where the files go; by default ``figures`` in the folder.
    formats
        Any of pdf, png and svg.
    label
        Text above the upper left corner of each figure, such as the name of an experiment.

    Returns
    -------
    list of Path
        The files, of what the record holds the numbers for.

    Raises
    ------
    ConfigError
        If a format is unknown.
    InputError
        If the folder holds no record, its study has no figures, or files cannot be written.
    """
    folder = Path(folder)
    study = study_of(folder)
    if "figures" not in study.beside:
        raise InputError(f"{folder}: `{study.command}` has no figures; {study.file} holds what it found")
    figures = find(f"{study.room}.figures:figures")(study.read(folder), label=label)
    return save_all(figures, folder / "figures" if out is None else out, formats)


def write_report(folder: str | Path, out: str | Path | None = None) -> Path:
    """Write the report of a finished study: one HTML file with its style and figures inside.

    The same records give the same bytes.

    Parameters
    ----------
    folder
        Its run folder. ``config.yaml`` and ``provenance.json`` are shown where they are there.
    out
        The file; by default ``report.html`` in the folder.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the folder holds no record, it cannot be read, its study has no report, or `out` cannot be written.
    """
    folder = Path(folder)
    study = study_of(folder)
    if "report.html" not in study.beside:
        raise InputError(f"{folder}: `{study.command}` has no report; {study.file} holds what it found")
    check_as_written(folder / study.file)
    page = find(f"{study.room}.page:page")(folder)
    return write_page(page, folder / "report.html" if out is None else Path(out))
