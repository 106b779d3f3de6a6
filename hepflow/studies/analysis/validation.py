"""Steps that try the whole method where nothing is searched: beside the signal region, and in simulation."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from hepflow.engine.job import Job, stored
from hepflow.regions import Windows
from hepflow.selection import Validation, enough_simulation, validate, validate_in_simulation
from hepflow.selection.validation import bare
from hepflow.storage import write_hdf5
from hepflow.studies.analysis.background import method_of, simulation_of, windows_of
from hepflow.studies.analysis.scores import classifier_of

FILE = "validation.h5"
PARTS = ("data", "template", "sidebands", "validation")


def _save(folder: Path, validation: Validation | None) -> None:
    """Keep masses, weights and scores of a validation, where there is one."""
    with write_hdf5(folder / FILE) as file:
        if validation is not None:
            file["signal_region"], file["bands"] = validation.windows.signal, validation.windows.sidebands
            for part in PARTS:
                scored = getattr(validation, part)
                columns = {"mass": scored.sample.mass, "weight": scored.sample.weight, "score": scored.score}
                for column, values in columns.items():
                    file[f"{part}_{column}"] = values


def load_validation(folder: Path) -> Validation | None:
    """Read what a validation kept."""
    with h5py.File(folder / FILE) as file:
        if not len(file):
            return None
        windows = Windows(np.asarray(file["signal_region"]).tolist(), np.asarray(file["bands"]).tolist())
        parts = {
            part: bare(*(np.asarray(file[f"{part}_{column}"]) for column in ("mass", "weight", "score")))
            for part in PARTS
        }
    return Validation(**parts, windows=windows)


@stored(_save, lambda _, folder: load_validation(folder))
def bands(job: Job) -> Validation | None:
    """Try the method beside the signal region."""
    settings = job.settings
    return validate(
        method_of(job),
        classifier_of(job),
        job["features"][0],
        windows_of(settings),
        simulation=simulation_of(job),
        width=settings["width"],
        folds=settings["folds"],
        seed=settings["seed"],
        training=settings["training"],
        checkpoint=job.checkpoint(),
    )


@stored(_save, lambda _, folder: load_validation(folder))
def simulation(job: Job) -> Validation | None:
    """Try the method in simulation, where there is enough of one that it does not start from."""
    settings, data, windows = job.settings, job["features"][0], windows_of(job.settings)
    if not enough_simulation(job["simulation"], data, windows):
        return None
    return validate_in_simulation(
        method_of(job),
        classifier_of(job),
        job["simulation"],
        data,
        windows,
        folds=settings["folds"],
        seed=settings["seed"],
        checkpoint=job.checkpoint(),
    )
