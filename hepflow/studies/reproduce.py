"""Reproducing: a run done again from its own record, and what came out differently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hepflow.config import AnyTask, load_config
from hepflow.config.executor import Local
from hepflow.engine.folder import RunFolder
from hepflow.engine.provenance import read_provenance
from hepflow.records import read_json
from hepflow.studies.analysis.pieces import fingerprint, whole_path
from hepflow.studies.known import study_of

APART = ("timing", "unblinded", "versions", "config_hash", "key")  # the last two count paths as written
SECONDS = "seconds"  # of each method of a comparison, and of each trial


@dataclass(frozen=True)
class Reproduction:
    """What came of doing a run again.

    Parameters
    ----------
    differences
        Key of the record -> value before and now; empty where both are the same to the last digit.
    files
        Input files that have changed since, with what is different about them.
    versions
        Package -> version then and now, where they differ; and what else the last bits depend on.
    out
        The folder of the new run.
    """

    differences: dict[str, tuple[Any, Any]]
    files: tuple[str, ...]
    versions: dict[str, tuple[str | None, str | None]]
    out: Path


def reproduce(original: Path, out: Path, overrides: tuple[str, ...] = ()) -> Reproduction:
    """Run an analysis again from the configuration that its folder keeps, and compare the results.

    Parameters
    ----------
    original
        The folder of a finished study.
    out
        Where the new run goes; resumed if it was begun there.
    overrides
        Settings to run it with, such as ``executor=processes``.

    Raises
    ------
    InputError
        If the original is no finished run.
    """
    folder, study = RunFolder(original, None), study_of(original)
    blind = getattr(study.read(original), "blind", False)
    config = _elsewhere(original / "config.yaml", overrides)
    study.run(config, out, unblind=config.blind and not blind)
    before, now = (read_json(each / study.file) for each in (original, out))
    then, here = (_versions(each) for each in (original, out))
    recorded = [record.made_from.get("files", {}) for record in folder.records().values()]
    files = {file: tuple(known) for each in recorded for file, known in each.items()}
    return Reproduction(
        differences=dict(_different(before, now)),
        files=tuple(_changed(files)),
        versions={
            name: (then.get(name), here.get(name))
            for name in {**then, **here}
            if then.get(name) != here.get(name)
        },
        out=out,
    )


def _elsewhere(path: Path, overrides: tuple[str, ...]) -> AnyTask:
    """Return the settings of a run, with as many threads for each step: the last digits depend on them."""
    before, config = load_config(path).executor, load_config(path, overrides)
    now = config.executor
    if isinstance(before, Local) or isinstance(now, Local) or "threads" in now.model_fields_set:
        return config
    return config.model_copy(update={"executor": now.model_copy(update={"threads": before.threads})})


def _versions(folder: Path) -> Mapping[str, str]:
    """Return versions and arithmetic of the last command that made steps in a run folder."""
    commands = [one for one in read_provenance(folder).runs if one.seconds_of_steps]
    if not commands:
        return {}
    last = commands[-1]
    told = ("processor", "vector_instructions", "threads", "flows")
    return {**last.versions, **{name: str(last.machine[name]) for name in told if name in last.machine}}


def _changed(files: dict[str, tuple[Any, ...]]) -> Iterator[str]:
    for file, known in files.items():
        try:
            found = fingerprint([file])[whole_path(file)]
        except OSError:
            yield f"{file} is missing"
            continue
        if found[2] != known[2] or found[0] != known[0]:
            yield f"{file} has another content"


def _different(before: Any, now: Any, where: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield every place where two results differ, and the values there."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in {**before, **now}:
            if key != SECONDS and (where or key not in APART):
                yield from _different(before.get(key), now.get(key), f"{where}.{key}" if where else key)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, pair in enumerate(zip(before, now, strict=True)):
            yield from _different(*pair, f"{where}[{number}]")
    elif before != now:
        yield where, (before, now)
