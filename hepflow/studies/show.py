"""What a run folder shows, drawn and reported anew, whatever study made it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from hepflow.config.blocks import Figures
from hepflow.engine.folder import check_as_written
from hepflow.engine.job import find
from hepflow.errors import InputError
from hepflow.plots.figure import save_all
from hepflow.plots.label import Label
from hepflow.report.page import write_page
from hepflow.studies.known import study_of


def draw(
    folder: str | Path,
    out: str | Path | None = None,
    formats: Sequence[str] = ("pdf", "png"),
    *,
    label: Label | str | None = None,
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
        What stands above the corners of each figure; by default what the run's configuration says.

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
    label = label_of(folder) if label is None else label
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
    page = find(f"{study.room}.page:page")(folder, label_of(folder))
    return write_page(page, folder / "report.html" if out is None else Path(out))


def label_of(folder: Path) -> Label:
    """Return what stands above the figures of a run: the block `figures` of its ``config.yaml``.

    Without one it is `hepflow`.

    Raises
    ------
    InputError
        If the file cannot be read, or the block cannot be understood.
    """
    file = folder / "config.yaml"
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else None
        block = content.get("figures") if isinstance(content, dict) else None
        return Label(**Figures.model_validate(block or {}).model_dump())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{file}: its block `figures` cannot be read ({error})") from None
