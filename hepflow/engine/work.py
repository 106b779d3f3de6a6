"""Work: the steps of a plan in a run folder, each made once, kept and read again."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hepflow.atomic import write_text
from hepflow.engine.code import differing
from hepflow.engine.folder import RunFolder
from hepflow.engine.job import Job, Published, Stored, UnfinishedError, find
from hepflow.engine.plan import Failing, Plan
from hepflow.errors import ConfigError, FitError, HepflowError, InputError

FAILURE = "failure.txt"
REFUSED = (InputError, FitError, ConfigError)  # what a step may say of its input and settings
log = logging.getLogger("hepflow.engine")


class NoResultError(InputError):
    """A step that this one needs has no result; the reason was given before."""


class Work:
    """The steps of a plan in a run folder. A result is made where its folder has none from the same settings."""

    def __init__(self, plan: Plan, folder: RunFolder) -> None:
        self.plan, self.folder = plan, folder
        self._held: dict[str, Any] = {}

    def perform(self, name: str) -> None:
        """Make the result of a step and keep it, unless it is there; or what its `failing` says."""
        step = self.plan[name]
        try:
            self.result(name)
        except UnfinishedError as error:
            log.info("%s: %s", name, error)
        except REFUSED as error:
            if step.failing is Failing.STOPS:
                raise
            if not isinstance(error, NoResultError):
                log.warning("%s: %s", name, error) if step.failing is Failing.KEPT else log.info(
                    "%s: left to what comes after it: %s", name, error
                )
            if step.failing is Failing.KEPT:
                self._keep_failure(name, str(error))

    def result(self, name: str) -> Any:
        """Return the result of a step: held from before, read from its folder, or made and kept there.

        Raises
        ------
        NoResultError
            If it was tried, and what stood in the way was kept.
        HepflowError
            What the function that makes it raises.
        """
        if name not in self._held:
            if (reason := self.failure(name)) is not None:
                raise NoResultError(reason)
            how = find(self.plan[name].made_by)
            if isinstance(how, Published):
                self._publish(name, how)
                return None
            self._held[name] = self._made(name, how)
        return self._held[name]

    def failure(self, name: str) -> str | None:
        """Return why a step has no result; None where it has one, or was not tried."""
        reason = self.folder.of(name) / FAILURE
        if reason.is_file() and self.folder.todo(self.plan, name) is None:
            return reason.read_text(encoding="utf-8")
        return None

    def peek(self, name: str) -> Any | None:
        """Read a result that is there and undamaged, without holding it; None for any other."""
        how = find(self.plan[name].made_by)
        if not isinstance(how, Stored) or self.folder.todo(self.plan, name) is not None:
            return None
        if self.folder.damaged(name) is not None or self.failure(name) is not None:
            return None
        return how.load(Job(self, self.plan[name]), self.folder.of(name))

    def release(self, left: Iterable[str]) -> None:
        """Forget all results but those that steps which are left start from, so that memory does not grow."""
        needed = {need for name in left for need in self.plan[name].before}
        self._held = {name: result for name, result in self._held.items() if name in needed}

    def _made(self, name: str, how: Stored[Any]) -> Any:
        """Read the result of a step if it is there and undamaged, else make it and keep it in the step's folder."""
        job, place = Job(self, self.plan[name]), self.folder.of(name)
        if self.folder.todo(self.plan, name) is None:
            broken = self.folder.damaged(name)
            if broken is None:
                try:
                    return how.load(job, place)
                except (HepflowError, OSError, ValueError, KeyError, TypeError) as error:
                    broken = str(error)
            log.warning("%s: not as it was written (%s); it is made anew", place, broken)
        self._check_code(name)
        start = time.perf_counter()
        result = how.make(job)
        with self.folder.replacing(name) as place:
            how.save(place, result)
            self._finish(place, name, start)
        return result

    def _publish(self, name: str, how: Published) -> None:
        """Have files written anywhere in the run folder; those of an older result go."""
        if self.folder.todo(self.plan, name) is None and self.folder.damaged(name) is None:
            return
        self._check_code(name)
        older = self.folder.record(name)
        start = time.perf_counter()
        files = list(how.make(Job(self, self.plan[name])))
        with self.folder.replacing(name) as place:
            self._finish(place, name, start, files)
        known = {str(file.relative_to(self.folder.path)) for file in files}
        for left in (older.files if older else {}).keys() - known:
            if (self.folder.path / left).is_file():
                (self.folder.path / left).unlink()

    def _keep_failure(self, name: str, reason: str) -> None:
        if self.failure(name) is None:
            with self.folder.replacing(name) as place:
                write_text(place / FAILURE, reason)
                self.folder.finish(place, self.plan, name, 0.0, [place / FAILURE])

    def _finish(self, place: Path, name: str, start: float, files: Iterable[Path] | None = None) -> None:
        """Write the record of a step; without `files`, all in its folder are its result."""
        seconds = time.perf_counter() - start
        found = [file for file in place.rglob("*") if file.is_file()] if files is None else files
        self.folder.finish(place, self.plan, name, seconds, found)
        log.info("%s: done in %.1f s", name, seconds)

    def _check_code(self, name: str) -> None:
        """Refuse to make the result of a step with code of another version than its key says.

        Raises
        ------
        InputError
            As in a worker with another hepflow.
        """
        file = differing(self.plan[name].code)
        if file is not None:
            raise InputError(
                f"{name}: hepflow/{file} on {platform.node()} is not that of the command; install the same hepflow "
                "for all workers, and leave it as it is while they work"
            )
