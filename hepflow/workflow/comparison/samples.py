"""The samples of a comparison: the features of all its inputs, read once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from hepflow.sample import Sample
from hepflow.storage import load_sample, save_sample
from hepflow.workflow.comparison.steps import SAMPLES
from hepflow.workflow.config import Config
from hepflow.workflow.engine.folder import RunFolder
from hepflow.workflow.engine.plan import Plan
from hepflow.workflow.engine.work import Work
from hepflow.workflow.pieces import read_features, read_piece


class Samples(Work):
    """The features of all inputs."""

    def __init__(self, config: Config, plan: Plan, folder: RunFolder) -> None:
        super().__init__(plan, folder)
        self.config = config

    @cached_property
    def all(self) -> dict[str, Sample]:
        """Samples by the names of the inputs."""
        return self.keep(SAMPLES, self._read, _save_samples, _load_samples)

    def _read(self) -> dict[str, Sample]:
        return {name: read_features(self, self.config, name) for name in self.config.inputs.given}

    def perform(self, step: str) -> None:
        """Make the result of a step and keep it, unless it is there."""
        if step == SAMPLES:
            _ = self.all
        else:
            read_piece(self, self.config, step)


def _save_samples(folder: Path, samples: Mapping[str, Sample]) -> None:
    for name, sample in samples.items():
        save_sample(sample, folder / f"{name}.h5")


def _load_samples(folder: Path) -> dict[str, Sample]:
    return {path.stem: load_sample(path) for path in sorted(folder.glob("*.h5"))}
