"""Provenance: how a run was made, by which versions on which machine, and who saw its blinded data."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from hepflow.arithmetic import arithmetic
from hepflow.engine.folder import RunFolder
from hepflow.engine.notes import now
from hepflow.engine.plan import Plan
from hepflow.engine.unblinding import Unblinding
from hepflow.errors import InputError
from hepflow.records import read_json, read_record, write_json
from hepflow.version import versions

FILE = "provenance.json"
RUNNING, REPORTING, UNFINISHED, DONE, KILLED = (
    "running",
    "reporting",
    "unfinished",
    "done",
    "killed",
)  # beside those of an error
THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "HEPFLOW_NATIVE",
)  # on which the last bits of a result depend


@dataclass(frozen=True)
class Command:
    """A command that worked in a run folder.

    Parameters
    ----------
    started, ended
        When (UTC, ISO 8601); no end while it runs, or where its process was killed.
    outcome
        ``running``, ``reporting``, ``unfinished`` (at a limit of time), ``done``, ``interrupted``, ``killed`` (as the
        next command finds), or ``failed: ...`` with the error.
    seconds
        Wall time.
    command
        The command line, as it can be given again.
    config_hash, seed, executor, inputs
        Of the configuration, and what tells whether its files have changed.
    steps
        Those that it had to make, each with why.
    seconds_of_steps
        Of those that it made.
    versions, machine
        On which numbers depend.
    """

    started: str
    outcome: str
    command: tuple[str, ...]
    steps: Mapping[str, str]
    ended: str | None = None
    seconds: float | None = None
    config_hash: str = ""
    seed: int = 0
    executor: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    seconds_of_steps: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Provenance:
    """What ``provenance.json`` says: commands and unblindings, the oldest first, and whether data are hidden now.

    None where no command said so yet.
    """

    runs: tuple[Command, ...] = ()
    unblinded: tuple[Unblinding, ...] = ()
    blinded: bool | None = None


def read_provenance(folder: Path) -> Provenance:
    """Return what is known of a run folder.

    Raises
    ------
    InputError
        If its ``provenance.json`` is there and cannot be read: it must not be written over.
    """
    path = folder / FILE
    if not path.exists():
        return Provenance()
    try:
        return read_record(path, Provenance)
    except InputError as error:
        raise InputError(
            f"{path} cannot be read ({error}): it says who unblinded this run, and is not written over. Mend it, or "
            "choose another --out"
        ) from None


@contextmanager
def record_run(
    folder: RunFolder, plan: Plan, steps: Mapping[str, str], **about: Any
) -> Iterator[Callable[[str], None]]:
    """Append to ``provenance.json`` what is done now, and then how it ended.

    The block is given what writes an outcome, for the end and before what shows seconds. An error is written for it.

    Parameters
    ----------
    folder
        The run folder.
    plan
        All steps; what files they read is recorded.
    steps
        The steps that are made, each with why.
    **about
        What else a `Command` says of its configuration.

    Yields
    ------
    Callable
        Takes an outcome.

    Raises
    ------
    InputError
        As for `read_provenance`.
    """
    entry = Command(
        started=now(),
        outcome=RUNNING,  # stays so where the process is killed
        command=command(),
        steps=dict(steps),
        inputs={file: known for step in plan for file, known in step.files.items()},
        versions={"python": platform.python_version(), **versions()},
        machine={
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            **{name: os.environ[name] for name in THREADS if name in os.environ},
        },
        **about,
    )
    before = tuple(
        map(_ended, read_provenance(folder.path).runs)
    )  # none of them runs now: the folder is locked
    start = time.perf_counter()

    def write(latest: Command) -> None:
        _write(folder.path, replace(read_provenance(folder.path), runs=(*before, latest)))

    def end(outcome: str) -> None:
        made = {step: one.seconds for step, one in folder.records().items() if one.made >= entry.started}
        write(
            replace(
                entry,
                outcome=outcome,
                machine={**entry.machine, **arithmetic()},  # of which more is known once it was done
                ended=now(),
                seconds=round(time.perf_counter() - start, 3),
                seconds_of_steps={step: made[step] for step in steps if step in made},
            )
        )

    write(entry)
    try:
        yield end
    except BaseException as error:
        with suppress(InputError, OSError):  # as on a full disk: the error that came first is the one to tell
            end("interrupted" if isinstance(error, KeyboardInterrupt) else f"failed: {error}")
        raise


def command() -> tuple[str, ...]:
    """Return the command line of this process, as it can be given again."""
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name  # of python -m hepflow
    return (name, *sys.argv[1:])


def _ended(command: Command) -> Command:
    """Return a command that no longer runs; one that never said how it ended was killed."""
    return replace(command, outcome=KILLED) if command.outcome in (RUNNING, REPORTING) else command


def record_unblinding(folder: Path, by: str, config_hash: str) -> None:
    """Append to ``provenance.json`` that the data of a run folder are looked at from now on.

    Parameters
    ----------
    folder
        The run folder.
    by
        Who asks.
    config_hash
        Of the configuration.

    Raises
    ------
    InputError
        As for `read_provenance`.
    """
    found = read_provenance(folder)
    entry = Unblinding(by, now(), config_hash)
    _write(folder, replace(found, unblinded=(*found.unblinded, entry), blinded=False))


def record_blinding(folder: Path) -> None:
    """Note in ``provenance.json`` that the data of a run folder are hidden from now on.

    Raises
    ------
    InputError
        As for `read_provenance`.
    """
    _write(folder, replace(read_provenance(folder), blinded=True))


def _write(folder: Path, found: Provenance) -> None:
    """Write what is known of a run folder, and leave what else stands in the file."""
    path = folder / FILE
    others = read_json(path) if path.exists() else {}
    write_json(path, {**others, **asdict(found)})
