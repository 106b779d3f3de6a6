"""What can be known of any study before it runs: its inputs are read, and nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from hepflow.engine.study import Blinding, Study
from hepflow.events import Cutflow


@runtime_checkable
class Told(Protocol):
    """What was read, which tells of itself."""

    def lines(self) -> Iterator[str]:
        """Yield what it holds, a line each."""
        ...


@dataclass(frozen=True)
class Checked:
    """What is known of a study before it runs.

    Parameters
    ----------
    lines
        One per finding.
    problems
        Why its result could not be trusted, though it would run.
    """

    lines: tuple[str, ...]
    problems: tuple[str, ...] = ()


def check(study: Study[Any, Any], config: Any) -> Checked:
    """Read what a study reads, and report that, and what it would then do.

    Raises
    ------
    HepflowError
        If it could not start.
    """
    found = study.look(config)
    steps = [step.name for step in study.plan(config, Blinding()) if step.name not in found]
    return Checked(
        (
            *(line for one in found.values() if isinstance(one, Told) for line in one.lines()),
            f"then {len(steps)} steps: {', '.join(steps)}; how long they take is not estimated",
        )
    )


def counted(title: str, cutflow: Cutflow) -> Iterator[str]:
    """Yield the heading of an input, and what became of its events."""
    yield title
    yield from (f"  {cause}: {events:,}" for cause, events in cutflow)
