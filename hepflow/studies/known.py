"""The studies of the catalogue, by name or by the record in a run folder; one is loaded where it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hepflow.catalogue import STUDIES
from hepflow.engine.job import find
from hepflow.engine.study import Study
from hepflow.errors import InputError


def study(name: str) -> Study[Any, Any]:
    """Return a study by its name in the catalogue."""
    found: Study[Any, Any] = find(STUDIES[name].where)
    return found


def study_of(folder: Path) -> Study[Any, Any]:
    """Return the study whose record stands in a run folder.

    Raises
    ------
    InputError
        If there is none.
    """
    for name, row in STUDIES.items():
        if (folder / row.file).is_file():
            return study(name)
    raise InputError(
        f"{folder}: none of {', '.join(row.file for row in STUDIES.values())} there; expected the folder of a "
        "finished run, scan, comparison, tuning, generation, unfolding, study of showers, integration or limits with "
        "retraining"
    )
