"""An unfolding for HEPData."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hepflow.engine.folder import EXPORT, check_as_written
from hepflow.errors import InputError
from hepflow.export.hepdata import unfolded_tables
from hepflow.export.submission import write_submission
from hepflow.studies.unfolding.record import UnfoldingRecord

ARCHIVE = "hepdata.tar.gz"


def export_unfolding(folder: Path, out: Path | None = None) -> Path:
    """Write yields, errors by source and covariances of all observables as an archive for HEPData, and return it.

    Parameters
    ----------
    folder
        Of a finished unfolding.
    out
        Where it goes; by default ``export`` in the folder.

    Raises
    ------
    ConfigError
        If hepdata-lib is not installed.
    InputError
        If the record cannot be read, was changed, or the archive cannot be written.
    """
    check_as_written(folder / "unfolding.json")
    found = UnfoldingRecord.from_json(folder / "unfolding.json")
    failed = ", ".join(verdict.name for verdict in found.failed)
    tables = []
    for one in found.observables:
        tables += unfolded_tables(
            one.quantity,
            np.asarray(one.unfolded.edges),
            np.asarray(one.unfolded.values),
            np.asarray(one.unfolded.covariance),
            {shift.name: np.asarray(shift.shift) for shift in one.systematics},
            note=f" Checks that failed: {failed}." if failed else "",
        )
    for table in tables:
        table.location = f"hepflow unfold {found.name}, method {found.method}, seed {found.seed}"
    place = folder / EXPORT if out is None else out
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{place}: cannot be made a folder for the export ({error.strerror})") from None
    path = place / ARCHIVE
    write_submission(path, tables, comment=f"{found.name}: data unfolded by {found.method}.")
    return path
