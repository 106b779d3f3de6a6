"""Plans: the steps of a study, and what the result of each is made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from hepflow.engine.code import code_of

HELPERS = "helpers"  # begins the names of steps that only save others work


class Failing(Enum):
    """What becomes of a step that cannot be made."""

    STOPS = "stops"  # all of the command
    KEPT = "kept"  # the reason takes the place of the result, for all that need it; others go on
    LEFT = "left"  # to the step that it was to save work


@dataclass(frozen=True)
class Step:
    """A part of a study whose result is kept.

    Parameters
    ----------
    name
        Of its folder, such as ``background`` or ``fit/eps0.01``.
    stage
        The stage that it belongs to, as the user sees them.
    made_by
        The function that makes it, ``module:function``, as `hepflow.engine.job` has them. Its key follows from the
        code of that module and of all that this imports.
    settings
        Plain values: all that the function sees of the configuration.
    needs
        The steps whose results it starts from, by what they are to this one; a list where that is their name.
    files
        Input files that it reads, each with what tells whether it has changed.
    chosen
        Role -> ``module:name`` of what the settings choose, whose code is part of the key as well.
    after
        The steps that are made before it wherever it has to be made itself. They only save it work: it has the same
        result, and the same key, without them.
    failing
        What becomes of it where it cannot be made.
    last
        Whether it is made once the provenance of all others is written, and shows that.
    """

    name: str
    stage: str
    made_by: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    failing: Failing = Failing.STOPS
    last: bool = False
    code: Mapping[str, str] = field(
        init=False, repr=False
    )  # of the process that plans: others have to have the same

    def __post_init__(self) -> None:
        modules = (where.partition(":")[0] for where in (self.made_by, *self.chosen.values()))
        object.__setattr__(self, "code", code_of(*modules))

    @property
    def before(self) -> tuple[str, ...]:
        """All steps that come before it."""
        return (*self.needs.values(), *self.after)


def by_name(*steps: str) -> dict[str, str]:
    """Return steps as needs that are known by their own names."""
    return {step: step for step in steps}


@dataclass(frozen=True)
class Plan:
    """Steps by name, each after those that it needs."""

    steps: Mapping[str, Step]
    _keys: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, steps: Iterable[Step]) -> Plan:
        """Put steps together."""
        return cls({step.name: step for step in steps})

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps.values())

    def __getitem__(self, name: str) -> Step:
        return self.steps[name]

    def __contains__(self, name: str) -> bool:
        return name in self.steps

    def made_from(self, name: str) -> dict[str, Any]:
        """Return what a step is made from, the keys of the steps that it needs among it."""
        step = self.steps[name]
        return {
            **_plain(step.settings),
            "files": _plain(step.files),
            "code": dict(step.code),
            "steps": {need: self.key(other) for need, other in step.needs.items()},
        }

    def key(self, name: str) -> str:
        """Return a hash of all that a step's result depends on, through the steps before it."""
        if name not in self._keys:
            self._keys[name] = key_of(self.made_from(name))
        return self._keys[name]

    def until(self, stage: str | None, stages: tuple[str, ...]) -> list[str]:
        """Return the names of the steps up to a stage, that one included; of all without one."""
        wanted = stages if stage is None else stages[: stages.index(stage) + 1]
        return [step.name for step in self if stage is None or step.stage in wanted]


def key_of(values: Any) -> str:
    """Return a hash of values that JSON can hold."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def differences(before: Any, now: Any, where: str = "") -> list[str]:
    """Return, in words, where two answers of `Plan.made_from` differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        found = []
        for key in sorted({*before, *now}, key=str):
            inner = f"{where}.{key}" if where else str(key)
            found += differences(before.get(key), now.get(key), inner)
        return found
    if before == now:
        return []
    kind, _, rest = where.partition(".")
    if kind == "code":
        return [f"code of {rest}"]
    if kind == "files":
        return [f"file {rest}"]
    if kind == "steps":
        return [f"after {rest}"]
    return [f"{where}: {_short(before)} -> {_short(now)}"]


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, so that it equals what was read back."""
    return json.loads(json.dumps(value, default=str))
