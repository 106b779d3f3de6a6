"""Tuning: settings of the flow, then of the classifier, searched beside the signal region."""

from __future__ import annotations

import hashlib
import json
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from hepflow.errors import ConfigError, FitError
from hepflow.features import features
from hepflow.sample import Sample
from hepflow.storage import write_text
from hepflow.version import __version__
from hepflow.workflow.build import build_classifier, build_density, build_method, open_inputs
from hepflow.workflow.config import Config, Trees, methods
from hepflow.workflow.config.methods import NEEDS_SIMULATION
from hepflow.workflow.config.tune import Ranges
from hepflow.workflow.tuning.merit import Bands, Trap, expected, log_likelihood
from hepflow.workflow.tuning.study import Judge, Study, import_optuna, importance, search
from hepflow.workflow.tuning.trials import Settings, Tuning, load_trials

WITHOUT_CLASSIFIER = ("anode", "r-anode")  # whose score is a ratio of densities


def tune(config: Config, out: Path) -> Tuning:
    """Search better settings of the flow, then of the classifier, without a look at the signal region.

    Data of the signal region are cut away before anything else. Flows are judged by the likelihood of the events in
    the validation bands, classifiers by what they would see of signal put there (`hepflow.workflow.tuning.merit`).

    Parameters
    ----------
    config
        The analysis; its `tune` block says what is searched, and for how long. Signal that it injects is left out.
    out
        Folder: ``tuning.json``, written after each trial, from which an interrupted tuning goes on to the end that
        it would have had; and ``best.yaml``, the configuration with the best settings.

    Raises
    ------
    ConfigError
        If there is nothing to tune, the folder holds a tuning of other data or settings, or Optuna is not installed.
    InputError
        If files cannot be read, or hold too few events.
    FitError
        If no trial of a study could be trained.
    """
    import_optuna()
    sources = open_inputs(config)
    wanted = ("data", "signal", *(("simulation",) if config.method.name in NEEDS_SIMULATION else ()))
    samples = {name: features(sources[name], config.features) for name in wanted if name in sources}
    bands = Bands.of(samples["data"], config.regions.windows, config.regions.validation or None)
    del samples["data"]
    notes = _left_out(config, samples)
    out.mkdir(parents=True, exist_ok=True)
    path, key = out / "tuning.json", _key(config, bands, samples)
    tuning = Tuning(config.name, key, load_trials(path, key), notes=tuple(notes.values()))
    best, begun = config, time.monotonic()
    studies = [name for name in ("flow", "classifier") if name not in notes]
    for place, name in enumerate(studies, start=1):
        study = _flow(best, bands) if name == "flow" else _classifier(best, bands, samples)
        limit = config.tune.timeout
        deadline = None if limit is None else begun + 60 * limit * place / len(studies)
        tuning = _follow(study, best, tuning, path, deadline)
        first = tuning.of(name)[0]
        best = best if first.number == 0 else study.apply(best, first.settings)
    write_text(out / "best.yaml", _best_yaml(best, tuning, studies, out))
    return tuning


def _left_out(config: Config, samples: dict[str, Sample]) -> dict[str, str]:
    """Return why a study is not made, by its name.

    Raises
    ------
    ConfigError
        If neither is.
    """
    notes = {}
    name = config.method.name
    if not isinstance(config.method, methods.Splines):
        notes["flow"] = f"flow: method {name!r} has no settings of a flow"
    if name in WITHOUT_CLASSIFIER:
        notes["classifier"] = f"classifier: the score of {name!r} is a ratio of densities"
    elif "signal" not in samples:
        notes["classifier"] = (
            "classifier: without inputs.signal there is nothing to find in the validation bands, and the best "
            "classifier would be one that learns nothing"
        )
    if len(notes) == 2:
        raise ConfigError(
            "nothing to tune: " + "; ".join(notes.values()) + ". Give inputs.signal, or choose another method"
        )
    return notes


def _follow(study: Study, config: Config, tuning: Tuning, path: Path, deadline: float | None) -> Tuning:
    """Make the trials of a study that are not there yet, and write each as it is finished."""
    others = tuple(trial for trial in tuning.trials if trial.study != study.name)
    # classifiers that were judged with the template of another flow say nothing beside these
    done = tuple(t for t in tuning.trials if t.study == study.name and t.template == study.template)
    for trial in search(study, config, done, config.tune.trials, deadline):
        done = (*done, trial)
        replace(tuning, trials=(*others, *done)).write(path)
    found = importance(study, done, config.seed)
    tuning = replace(tuning, trials=(*others, *done), importance={**tuning.importance, study.name: found})
    if not tuning.of(study.name):
        raise FitError(f"tuning: no {study.name} could be trained; the first: {done[0].problem}")
    tuning.write(path)
    return tuning


def _flow(config: Config, bands: Bands) -> Study:
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
    return Study("flow", ranges, current, apply, lambda: judge)


def _classifier(config: Config, bands: Bands, samples: dict[str, Sample]) -> Study:
    """Return the search for the classifier, beside the template of the flow that was found."""
    classifier, searched = config.classifier, config.tune
    trees = isinstance(classifier, Trees)

    def prepare() -> Judge:
        simulation = samples.get("simulation")
        method = build_method(config)
        background = method.fit(bands.data, bands.windows, simulation=simulation, seed=config.seed)
        background = background.without(bands.hole)
        trap = Trap.of(bands, background, samples["signal"], searched.significance, config.seed)

        def judge(trial: Config) -> tuple[float, dict[str, float]]:
            smaller = {"ensemble": min(classifier.ensemble, searched.ensemble)}
            quick = trial.model_copy(update={"classifier": trial.classifier.model_copy(update=smaller)})
            built, efficiency = build_classifier(quick), searched.background_efficiency
            details = dict(vars(expected(built, trap, efficiency, classifier.folds, config.seed)))
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
    return Study("classifier", ranges, current, apply, prepare, template)


def _ends(ranges: Ranges) -> dict[str, tuple[float, float]]:
    return dict(ranges)


def _key(config: Config, bands: Bands, samples: dict[str, Sample]) -> str:
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


def _best_yaml(best: Config, tuning: Tuning, studies: list[str], out: Path) -> str:
    """Return the configuration with the best settings, and above it what was changed, and why."""
    lines = [f"Made by `hepflow tune` from the analysis {best.name!r}; `hepflow run best.yaml` runs it."]
    for name in studies:
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
