"""From a folder to its report."""

from __future__ import annotations

from pathlib import Path

from hepflow.errors import InputError
from hepflow.report.comparison import comparison_page
from hepflow.report.page import render
from hepflow.report.retrained_limits import retrained_limits_page
from hepflow.report.run import run_page
from hepflow.report.window_scan import window_scan_page
from hepflow.storage import write_text

PAGES = {
    "results.json": run_page,
    "scan.json": window_scan_page,
    "comparison.json": comparison_page,
    "limits.json": retrained_limits_page,
}


def write_report(folder: str | Path, out: str | Path | None = None) -> Path:
    """Write the report of a folder: one HTML file with its style and figures inside.

    The same records give the same bytes.

    Parameters
    ----------
    folder
        Of a finished run (``results.json``), search in many windows (``scan.json``), comparison
        (``comparison.json``) or limits with retraining (``limits.json``). ``config.yaml`` and ``provenance.json`` are
        shown where they are there.
    out
        The file; by default ``report.html`` in the folder.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the folder holds no such record, the record cannot be read, or `out` cannot be written.
    """
    folder = Path(folder)
    for name, page in PAGES.items():
        if (folder / name).is_file():
            path = folder / "report.html" if out is None else Path(out)
            write_text(path, render(page(folder / name)))
            return path
    raise InputError(
        f"{folder}: none of {', '.join(PAGES)} there; expected the folder of a finished `hepflow run`, with "
        "`--scan` or without, `hepflow compare` or `hepflow limit --retrain`"
    )
