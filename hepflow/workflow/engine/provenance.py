"""Provenance: how a run was made, by which versions on which machine, and who saw its blinded data."""

from __future__ import annotations

import getpass
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hepflow.errors import ConfigError, InputError
from hepflow.results import Unblinding
from hepflow.storage import read_json, write_json
from hepflow.version import __version__
from hepflow.workflow.config import Config
from hepflow.workflow.engine.folder import RunFolder
from hepflow.workflow.engine.notes import now
from hepflow.workflow.engine.plan import Plan

FILE, KEY, RUNS = "provenance.json", "unblinded", "runs"
RUNNING, REPORTING, DONE = "running", "reporting", "done"  # outcomes, beside those of an error
PACKAGES = ("numpy", "torch", "nflows", "scikit-learn", "pyhf", "uproot", "awkward", "hist")
THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "HEPFLOW_NATIVE",
)  # on which the last bits of a result depend


def versions() -> dict[str, str]:
    """Return the versions of hepflow and of the packages that results depend on."""
    return {"hepflow": __version__, **{package: version(package) for package in PACKAGES}}


@contextmanager
def record_run(
    folder: RunFolder, config: Config, plan: Plan, steps: Mapping[str, str]
) -> Iterator[Callable[[str], None]]:
    """Append to ``provenance.json`` what is done now, and then how it ended.

    The block is given what writes an outcome, for the end and before what shows seconds. An error is written for it.

    Parameters
    ----------
    folder
        The run folder.
    config
        The analysis.
    plan
        All its steps; what files they read is recorded.
    steps
        The steps that are made, each with why.

    Yields
    ------
    Callable
        Takes an outcome.

    Raises
    ------
    InputError
        As for `unblindings`.
    """
    entry: dict[str, Any] = {
        "started": now(),
        "ended": None,
        "outcome": RUNNING,  # stays so where the process is killed
        "seconds": None,
        "command": command(),
        "config_hash": config.hash(),
        "seed": config.seed,
        "executor": config.executor.model_dump(mode="json"),
        "inputs": {
            file: list(known) for step in plan for file, known in step.made_from.get("files", {}).items()
        },
        "steps": dict(steps),
        "seconds_of_steps": {},
        "versions": {"python": platform.python_version(), **versions()},
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            **{name: os.environ[name] for name in THREADS if name in os.environ},
        },
    }
    content, _ = _read(folder.path)
    before = content.get(RUNS, [])
    write_json(folder.path / FILE, {**content, RUNS: [*before, entry]})
    start = time.perf_counter()

    def end(outcome: str) -> None:
        made = {step: one.seconds for step, one in folder.records().items() if one.made >= entry["started"]}
        ended = {
            "outcome": outcome,
            "ended": now(),
            "seconds": round(time.perf_counter() - start, 3),
            "seconds_of_steps": {step: made[step] for step in steps if step in made},
        }
        content, _ = _read(folder.path)
        write_json(folder.path / FILE, {**content, RUNS: [*before, entry | ended]})

    try:
        yield end
    except BaseException as error:
        with suppress(InputError, OSError):  # as on a full disk: the error that came first is the one to tell
            end("interrupted" if isinstance(error, KeyboardInterrupt) else f"failed: {error}")
        raise


def command() -> list[str]:
    """Return the command line of this process, as it can be given again."""
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name  # of python -m hepflow
    return [name, *sys.argv[1:]]


def unblindings(folder: Path) -> tuple[Unblinding, ...]:
    """Return when the data of a run folder were unblinded, oldest first.

    Raises
    ------
    InputError
        If its ``provenance.json`` is there and cannot be read: it must not be written over.
    """
    return _read(folder)[1]


def record_unblinding(folder: Path, by: str, config_hash: str) -> None:
    """Append to ``provenance.json`` that the data of a run folder are looked at now.

    Parameters
    ----------
    folder
        The run folder.
    by
        Who asks.
    config_hash
        Of the configuration, as `Results.config_hash`.

    Raises
    ------
    InputError
        As for `unblindings`.
    """
    entry = Unblinding(by, now(), config_hash)
    content, before = _read(folder)
    write_json(folder / FILE, {**content, KEY: [asdict(one) for one in (*before, entry)]})


def runs(folder: Path) -> list[dict[str, Any]]:
    """Return the commands that worked in a run folder, oldest first; errors as in `unblindings`."""
    return list(_read(folder)[0].get(RUNS, []))


def is_blinded(folder: Path) -> bool:
    """Return whether the last results in a run folder are blinded."""
    try:
        return any(cut["blind"] for cut in read_json(folder / "results.json")["cuts"])
    except (InputError, KeyError, TypeError):  # no run has got as far as showing anything
        return False


def user_name() -> str:
    """Return the name of the user.

    Raises
    ------
    ConfigError
        If there is none.
    """
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # as in a container without /etc/passwd
        raise ConfigError("the user has no name here; say who unblinds: --unblind-by NAME") from None


def _read(folder: Path) -> tuple[dict[str, Any], tuple[Unblinding, ...]]:
    """Return everything in the file, and the unblindings among it."""
    path = folder / FILE
    if not path.exists():
        return {}, ()
    try:
        match read_json(path):
            case dict(content) if all(map(_is_run, content.get(RUNS, []))):
                return content, tuple(Unblinding(**entry) for entry in content.get(KEY, ()))
        raise InputError("not as hepflow writes it")
    except (InputError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read ({error}): it says who unblinded this run, and is not written over. Mend it, or "
            "choose another --out"
        ) from None


def _is_run(entry: object) -> bool:
    """Tell whether an entry is one that `record_run` wrote."""
    match entry:
        case {"started": str(), "outcome": str(), "command": list(command), "steps": dict()}:
            return all(isinstance(word, str) for word in command)
    return False
