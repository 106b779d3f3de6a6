"""Jobs: what the function that makes a step is given, and what it says of how its result is kept."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hepflow.errors import HepflowError

if TYPE_CHECKING:  # what makes jobs decides nothing of their results
    from hepflow.engine.plan import Step
    from hepflow.engine.work import Work

T = TypeVar("T")


class UnfinishedError(HepflowError):
    """A step stopped at a limit of time. What it wrote stays, and the same command goes on from there."""


@dataclass(frozen=True)
class Job:
    """A step that is being made. Its function sees this and nothing else, so that its key knows all of it.

    Parameters
    ----------
    work
        What has the results of other steps.
    step
        The one that is made.
    """

    work: Work
    step: Step

    @property
    def name(self) -> str:
        """The name of the step."""
        return self.step.name

    @property
    def settings(self) -> Mapping[str, Any]:
        """Plain values: all that the result depends on, beside files, code and other steps."""
        return self.step.settings

    @property
    def out(self) -> Path:
        """The run folder, for what people look at."""
        return self.work.folder.path

    def __iter__(self) -> Iterator[str]:
        """Go through the steps that this one needs, by what they are to it."""
        return iter(self.step.needs)

    def __contains__(self, need: str) -> bool:
        """Tell whether this step needs another one as that."""
        return need in self.step.needs

    def __getitem__(self, need: str) -> Any:
        """Return the result of a step that this one needs, by what it is to this one.

        Raises
        ------
        NoResultError
            Where that has none, with the reason.
        """
        return self.work.result(self.step.needs[need])

    def get(self, need: str, default: Any = None) -> Any:
        """Return the same, or another value where this step needs nothing as that."""
        return default if need not in self.step.needs else self[need]

    def failure(self, need: str) -> str | None:
        """Return why a step that this one needs has no result; None where it has one."""
        return self.work.failure(self.step.needs[need])

    def seconds(self, need: str) -> float:
        """Return how long a step that this one needs took."""
        record = self.work.folder.record(self.step.needs[need])
        return 0.0 if record is None else record.seconds

    def chosen(self, role: str) -> Any:
        """Return what the settings chose for a role, such as the class of the method."""
        return find(self.step.chosen[role])

    def helpers(self) -> Iterator[tuple[Mapping[str, Any], Callable[[], Any]]]:
        """Yield settings of each step that was to save this one work, and what reads its result: None without one."""
        for name in self.step.after:
            yield self.work.plan[name].settings, partial(self.work.peek, name)

    def checkpoint(self, need: str | None = None) -> Path:
        """Return where the training of this step, or of one that it needs, is kept as it goes.

        One with other settings is forgotten.
        """
        step = self.name if need is None else self.step.needs[need]
        name = step.replace("/", "-")
        path = self.out / "checkpoints" / f"{name}-{self.work.plan.key(step)[:12]}.safetensors"
        path.parent.mkdir(exist_ok=True)
        for other in path.parent.glob(f"{name}-*.safetensors"):
            if not other.stem.startswith(path.stem):  # a method may keep a second training beside it
                other.unlink()
        return path

    def timing(self) -> dict[str, float]:
        """Return the seconds that each stage took, this step not among it."""
        spent: dict[str, float] = {}
        for step in self.work.plan:
            record = self.work.folder.record(step.name)
            if record is not None and step.name != self.name and self.name not in step.before:
                spent[step.stage] = spent.get(step.stage, 0.0) + record.seconds
        return {stage: round(seconds, 3) for stage, seconds in spent.items() if seconds}


@dataclass(frozen=True)
class Stored(Generic[T]):
    """How a result is made, kept in the folder of its step, and read again."""

    make: Callable[[Job], T]
    save: Callable[[Path, T], None]
    load: Callable[[Job, Path], T]


@dataclass(frozen=True)
class Published:
    """How files are written for people to see, anywhere in the run folder."""

    make: Callable[[Job], Iterable[Path]]


def stored(
    save: Callable[[Path, T], None], load: Callable[[Job, Path], T]
) -> Callable[[Callable[[Job], T]], Stored[T]]:
    """Have the result of a function kept by `save`, and read again by `load`."""
    return lambda make: Stored(make, save, load)


def derived(make: Callable[[Job], T]) -> Stored[T]:
    """Have the result of a function made anew wherever it is needed: it takes less time than a file would."""
    return Stored(make, lambda _folder, _result: None, lambda job, _folder: make(job))


def published(make: Callable[[Job], Iterable[Path]]) -> Published:
    """Have a function write files for people to see; those of an older result go."""
    return Published(make)


def find(where: str) -> Any:
    """Return what stands somewhere in the package, such as ``hepflow.methods.cathode:Cathode``."""
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)
