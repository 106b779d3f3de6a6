"""What steps keep in their folders, and how it is read again: HDF5 and JSON, never pickle."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np

from hepflow.methods import Background, fit_sidebands
from hepflow.regions import Windows
from hepflow.sample import Sample
from hepflow.selection import Scored, Scores, Validation
from hepflow.selection.validation import bare
from hepflow.storage import load_sample, save_sample, write_hdf5, write_json
from hepflow.training import Losses

PARTS = ("data", "template", "sidebands", "validation")
SCORED = (*PARTS, "signal")
ROWS = ("rows", "validation_rows")  # of the data, where the template is made of them


def save_samples(folder: Path, samples: tuple[Sample, Sample | None]) -> None:
    """Keep the data and the signal, where there is one."""
    data, signal = samples
    save_sample(data, folder / "data.h5")
    if signal is not None:
        save_sample(signal, folder / "signal.h5")


def load_samples(folder: Path) -> tuple[Sample, Sample | None]:
    """Read what `save_samples` kept."""
    signal = folder / "signal.h5"
    return load_sample(folder / "data.h5"), load_sample(signal) if signal.is_file() else None


def save_background(folder: Path, background: Background) -> None:
    """Keep all but the sideband fit, which is made again in no time, and networks that score."""
    save_sample(background.template, folder / "template.h5")
    save_sample(background.validation, folder / "validation.h5")
    with write_hdf5(folder / "replicas.h5") as file:
        file["template"], file["validation"] = background.replica, background.validation_replica
        for name in ROWS:
            if (rows := getattr(background, name)) is not None:
                file[name] = rows
    write_json(folder / "losses.json", [asdict(losses) for losses in background.losses])


def load_background(
    folder: Path, data: Sample, windows: Windows, bin_width: float, sqrt_s: float
) -> Background:
    """Read what `save_background` kept."""
    losses = json.loads((folder / "losses.json").read_text(encoding="utf-8"))
    with h5py.File(folder / "replicas.h5") as file:
        replica, validation_replica = np.asarray(file["template"]), np.asarray(file["validation"])
        rows = {name: np.asarray(file[name]) for name in ROWS if name in file}
    return Background(
        template=load_sample(folder / "template.h5"),
        validation=load_sample(folder / "validation.h5"),
        smooth=fit_sidebands(data, windows, bin_width, sqrt_s),
        windows=windows,
        replica=replica,
        validation_replica=validation_replica,
        losses=tuple(Losses(tuple(one["training"]), tuple(one["validation"])) for one in losses),
        rows=rows.get("rows"),
        validation_rows=rows.get("validation_rows"),
    )


def save_validation(folder: Path, validation: Validation | None) -> None:
    """Keep masses, weights and scores of a validation, where there is one."""
    with write_hdf5(folder / "validation.h5") as file:
        if validation is not None:
            file["signal_region"], file["bands"] = validation.windows.signal, validation.windows.sidebands
            for part in PARTS:
                scored = getattr(validation, part)
                columns = {"mass": scored.sample.mass, "weight": scored.sample.weight, "score": scored.score}
                for column, values in columns.items():
                    file[f"{part}_{column}"] = values


def load_validation(folder: Path) -> Validation | None:
    """Read what `save_validation` kept."""
    with h5py.File(folder / "validation.h5") as file:
        if not len(file):
            return None
        windows = Windows(np.asarray(file["signal_region"]).tolist(), np.asarray(file["bands"]).tolist())
        parts = {
            part: bare(*(np.asarray(file[f"{part}_{column}"]) for column in ("mass", "weight", "score")))
            for part in PARTS
        }
    return Validation(**parts, windows=windows)


def save_scores(folder: Path, scores: Scores) -> None:
    """Keep the scores of every sample."""
    with write_hdf5(folder / "scores.h5") as file:
        for name in SCORED:
            scored = getattr(scores, name)
            if scored is not None:
                file[name] = scored.score


def load_scores(folder: Path, data: Sample, signal: Sample | None, background: Background) -> Scores:
    """Read what `save_scores` kept, beside the samples that were scored."""
    inside, outside = background.windows.split(data)
    samples = (inside, background.template, outside, background.validation, signal)
    with h5py.File(folder / "scores.h5") as file:
        scored = {
            name: None if sample is None else Scored(sample, np.asarray(file[name], dtype=np.float64))
            for name, sample in zip(SCORED, samples, strict=True)
        }
    return Scores(**scored, background=background)  # type: ignore[arg-type]
