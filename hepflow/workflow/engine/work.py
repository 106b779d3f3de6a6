"""Work: the steps of a plan, made or read back in a run folder."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from hepflow.errors import HepflowError, InputError
from hepflow.workflow.engine.code import differing
from hepflow.workflow.engine.folder import RunFolder
from hepflow.workflow.engine.plan import Plan

T = TypeVar("T")
log = logging.getLogger("hepflow.workflow")


class Work:
    """The steps of a plan in a run folder. A result is made where its folder has none from the same settings."""

    def __init__(self, plan: Plan, folder: RunFolder) -> None:
        self.plan, self.folder = plan, folder

    def perform(self, step: str) -> None:
        """Make the result of a step and keep it, unless it is there: each kind of work knows how."""
        raise NotImplementedError(step)

    def keep(
        self,
        step: str,
        make: Callable[[], T],
        save: Callable[[Path, T], None],
        load: Callable[[Path], T],
    ) -> T:
        """Read the result of a step if it is there and undamaged, else make it and keep it in the step's folder."""
        if self.folder.todo(self.plan, step) is None:
            broken = self.folder.damaged(step)
            if broken is None:
                try:
                    return load(self.folder.of(step))
                except (HepflowError, OSError, ValueError, KeyError, TypeError) as error:
                    broken = str(error)
            log.warning("%s: not as it was written (%s); it is made anew", self.folder.of(step), broken)
        self._check_code(step)
        start = time.perf_counter()
        result = make()
        with self.folder.replacing(step) as place:
            save(place, result)
            seconds = time.perf_counter() - start
            files = [file for file in place.rglob("*") if file.is_file()]
            self.folder.finish(place, self.plan, step, seconds, files)
        log.info("%s: done in %.1f s", step, seconds)
        return result

    def publish(self, step: str, make: Callable[[], Iterable[Path]]) -> None:
        """Have files written for people to see, anywhere in the run folder; those of an older result go."""
        if self.folder.todo(self.plan, step) is None and self.folder.damaged(step) is None:
            return
        self._check_code(step)
        older = self.folder.record(step)
        start = time.perf_counter()
        files = list(make())
        seconds = time.perf_counter() - start
        with self.folder.replacing(step) as place:
            self.folder.finish(place, self.plan, step, seconds, files)
        known = {str(file.relative_to(self.folder.path)) for file in files}
        for left in (older.files if older else {}).keys() - known:
            if (self.folder.path / left).is_file():
                (self.folder.path / left).unlink()
        log.info("%s: done in %.1f s", step, seconds)

    def checkpoint(self, step: str) -> Path:
        """Return where a step keeps its training as it goes; one with other settings is forgotten."""
        name = step.replace("/", "-")
        path = self.folder.path / "checkpoints" / f"{name}-{self.plan.key(step)[:12]}.safetensors"
        path.parent.mkdir(exist_ok=True)
        for other in path.parent.glob(f"{name}-*.safetensors"):
            if not other.stem.startswith(path.stem):  # a method may keep a second training beside it
                other.unlink()
        return path

    def _check_code(self, step: str) -> None:
        """Refuse to make the result of a step with code of another version than its key says.

        Raises
        ------
        InputError
            As in a worker with another hepflow.
        """
        file = differing(self.plan[step].made_from.get("code", {}))
        if file is not None:
            raise InputError(
                f"{step}: hepflow/{file} on {platform.node()} is not that of the command; install the same hepflow "
                "for all workers, and leave it as it is while they work"
            )
