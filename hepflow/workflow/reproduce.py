"""Reproducing: a run done again from its own record, and what came out differently."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hepflow.comparison import Comparison
from hepflow.errors import InputError
from hepflow.results import Results
from hepflow.searches import RetrainedLimits, WindowScan
from hepflow.storage import read_json
from hepflow.workflow.config import Config, load_config
from hepflow.workflow.config.executor import Local
from hepflow.workflow.engine.folder import RunFolder
from hepflow.workflow.engine.provenance import is_blinded
from hepflow.workflow.run import run
from hepflow.workflow.steps import fingerprint

APART = ("timing", "unblinded", "versions", "config_hash")  # the last counts paths as they are written
SECONDS = "seconds"  # of each method of a comparison


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
        Package -> version then and now, where they differ.
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
        The folder of a finished `hepflow run`, `hepflow run --scan`, `hepflow compare` or `hepflow limit --retrain`.
    out
        Where the new run goes; resumed if it was begun there.
    overrides
        Settings to run it with, such as ``executor=processes``.

    Raises
    ------
    InputError
        If the original is no finished run.
    """
    folder = RunFolder(original, None)
    name = next((name for name in AGAIN if (original / name).is_file()), None)
    if name is None:
        raise InputError(
            f"{original}: no results of a finished run there; expected one of {', '.join(AGAIN)}"
        )
    read, again = AGAIN[name]
    before = _checked(read, original / name)
    again(_elsewhere(original / "config.yaml", overrides), original, out)
    now = _checked(read, out / name)
    recorded = [record.made_from.get("files", {}) for record in folder.records().values()]
    files = {file: tuple(known) for each in recorded for file, known in each.items()}
    return Reproduction(
        differences=dict(_different(before, now)),
        files=tuple(_changed(files)),
        versions={
            name: (before["versions"].get(name), now["versions"].get(name))
            for name in {**before["versions"], **now["versions"]}
            if before["versions"].get(name) != now["versions"].get(name)
        },
        out=out,
    )


def _elsewhere(path: Path, overrides: tuple[str, ...]) -> Config:
    """Return the settings of a run, with as many threads for each step: the last digits depend on them."""
    before, config = load_config(path).executor, load_config(path, overrides)
    now = config.executor
    if isinstance(before, Local) or isinstance(now, Local) or "threads" in now.model_fields_set:
        return config
    return config.model_copy(update={"executor": now.model_copy(update={"threads": before.threads})})


def _run(config: Config, original: Path, out: Path) -> None:
    run(config, out, until="fit", unblind=config.fit.blind and not is_blinded(original))


def _scan(config: Config, original: Path, out: Path) -> None:
    from hepflow.workflow.many.window_scan import scan

    hidden = WindowScan.from_json(original / "scan.json").blind
    scan(config, out, unblind=config.fit.blind and not hidden)


def _compare(config: Config, original: Path, out: Path) -> None:
    from hepflow.workflow.comparison.compare import compare  # loads torch

    injected = Comparison.from_json(original / "comparison.json").injections
    compare(config, out, scan={*injected} == {*config.compare.injections})


def _limits(config: Config, original: Path, out: Path) -> None:
    from hepflow.workflow.many.retrain import retrained_limits

    retrained_limits(config, out)


AGAIN: dict[str, tuple[Callable[[Path], object], Callable[[Config, Path, Path], None]]] = {
    "results.json": (Results.from_json, _run),
    "scan.json": (WindowScan.from_json, _scan),
    "comparison.json": (Comparison.from_json, _compare),
    "limits.json": (RetrainedLimits.from_json, _limits),
}


def _checked(read: Callable[[Path], object], path: Path) -> dict[str, Any]:
    """Return a record as JSON has it, once `read` has refused what is not as hepflow writes it."""
    read(path)
    content: dict[str, Any] = read_json(path)
    return content


def _changed(files: dict[str, tuple[Any, ...]]) -> Iterator[str]:
    for file, known in files.items():
        try:
            (found,) = fingerprint([file]).values()
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
