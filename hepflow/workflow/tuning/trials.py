"""The records of a tuning, and the file that keeps them: every trial with its settings and what it was worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hepflow.errors import ConfigError, InputError
from hepflow.storage import read_record, write_json

SCHEMA = "hepflow-tuning-1"
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
class Tuning:
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

    name: str
    key: str
    trials: tuple[Trial, ...] = ()
    importance: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def of(self, study: str) -> tuple[Trial, ...]:
        """Return the trials of a study that have a value, the best first."""
        judged = [trial for trial in self.trials if trial.study == study and trial.value is not None]
        return tuple(sorted(judged, key=lambda trial: (-(trial.value or 0.0), trial.number)))

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``tuning.json``."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "key": self.key,
            "trials": [dict(vars(trial)) for trial in self.trials],
            "importance": self.importance,
            "notes": list(self.notes),
        }

    def write(self, path: Path) -> None:
        """Write ``tuning.json``, whole or not at all."""
        write_json(path, self.to_dict())


def load_trials(path: Path, key: str) -> tuple[Trial, ...]:
    """Return the trials of an earlier tuning, from which this one goes on; none where there is no file.

    Raises
    ------
    ConfigError
        If they were made with other data or settings.
    InputError
        If the file is damaged.
    """
    if not path.exists():
        return ()
    content = read_record(path, SCHEMA)
    if content.get("key") != key:
        raise ConfigError(
            f"{path}: trials of other data, other settings or another version; choose another --out, or remove it"
        )
    try:
        trials = tuple(Trial(**trial) for trial in content["trials"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: damaged ({error}); remove it to start anew") from None
    if not all(
        isinstance(trial.settings, dict) and trial.study in ("flow", "classifier") for trial in trials
    ):
        raise InputError(f"{path}: damaged: a trial without study or settings; remove it to start anew")
    return trials
