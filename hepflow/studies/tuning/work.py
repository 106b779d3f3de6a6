"""The step of a tuning: search after search, each trial kept as it is finished."""

from __future__ import annotations

import hashlib
import json
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from hepflow.atomic import write_text
from hepflow.config.load import OTHERS
from hepflow.config.task import TaskBlock
from hepflow.config.top import Config
from hepflow.engine.job import Job, UnfinishedError, published
from hepflow.errors import FitError
from hepflow.studies.tuning.record import Tuning, earlier
from hepflow.studies.tuning.search import import_optuna, importance, trials_of
from hepflow.studies.tuning.tunable import Bench, Search, Tunable, budget
from hepflow.version import __version__

FILE, BEST, FIGURES = "tuning.json", "best.yaml", "figures"


@published
def trials(job: Job) -> Iterator[Path]:
    """Search better settings, by what the task says that they are worth.

    ``tuning.json`` is written after each trial, ``best.yaml`` and figures of what mattered at the end.
    """
    import_optuna()
    given = job.settings["config"]
    best: TaskBlock = (
        OTHERS.get(given["task"], Config).model_validate(given).within(Path(job.settings["folder"]))
    )
    tunable: Tunable[Any] = job.chosen("tunable")
    bench, notes = tunable.bench(best, job["read"]), tunable.left_out(best)
    path, key, known = job.out / FILE, _key(tunable, best, bench), tuple(tunable.merits)
    tuning = Tuning(
        best.name,
        key,
        earlier(path, key, known),
        notes=tuple(notes.values()),
        merits=tunable.merits,
        judged=tunable.judged,
    )
    begun, names, searched = time.monotonic(), [name for name in known if name not in notes], budget(best)
    for place, name in enumerate(names, start=1):
        search = bench.search(name, best)
        limit = searched.timeout
        deadline = None if limit is None else begun + 60 * limit * place / len(names)
        tuning = _follow(search, best, tuning, path, deadline)
        first = tuning.of(name)[0]
        best = best if first.number == 0 else search.apply(best, first.settings)
    write_text(job.out / BEST, _best_yaml(tunable, best, tuning, names, job.out))
    drawn: list[Path] = []
    if any(tuning.importance.values()):
        from hepflow.plots.figure import save_all  # heavy
        from hepflow.studies.tuning.figures import figures

        drawn = save_all(figures(tuning), job.out / FIGURES)
    if any(sum(trial.study == name for trial in tuning.trials) < searched.trials for name in names):
        raise UnfinishedError("the time is up; the same command makes further trials")
    yield from (path, job.out / BEST, *drawn)


def _follow(
    search: Search[Any], config: TaskBlock, tuning: Tuning, path: Path, deadline: float | None
) -> Tuning:
    """Make the trials of a search that are not there yet, and write each as it is finished."""
    others = tuple(trial for trial in tuning.trials if trial.study != search.name)
    # classifiers that were judged with the template of another flow say nothing beside these
    done = tuple(t for t in tuning.trials if t.study == search.name and t.template == search.template)
    for trial in trials_of(search, config, done, budget(config).trials, deadline):
        done = (*done, trial)
        replace(tuning, trials=(*others, *done)).write(path)
    found = importance(search, done, config.seed)
    tuning = replace(tuning, trials=(*others, *done), importance={**tuning.importance, search.name: found})
    if not tuning.of(search.name):
        raise FitError(f"tuning: no {search.name} could be trained; the first: {done[0].problem}")
    tuning.write(path)
    return tuning


def _key(tunable: Tunable[Any], config: TaskBlock, bench: Bench[Any]) -> str:
    """Return a digest of all that a trial depends on."""
    free = {**config.beside_results, "tune": {"trials", "timeout"}, **tunable.beside}
    settings = config.model_dump(mode="json", exclude=cast(Any, free))
    digest = hashlib.sha256(json.dumps([__version__, settings], sort_keys=True).encode())
    for column in bench.columns:
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()[:32]


def _best_yaml(tunable: Tunable[Any], best: TaskBlock, tuning: Tuning, names: list[str], out: Path) -> str:
    """Return the configuration with the best settings, and above it what was changed, and why."""
    lines = [
        f"Made by `hepflow tune` from the configuration {best.name!r}; `hepflow {tunable.runs} best.yaml` runs it."
    ]
    for name in names:
        trials = [trial for trial in tuning.trials if trial.study == name]
        first = tuning.of(name)[0]
        before = trials[0].value
        was = "failed" if before is None else f"{before:.4f}"
        lines.append(
            f"{name}: {first.value:.4f} in trial {first.number} of {len(trials)}, {was} as configured"
        )
        block = tunable.blocks[name]
        lines += [
            f"  {block}.{key}: {first.settings[key]:g}, was {trials[0].settings[key]:g}"
            for key in first.settings
            if first.settings[key] != trials[0].settings[key]
        ]
    lines += tuning.notes
    wrapped = [part for line in lines for part in textwrap.wrap(line, 108, subsequent_indent="    ")]
    return "".join(f"# {line}\n" for line in wrapped) + best.to_yaml(out)
