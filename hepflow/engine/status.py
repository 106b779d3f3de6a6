"""Status: what was done in a run folder, what is left of the last command, and how that ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hepflow.engine.folder import RunFolder
from hepflow.engine.lock import holder
from hepflow.engine.provenance import DONE, KILLED, REPORTING, RUNNING, Command, read_provenance

LEFT = "left"


@dataclass(frozen=True)
class StepStatus:
    """One step: ``done`` with its seconds and when (UTC), or ``left`` with why it was to be made."""

    step: str
    state: str
    seconds: float | None = None
    made: str | None = None
    why: str | None = None


@dataclass(frozen=True)
class Status:
    """A run folder as it stands.

    Parameters
    ----------
    steps
        Those that are done, the oldest first, then those that are left of the last command.
    last
        The last command, as ``provenance.json`` has it; None before the first.
    outcome
        ``running``, ``done``, ``unfinished``, ``interrupted``, ``killed``, or ``failed: ...`` with the error.
    holder
        Who works in the folder now; None where nobody does.
    changed
        Files of finished steps that are not as they were written.
    """

    steps: tuple[StepStatus, ...]
    last: Command | None
    outcome: str
    holder: str | None
    changed: tuple[str, ...] = ()


def status(out: Path) -> Status:
    """Look at a run folder, of whatever study; nothing in it is changed.

    Raises
    ------
    InputError
        If there is no run.
    """
    folder = RunFolder(out, None)
    working = holder(out)
    commands = read_provenance(out).runs
    last = commands[-1] if commands else None
    records = folder.records()
    done = [StepStatus(step, DONE, one.seconds, one.made) for step, one in records.items()]
    left = []
    if last is not None and last.outcome != DONE:
        left = [
            StepStatus(step, LEFT, why=why)
            for step, why in last.steps.items()
            if step not in records or records[step].made < last.started
        ]
    outcome = "not begun" if last is None else last.outcome
    if outcome in (RUNNING, REPORTING):
        outcome = RUNNING if working is not None else KILLED
    changed = (file for file in map(folder.damaged, records) if file is not None)
    return Status((*done, *left), last, outcome, working, tuple(changed))
