"""The records of a tuning, and the file that keeps them: every trial with its settings and what it was worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from hepflow.errors import InputError
from hepflow.records import Record

Settings = Mapping[str, int | float]


@dataclass(frozen=True)
class Trial:
    """One set of settings, and what it is worth.

    Parameters
    ----------
    study
        ``flow`` or ``classifier``.
    number
        From 0, in its study; trial 0 has the settings of the configuration.
    settings
        Those that are searched.
    value
        What the study maximises (`merit`); None where the training failed.
    details
        Other numbers behind the value.
    problem
        Why it failed; None where it did not.
    template
        Flow settings behind the template that a classifier was judged with; empty for a flow.
    seconds
        Wall time.
    """

    study: str
    number: int
    settings: Settings
    value: float | None
    details: Mapping[str, float] = field(default_factory=dict)
    problem: str | None = None
    template: Settings = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Tuning(Record):
    """All trials of a tuning.

    Parameters
    ----------
    name
        That of the analysis.
    key
        Digest of all that a trial depends on: data, settings that are not searched, version.
    trials
        In the order in which they were made.
    importance
        Share of the variance of a study's values that each setting explains, by study; empty for few trials.
    notes
        What a reader of the result must know, such as why a study was left out.
    """

    schema: ClassVar[str] = "hepflow-tuning-1"
    remedy: ClassVar[str] = "remove it to start anew"

    name: str
    key: str
    trials: tuple[Trial, ...] = ()
    importance: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def of(self, study: str) -> tuple[Trial, ...]:
        """Return the trials of a study that have a value, the best first."""
        judged = [trial for trial in self.trials if trial.study == study and trial.value is not None]
        return tuple(sorted(judged, key=lambda trial: (-(trial.value or 0.0), trial.number)))


def earlier(path: Path, key: str) -> tuple[Trial, ...]:
    """Return the trials of an earlier tuning, from which this one goes on; none of other data, settings or versions.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    if not path.exists():
        return ()
    found = Tuning.from_json(path)
    if any(trial.study not in ("flow", "classifier") for trial in found.trials):
        raise InputError(f"{path}: damaged: a trial of neither flow nor classifier; {Tuning.remedy}")
    return found.trials if found.key == key else ()
