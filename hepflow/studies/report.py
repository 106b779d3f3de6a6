"""The report of a run folder, whatever study made it."""

from __future__ import annotations

from pathlib import Path

from hepflow.report.page import write_page
from hepflow.studies.known import study_of


def write_report(folder: str | Path, out: str | Path | None = None) -> Path:
    """Write the report of a folder: one HTML file with its style and figures inside.

    The same records give the same bytes.

    Parameters
    ----------
    folder
        Of a finished study. ``config.yaml`` and ``provenance.json`` are shown where they are there.
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
    page = study_of(folder).page(folder)
    return write_page(page, folder / "report.html" if out is None else Path(out))
