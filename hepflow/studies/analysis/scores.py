"""Steps that score: the classifier, cross-fitted, and every sample seen by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from hepflow.classifiers import DensityRatio
from hepflow.engine.job import Job, stored
from hepflow.methods import Background
from hepflow.sample import Sample
from hepflow.selection import CrossFitScores, Scored, Scores, crossfit_scores, save_classifiers, train_without
from hepflow.selection.validation import bare
from hepflow.storage import write_hdf5
from hepflow.studies.analysis.background import estimate
from hepflow.studies.analysis.objects import built
from hepflow.weights import load_weights, save_weights

CLASSIFIER, SCORES, VARIATIONS = "classifier.safetensors", "scores.h5", "variations.h5"
SIDES, COLUMNS = ("up", "down"), ("mass", "weight", "score")
SCORED = ("data", "template", "sidebands", "validation", "signal")


@dataclass(frozen=True)
class ScoreResult:
    """The scores of all samples, and the classifiers behind them, where they were trained here."""

    scores: Scores
    fitted: CrossFitScores | None = None


def classifier_of(job: Job) -> DensityRatio:
    """Return the classifier in the settings of a step, untrained."""
    classifier: DensityRatio = built(job.chosen("classifier"), job.settings["classifier"])
    return classifier


def save_scores(folder: Path, scores: Scores) -> None:
    """Keep the scores of every sample."""
    with write_hdf5(folder / SCORES) as file:
        for name in SCORED:
            scored = getattr(scores, name)
            if scored is not None:
                file[name] = scored.score


def load_scores(folder: Path, data: Sample, signal: Sample | None, background: Background) -> Scores:
    """Read what `save_scores` kept, beside the samples that were scored."""
    inside, outside = background.windows.split(data)
    samples = (inside, background.template, outside, background.validation, signal)
    with h5py.File(folder / SCORES) as file:
        scored = {
            name: None if sample is None else Scored(sample, np.asarray(file[name], dtype=np.float64))
            for name, sample in zip(SCORED, samples, strict=True)
        }
    return Scores(**scored, background=background)  # type: ignore[arg-type]


def _save(folder: Path, found: ScoreResult) -> None:
    save_scores(folder, found.scores)
    save_variations(folder, found.scores.variations)
    if found.fitted is not None:
        save_classifiers(folder / CLASSIFIER, found.fitted)


def _load(job: Job, folder: Path) -> ScoreResult:
    data, signal = job["features"]
    scores = load_scores(folder, data, signal, job["background"].background)
    return ScoreResult(replace(scores, variations=load_variations(folder)))


@stored(_save, _load)
def scores(job: Job) -> ScoreResult:
    """Score every sample."""
    data, signal = job["features"]
    settings, found = job.settings, job["background"]
    if settings["own_score"] and found.background.scoring is None:
        # networks that score are no part of what was kept, and quick to make again of the checkpoint
        found = estimate(job, job.checkpoint("background"))
    fitted = crossfit_scores(
        classifier_of(job),
        data,
        found.background,
        signal=signal,
        trained={
            of["fold"]: trained if (trained := read()) is not None else _trained(job, of["fold"])
            for of, read in job.helpers()
        },
        seed=settings["seed"],
    )
    varied = job.get("variations", {})
    return ScoreResult(fitted.with_variations(varied, settings["seed"]), fitted)


@stored(
    lambda folder, trained: save_weights(folder / CLASSIFIER, trained),
    lambda _, folder: load_weights(folder / CLASSIFIER, DensityRatio),  # type: ignore[type-abstract]
)
def fold(job: Job) -> DensityRatio:
    """Train the classifier that leaves a fold out; what stands in the way, the scores say once for all folds."""
    return _trained(job, job.settings["fold"])


def _trained(job: Job, number: int) -> DensityRatio:
    return train_without(
        number,
        classifier_of(job),
        job["features"][0],
        job["background"].background,
        seed=job.settings["seed"],
    )


def save_variations(folder: Path, variations: Mapping[str, tuple[Scored, Scored]]) -> None:
    """Keep masses, weights and scores of the signal with systematic effects: all that templates are made of."""
    with write_hdf5(folder / VARIATIONS) as file:
        for name, both in variations.items():
            for side, scored in zip(SIDES, both, strict=True):
                columns = (scored.sample.mass, scored.sample.weight, scored.score)
                for column, values in zip(COLUMNS, columns, strict=True):
                    file[f"{name}/{side}/{column}"] = values


def load_variations(folder: Path) -> dict[str, tuple[Scored, Scored]]:
    """Read what `save_variations` kept."""
    with h5py.File(folder / VARIATIONS) as file:
        found = {
            name: [bare(*(np.asarray(both[side][column]) for column in COLUMNS)) for side in SIDES]
            for name, both in file.items()
        }
    return {name: (up, down) for name, (up, down) in found.items()}
