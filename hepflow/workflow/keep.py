"""Keeping: the results of stages in a run folder, read back where they are there already."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from hepflow.workflow.cache import RunFolder

T = TypeVar("T")


class Stages:
    """The results of stages in a run folder, and the seconds that each took."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.timing: dict[str, float] = {}

    def keep(
        self,
        stage: str,
        key: str,
        make: Callable[[], T],
        save: Callable[[RunFolder, T], None],
        load: Callable[[RunFolder], T],
    ) -> T:
        """Read the result of a stage if it is there, else make and keep it."""
        if self.folder.is_done(stage, key):
            self.timing[stage] = self.folder.seconds(stage)
            return load(self.folder)
        self.folder.begin(stage)
        with self.timed(stage):
            result = make()
            save(self.folder, result)
        self.folder.finish(stage, key, self.timing[stage])
        return result

    def checkpoint(self, stage: str, key: str) -> Path:
        """Return where a stage keeps its training as it goes; one with other settings is forgotten."""
        path = self.folder.file(f"{stage}-{key[:12]}.safetensors")
        for other in path.parent.glob(f"{stage}-*.safetensors"):
            if not other.stem.startswith(path.stem):  # a method may keep a second training beside it
                other.unlink()
        return path

    def forget(self, stage: str) -> None:
        """Remove the checkpoints of a stage whose result, and all that needs its training, is kept."""
        for checkpoint in self.folder.file("").glob(f"{stage}-*.safetensors"):
            checkpoint.unlink()

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note the seconds that a stage takes."""
        start = time.perf_counter()
        yield
        self.timing[stage] = round(time.perf_counter() - start, 3)
