"""The step that estimates the background: the method, trained on the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hepflow.engine.job import Job, stored
from hepflow.flows import Density, FoldDensities
from hepflow.methods import Background, EventFolds, Examples, Method, SharedCathode, fit_sidebands
from hepflow.records import read_record, write_json
from hepflow.regions import Windows
from hepflow.sample import Sample
from hepflow.storage import load_sample, save_sample, write_hdf5
from hepflow.studies.analysis.objects import built_method
from hepflow.training import Losses
from hepflow.weights import save_weights

DENSITY, EXAMPLES = "density.safetensors", "examples.h5"
FLOWS = "flows"  # what a step with the flows of several windows is to another
FOLDED = ("data", "template", "validation")


@dataclass(frozen=True)
class Estimated:
    """What a method says of the background, and the densities that it trained for it, where it did so here."""

    background: Background
    densities: tuple[Density, ...] = ()


def windows_of(settings: Mapping[str, Any]) -> Windows:
    """Return the regions in the settings of a step."""
    regions = settings["regions"]
    return Windows(regions["signal"], regions["sidebands"])


def method_of(job: Job, **more: Any) -> Method:
    """Return the method in the settings of a step, untrained; its flows may be those of a step that it needs."""
    method: Method = built_method(job.chosen, job.settings["method"], **job.settings["spectrum"], **more)
    return method if FLOWS not in job else SharedCathode.like(method, job[FLOWS])  # type: ignore[arg-type]


def simulation_of(job: Job) -> Sample | None:
    """Return the simulation that the method of a step starts from; None where it needs none."""
    simulation: Sample | None = job.get("simulation")
    return simulation


def estimate(job: Job, checkpoint: Path) -> Estimated:
    """Train the method in the settings of a step, from where its checkpoint left it."""
    method = method_of(job)
    background = method.fit(
        job["features"][0],
        windows_of(job.settings),
        simulation=simulation_of(job),
        folds=job.settings["folds"],
        seed=job.settings["seed"],
        checkpoint=checkpoint,
    )
    return Estimated(background, getattr(method, "background_densities", ()))


def save_background(folder: Path, background: Background) -> None:
    """Keep all but the sideband fit, which is made again in no time, and networks that score."""
    save_sample(background.template, folder / "template.h5")
    save_sample(background.validation, folder / "validation.h5")
    with write_hdf5(folder / "replicas.h5") as file:
        file["template"], file["validation"] = background.replica, background.validation_replica
    with write_hdf5(folder / "folds.h5") as file:
        file.attrs["count"] = background.folds.count
        for name in FOLDED:
            file[name] = getattr(background.folds, name)
        if background.examples is not None:
            save_sample(background.examples.sample, folder / EXAMPLES)
            file["examples"] = background.examples.fold
    write_json(folder / "losses.json", background.losses)


def load_background(
    folder: Path, data: Sample, windows: Windows, bin_width: float, sqrt_s: float
) -> Background:
    """Read what `save_background` kept."""
    with h5py.File(folder / "replicas.h5") as file:
        replica, validation_replica = np.asarray(file["template"]), np.asarray(file["validation"])
    with h5py.File(folder / "folds.h5") as file:
        folds = EventFolds(int(file.attrs["count"]), *(np.asarray(file[name]) for name in FOLDED))
        examples = None
        if "examples" in file:
            examples = Examples(load_sample(folder / EXAMPLES), np.asarray(file["examples"]))
    return Background(
        template=load_sample(folder / "template.h5"),
        validation=load_sample(folder / "validation.h5"),
        smooth=fit_sidebands(data, windows, bin_width, sqrt_s),
        windows=windows,
        replica=replica,
        validation_replica=validation_replica,
        folds=folds,
        losses=read_record(folder / "losses.json", tuple[Losses, ...]),
        examples=examples,
    )


def _save(folder: Path, found: Estimated) -> None:
    save_background(folder, found.background)
    if found.densities:
        save_weights(folder / DENSITY, FoldDensities(found.densities))


def _load(job: Job, folder: Path) -> Estimated:
    windows = windows_of(job.settings)
    return Estimated(load_background(folder, job["features"][0], windows, **job.settings["spectrum"]))


@stored(_save, _load)
def background(job: Job) -> Estimated:
    """Estimate the background."""
    return estimate(job, job.checkpoint())
