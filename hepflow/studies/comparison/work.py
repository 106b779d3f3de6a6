"""The steps of a comparison: every method fitted, scored, tried, combined and fitted on one data set."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from hepflow.config.blocks import Fit
from hepflow.engine.job import Job, derived, published, stored
from hepflow.errors import InputError
from hepflow.methods import Background
from hepflow.records import read_record, write_json
from hepflow.regions import Windows
from hepflow.sample import Sample, inject
from hepflow.selection import (
    Scores,
    Validation,
    check_no_overlap,
    combine,
    crossfit_scores,
    load_classifiers,
    save_classifiers,
    score_correlation,
    selection_overlap,
    supervised,
)
from hepflow.selection.validation import seed_of_bands
from hepflow.studies.analysis.background import load_background, method_of, save_background, windows_of
from hepflow.studies.analysis.scores import ScoreResult, classifier_of, load_scores, save_scores
from hepflow.studies.comparison.measure import failed, measure
from hepflow.studies.comparison.record import Comparison, Matrix, MethodResult
from hepflow.version import versions

CLASSIFIERS, DENSITY = "classifiers.safetensors", "density.safetensors"
RESULT, AGREEMENT = "result.json", "agreement.json"
Task = tuple[Sample, Sample | None, Windows, int]


@derived
def events(job: Job) -> tuple[Sample, Sample | None]:
    """Return the data with signal injected, and the rest of the signal."""
    samples = job["samples"]
    data, signal = samples["data"], samples.get("signal")
    if signal is not None:
        data, signal = inject(signal, data, job.settings["injected"], job.settings["draw"])
        check_no_overlap(signal, data)
    if "reference" in samples:
        check_no_overlap(data, samples["reference"])
    return data, signal


def _task(job: Job) -> Task:
    """Return data, signal, regions and seed of the search, or of its trial in the validation bands."""
    (data, signal), windows, seed = job["features"], windows_of(job.settings), job.settings["seed"]
    trial = job.settings["trial"]
    if trial is None:
        return data, signal, windows, seed
    outside = data.select(~windows.in_signal(data.mass))
    return (
        outside,
        None,
        windows.validation(job.settings["regions"]["validation"]["width"]),
        seed_of_bands(seed, trial),
    )


def _keep_density(folder: Path, trained: Path) -> None:
    shutil.copyfile(trained, folder / DENSITY)


@stored(_keep_density, lambda _, folder: folder / DENSITY)
def density(job: Job) -> Path:
    """Train a density of the sidebands that several methods share."""
    data, _, windows, seed = _task(job)
    checkpoint = job.checkpoint()
    method_of(job).learn(data, windows, job.settings["folds"], seed, checkpoint)  # type: ignore[attr-defined]
    return checkpoint


def _save(folder: Path, found: ScoreResult) -> None:
    save_background(folder, found.scores.background)
    save_scores(folder, found.scores)
    if found.fitted is not None:
        save_classifiers(folder / CLASSIFIERS, found.fitted)


def _load(job: Job, folder: Path) -> ScoreResult:
    data, signal, windows, _ = _task(job)
    background = load_background(folder, data, windows, **job.settings["spectrum"])
    scores = load_scores(folder, data, signal, background)
    fitted = load_classifiers(folder / CLASSIFIERS, scores) if (folder / CLASSIFIERS).is_file() else None
    return ScoreResult(scores, fitted)


@stored(_save, _load)
def scores(job: Job) -> ScoreResult:
    """Fit and score one method."""
    data, signal, windows, seed = _task(job)
    background = _background(job, data, windows, seed)
    fitted = crossfit_scores(classifier_of(job), data, background, signal=signal, seed=seed)
    return ScoreResult(fitted.scores, fitted)


@stored(_save, _load)
def supervised_scores(job: Job) -> ScoreResult:
    """Score with a classifier that is told the signal; it scores no more events than these."""
    data, signal, windows, seed = _task(job)
    if signal is None:
        raise InputError("supervised: there is no signal to be told")
    background = _background(job, data, windows, seed)
    return ScoreResult(supervised(classifier_of(job), data, background, signal, seed=seed))


def _background(job: Job, data: Sample, windows: Windows, seed: int) -> Background:
    """Return what a method says of the background."""
    samples: dict[str, Sample] = job.get("samples", {})
    more: dict[str, Any] = {"reference": samples.get("reference")} if job.settings["needs_truth"] else {}
    simulation = samples.get("simulation") if job.settings["needs_simulation"] else None
    checkpoint = job.checkpoint()
    if "density" in job and job.failure("density") is None and not checkpoint.exists():
        shutil.copyfile(job["density"], checkpoint)
    background = method_of(job, **more).fit(
        data,
        windows,
        simulation=simulation,
        folds=job.settings["folds"],
        seed=seed,
        checkpoint=checkpoint,
    )
    if job.settings["trial"] is not None:
        background = background.without(windows_of(job.settings).signal)
    return background


@stored(_save, _load)
def combination(job: Job) -> ScoreResult:
    """Combine the scores of all methods that need no truth."""
    names = [name for name in job if name != "features" and job.failure(name) is None]
    fitted = {name: job[name].fitted for name in names}
    if len(fitted) < 2:
        raise InputError("fewer than two methods could be run")
    pooled, seed = job.settings["oversampling"], _task(job)[3]
    found = combine(fitted, seed=seed, pooled=pooled, validation_pooled=0.2 * pooled)
    return ScoreResult(found)


@stored(
    lambda folder, found: write_json(folder / RESULT, found),
    lambda _, folder: read_record(folder / RESULT, MethodResult),
)
def result(job: Job) -> MethodResult:
    """Return what a comparison says of a method."""
    settings = job.settings
    reason = job.failure("scores")
    about = {name: settings[name] for name in ("uses_truth", "injected", "seed")}
    if reason is not None:
        return failed(settings["method"], reason, **about)
    tried: list[Validation] = []
    problems: dict[str, None] = {}  # a failure that all trials share is told once
    for trial in (name for name in job if name != "scores"):
        unsaid = job.failure(trial)
        if unsaid is None:
            tried.append(Validation.of(job[trial].scores))
        else:
            problems[f"validation bands: {unsaid}"] = None
    return measure(
        settings["method"],
        job["scores"].scores,
        tried,
        fit=Fit(**settings["fit"]),
        cuts_at=settings["cuts"],
        scores_ratio=settings["scores_ratio"],
        seconds=sum(job.seconds(part) for part in job),
        problems=tuple(problems),
        **about,
    )


@stored(
    lambda folder, found: write_json(folder / AGREEMENT, found),
    lambda _, folder: read_record(folder / AGREEMENT, tuple[Matrix, ...]),
)
def agreement(job: Job) -> tuple[Matrix, ...]:
    """Return overlap of selections at every cut, and correlation of scores, of the methods without truth."""
    same: dict[str, Scores] = {name: job[name].scores for name in job if job.failure(name) is None}
    if len(same) < 2:
        return ()
    seed, injected = job.settings["seed"], job.settings["injected"]
    overlaps = (
        Matrix.of("overlap", selection_overlap(same, efficiency), seed, injected, efficiency)
        for efficiency in job.settings["cuts"]
    )
    return Matrix.of("correlation", score_correlation(same), seed, injected), *overlaps


@published
def comparison(job: Job) -> list[Path]:
    """Write ``comparison.json``."""
    settings, path = job.settings, job.out / "comparison.json"
    found = [job[name] for name in job]
    Comparison(
        name=settings["name"],
        config_hash=settings["config_hash"],
        versions=versions(),
        regions=settings["regions"],
        results=tuple(one for one in found if isinstance(one, MethodResult)),
        matrices=tuple(one for each in found if isinstance(each, tuple) for one in each),
        resonance=job["samples"]["data"].resonance,
    ).write(path)
    return [path]
