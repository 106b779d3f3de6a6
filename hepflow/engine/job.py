"""Jobs: what the function that makes a step is given, and what it says of how its result is kept."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from hepflow.errors import HepflowError

T = TypeVar("T")


class UnfinishedError(HepflowError):
    """A step stopped at a limit of time. What it wrote stays, and the same command goes on from there."""


class Job(Protocol):
    """A step that is being made. Its function sees this and nothing else, so that its key knows all of it."""

    @property
    def name(self) -> str:
        """The name of the step."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Plain values: all that the result depends on, beside files, code and other steps."""

    @property
    def out(self) -> Path:
        """The run folder, for what people look at."""

    def __iter__(self) -> Iterator[str]:
        """Go through the steps that this one needs, by what they are to it."""

    def __contains__(self, need: str) -> bool:
        """Tell whether this step needs another one as that."""

    def __getitem__(self, need: str) -> Any:
        """Return the result of a step that this one needs, by what it is to this one.

        Raises
        ------
        NoResultError
            Where that has none, with the reason.
        """

    def get(self, need: str, default: Any = None) -> Any:
        """Return the same, or another value where this step needs nothing as that."""

    def failure(self, need: str) -> str | None:
        """Return why a step that this one needs has no result; None where it has one."""

    def seconds(self, need: str) -> float:
        """Return how long a step that this one needs took."""

    def chosen(self, role: str) -> Any:
        """Return what the settings chose for a role, such as the class of the method."""

    def helpers(self) -> Iterator[tuple[Mapping[str, Any], Callable[[], Any]]]:
        """Yield settings of each step that was to save this one work, and what reads its result: None without one."""

    def checkpoint(self, need: str | None = None) -> Path:
        """Return where the training of this step, or of one that it needs, is kept as it goes.

        One with other settings is forgotten.
        """

    def timing(self) -> dict[str, float]:
        """Return the seconds that each stage took, this step not among it."""


@dataclass(frozen=True)
class Kept(Generic[T]):
    """How a result is made, kept in the folder of its step, and read again."""

    make: Callable[[Job], T]
    save: Callable[[Path, T], None]
    load: Callable[[Job, Path], T]


@dataclass(frozen=True)
class Published:
    """How files are written for people to see, anywhere in the run folder."""

    make: Callable[[Job], Iterable[Path]]


def kept(
    save: Callable[[Path, T], None], load: Callable[[Job, Path], T]
) -> Callable[[Callable[[Job], T]], Kept[T]]:
    """Have the result of a function kept by `save`, and read again by `load`."""
    return lambda make: Kept(make, save, load)


def derived(make: Callable[[Job], T]) -> Kept[T]:
    """Have the result of a function made anew wherever it is needed: it takes less time than a file would."""
    return Kept(make, lambda _folder, _result: None, lambda job, _folder: make(job))


def published(make: Callable[[Job], Iterable[Path]]) -> Published:
    """Have a function write files for people to see; those of an older result go."""
    return Published(make)


def find(where: str) -> Any:
    """Return what stands somewhere in the package, such as ``hepflow.methods.cathode:Cathode``."""
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)
