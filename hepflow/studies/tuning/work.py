"""The step of a tuning: settings of the flow, then of the classifier, searched beside the signal region."""

from __future__ import annotations

import hashlib
import json
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from hepflow.atomic import write_text
from hepflow.config import Config, Trees, methods
from hepflow.config.tune import Ranges
from hepflow.engine.job import Job, UnfinishedError, published
from hepflow.errors import FitError
from hepflow.sample import Sample
from hepflow.studies.analysis.build import build_classifier, build_density, build_method
from hepflow.studies.tuning.merit import Bands, SignalInBands, expected, log_likelihood
from hepflow.studies.tuning.record import Settings, Tuning, earlier
from hepflow.studies.tuning.search import Judge, Search, import_optuna, importance, left_out, trials_of
from hepflow.version import __version__

FILE, BEST = "tuning.json", "best.yaml"


@published
def trials(job: Job) -> Iterator[Path]:
    """Search better settings of the flow, then of the classifier, without a look at the signal region.

    Data of the signal region are cut away before anything else. Flows are judged by the likelihood of the events in
    the validation bands, classifiers by what they would see of signal put there (`hepflow.studies.tuning.merit`).
    ``tuning.json`` is written after each trial, and ``best.yaml`` at the end.
    """
    import_optuna()
    config = Config.model_validate(job.settings["config"]).within(Path(job.settings["folder"]))
    samples: dict[str, Sample] = dict(job["samples"])
    bands = Bands.of(samples.pop("data"), config.regions.windows, config.regions.validation.width or None)
    notes = left_out(config)
    path, key = job.out / FILE, _key(config, bands, samples)
    tuning = Tuning(config.name, key, earlier(path, key), notes=tuple(notes.values()))
    best, begun = config, time.monotonic()
    names = [name for name in ("flow", "classifier") if name not in notes]
    for place, name in enumerate(names, start=1):
        search = _flow(best, bands) if name == "flow" else _classifier(best, bands, samples)
        limit = config.tune.timeout
        deadline = None if limit is None else begun + 60 * limit * place / len(names)
        tuning = _follow(search, best, tuning, path, deadline)
        first = tuning.of(name)[0]
        best = best if first.number == 0 else search.apply(best, first.settings)
    write_text(job.out / BEST, _best_yaml(best, tuning, names, job.out))
    if any(sum(trial.study == name for trial in tuning.trials) < config.tune.trials for name in names):
        raise UnfinishedError("the time is up; the same command makes further trials")
    yield from (path, job.out / BEST)


def _follow(search: Search, config: Config, tuning: Tuning, path: Path, deadline: float | None) -> Tuning:
    """Make the trials of a search that are not there yet, and write each as it is finished."""
    others = tuple(trial for trial in tuning.trials if trial.study != search.name)
    # classifiers that were judged with the template of another flow say nothing beside these
    done = tuple(t for t in tuning.trials if t.study == search.name and t.template == search.template)
    for trial in trials_of(search, config, done, config.tune.trials, deadline):
        done = (*done, trial)
        replace(tuning, trials=(*others, *done)).write(path)
    found = importance(search, done, config.seed)
    tuning = replace(tuning, trials=(*others, *done), importance={**tuning.importance, search.name: found})
    if not tuning.of(search.name):
        raise FitError(f"tuning: no {search.name} could be trained; the first: {done[0].problem}")
    tuning.write(path)
    return tuning


def _flow(config: Config, bands: Bands) -> Search:
    """Return the search for the flow of the sidebands' density."""

    def judge(trial: Config) -> tuple[float, dict[str, float]]:
        method = cast(methods.Splines, trial.method)
        smaller = {"ensemble": min(method.ensemble, config.tune.ensemble)}
        density = build_density(method.model_copy(update=smaller))
        return log_likelihood(density, bands, config.fit.bin_width, config.seed), {}

    def apply(given: Config, settings: Settings) -> Config:
        return given.model_copy(update={"method": given.method.model_copy(update=dict(settings))})

    ranges = _ends(config.tune.flow)
    current = {name: getattr(config.method, name) for name in ranges}
    return Search("flow", ranges, current, apply, lambda: judge)


def _classifier(config: Config, bands: Bands, samples: Mapping[str, Sample]) -> Search:
    """Return the search for the classifier, beside the template of the flow that was found."""
    classifier, searched = config.classifier, config.tune
    trees = isinstance(classifier, Trees)

    def prepare() -> Judge:
        simulation = samples.get("simulation")
        method = build_method(config)
        background = method.fit(
            bands.data, bands.windows, simulation=simulation, folds=classifier.folds, seed=config.seed
        )
        background = background.without(bands.hole)
        filled = SignalInBands.of(bands, background, samples["signal"], searched.significance, config.seed)

        def judge(trial: Config) -> tuple[float, dict[str, float]]:
            smaller = {"ensemble": min(classifier.ensemble, searched.ensemble)}
            quick = trial.model_copy(update={"classifier": trial.classifier.model_copy(update=smaller)})
            built, efficiency = build_classifier(quick), searched.background_efficiency
            details = dict(vars(expected(built, filled, efficiency, config.seed)))
            return details.pop("significance"), details

        return judge

    def apply(given: Config, settings: Settings) -> Config:
        update: dict[str, Any] = dict(settings)
        if not trees:
            update = {"hidden": (int(settings["width"]),) * int(settings["layers"])}
        return given.model_copy(update={"classifier": given.classifier.model_copy(update=update)})

    ranges = _ends(searched.trees if trees else searched.network)
    if isinstance(classifier, Trees):
        current: Settings = {name: getattr(classifier, name) for name in ranges}
    else:
        current = {"layers": len(classifier.hidden), "width": classifier.hidden[0]}
    template = {
        name: getattr(config.method, name)
        for name in type(searched.flow).model_fields
        if isinstance(config.method, methods.Splines)
    }
    return Search("classifier", ranges, current, apply, prepare, template)


def _ends(ranges: Ranges) -> dict[str, tuple[float, float]]:
    return dict(ranges)


def _key(config: Config, bands: Bands, samples: Mapping[str, Sample]) -> str:
    """Return a digest of all that a trial depends on, the signal region's data not among it."""
    free = {
        "tune": {"trials", "timeout"},
        "compare": True,
        "selection": True,
        "injection": True,
        "executor": True,
    }
    settings = config.model_dump(mode="json", exclude=cast(Any, free))
    digest = hashlib.sha256(json.dumps([__version__, settings], sort_keys=True).encode())
    for sample in (bands.data, *(samples[name] for name in sorted(samples))):
        for column in (sample.mass, sample.features, sample.weight):
            digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()[:32]


def _best_yaml(best: Config, tuning: Tuning, names: list[str], out: Path) -> str:
    """Return the configuration with the best settings, and above it what was changed, and why."""
    lines = [f"Made by `hepflow tune` from the analysis {best.name!r}; `hepflow run best.yaml` runs it."]
    for name in names:
        trials = [trial for trial in tuning.trials if trial.study == name]
        first = tuning.of(name)[0]
        before = trials[0].value
        was = "failed" if before is None else f"{before:.4f}"
        lines.append(
            f"{name}: {first.value:.4f} in trial {first.number} of {len(trials)}, {was} as configured"
        )
        block = "method" if name == "flow" else "classifier"
        lines += [
            f"  {block}.{key}: {first.settings[key]:g}, was {trials[0].settings[key]:g}"
            for key in first.settings
            if first.settings[key] != trials[0].settings[key]
        ]
    lines += tuning.notes
    wrapped = [part for line in lines for part in textwrap.wrap(line, 108, subsequent_indent="    ")]
    return "".join(f"# {line}\n" for line in wrapped) + best.to_yaml(out)
