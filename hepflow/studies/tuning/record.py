"""The records of a tuning, and the file that keeps them: every trial with its settings and what it was worth."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
        Which search, such as ``flow`` or ``classifier``.
    number
        From 0, in its study; trial 0 has the settings of the configuration.
    settings
        Those that are searched.
    value
        What the search maximises; None where the training failed, or was stopped after a first look.
    details
        Other numbers behind the value.
    problem
        Why it failed; None where it did not.
    template
        Flow settings behind the template that a classifier was judged with; empty for a flow.
    seconds
        Wall time.
    early
        The value after the fewest epochs of the range; None where there was no such look.
    """

    study: str
    number: int
    settings: Settings
    value: float | None
    details: Mapping[str, float] = field(default_factory=dict)
    problem: str | None = None
    template: Settings = field(default_factory=dict)
    seconds: float = 0.0
    early: float | None = None

    @property
    def pruned(self) -> bool:
        """Whether it was stopped after a first look."""
        return self.value is None and self.problem is None


@dataclass(frozen=True)
class Tuning(Record):
    """All trials of a tuning.

    Parameters
    ----------
    name
        That of the configuration.
    key
        Digest of all that a trial depends on: data, settings that are not searched, version.
    trials
        In the order in which they were made.
    importance
        Share of the variance of a study's values that each setting explains, by study; empty for few trials.
    notes
        What a reader of the result must know, such as why a search was left out.
    merits
        What each search maximises, as tables show it.
    judged
        By which events, in words.
    """

    schema: ClassVar[str] = "hepflow-tuning-1"
    remedy: ClassVar[str] = "remove it to start anew"

    name: str
    key: str
    trials: tuple[Trial, ...] = ()
    importance: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    merits: Mapping[str, str] = field(default_factory=dict)
    judged: str = ""

    def of(self, study: str) -> tuple[Trial, ...]:
        """Return the trials of a study that have a value, the best first."""
        judged = [trial for trial in self.trials if trial.study == study and trial.value is not None]
        return tuple(sorted(judged, key=lambda trial: (-(trial.value or 0.0), trial.number)))


def earlier(path: Path, key: str, names: Collection[str]) -> tuple[Trial, ...]:
    """Return the trials of an earlier tuning, from which this one goes on; none of other data, settings or versions.

    Raises
    ------
    InputError
        If the file is damaged: it has a trial of a search that there is not.
    """
    if not path.exists():
        return ()
    found = Tuning.from_json(path)
    if any(trial.study not in names for trial in found.trials):
        raise InputError(f"{path}: damaged: a trial of neither {' nor '.join(names)}; {Tuning.remedy}")
    return found.trials if found.key == key else ()
