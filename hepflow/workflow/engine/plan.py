"""Plans: the steps of an analysis, and what the result of each is made from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """A part of an analysis whose result is kept.

    Parameters
    ----------
    name
        Of its folder, such as ``background`` or ``fit/eps0.01``.
    stage
        The stage that it belongs to, as the user sees them.
    made_from
        Settings, files and code: everything that the result depends on, but for other steps' results.
    needs
        The steps whose results it starts from.
    after
        The steps that are made before it wherever it has to be made itself. They only save it work: it has the same
        result, and the same key, without them.
    """

    name: str
    stage: str
    made_from: Mapping[str, Any]
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def before(self) -> tuple[str, ...]:
        """All steps that come before it."""
        return (*self.needs, *self.after)


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

    def made_from(self, name: str) -> dict[str, Any]:
        """Return what a step is made from, the keys of the steps that it needs among it."""
        step = self.steps[name]
        needs = {need: self.key(need) for need in step.needs}
        return {**_plain(step.made_from), "steps": needs}

    def key(self, name: str) -> str:
        """Return a hash of all that a step's result depends on, through the steps before it."""
        if name not in self._keys:
            self._keys[name] = key_of(self.made_from(name))
        return self._keys[name]

    def until(self, stage: str | None, stages: tuple[str, ...]) -> list[str]:
        """Return the names of the steps up to a stage, that one included; of all without one."""
        wanted = stages if stage is None else stages[: stages.index(stage) + 1]
        return [step.name for step in self if step.stage in wanted]


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
