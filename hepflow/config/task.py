"""What every configuration has, whatever it is of: a name, a seed, paths, its hash and its YAML."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import yaml
from pydantic import Field, PrivateAttr

from hepflow.config.blocks import Block
from hepflow.config.inputs import Input
from hepflow.demo import BUNDLED, bundled


class TaskBlock(Block):
    """The whole of a configuration file."""

    beside_results: ClassVar[Any] = {
        "executor": True,
        "figures": True,
        "task": True,
        "tune": True,
    }  # what no number depends on

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Name: letters, digits, `.`, `_` and `-`.",
    )
    seed: int = Field(1, ge=0, lt=2**32, examples=[1], description="Seed of every random draw.")

    _folder: Path = PrivateAttr(default_factory=Path)

    @property
    def folder(self) -> Path:
        """Folder of the configuration file; relative paths start there."""
        return self._folder

    def within(self, folder: Path) -> Self:
        """Return the same configuration, its relative paths starting from a folder."""
        found = self.model_copy()
        found._folder = folder
        return found

    def opened(self, sample: Input) -> Input:
        """Return a sample with paths as they can be opened: relative ones from `folder`, ``demo:`` from hepflow."""
        return Input.model_validate(with_paths(sample.model_dump(), self.openable))

    def openable(self, path: str) -> str:
        """Return a path as it can be opened, as `opened` has it."""
        return bundled(path) if _stands_alone(path) else str(self._folder.absolute() / path)

    def hash(self) -> str:
        """Return 16 hexadecimal digits of all settings that results depend on, defaults too; paths as written."""
        canonical = json.dumps(self._counted(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def to_yaml(self, folder: Path | None = None) -> str:
        """Return the configuration as YAML; with `folder`, relative paths are made to start from there."""
        values: dict[str, Any] = self.model_dump(mode="json", exclude_none=True)
        if folder is not None:

            def seen(path: str) -> str:
                return path if _stands_alone(path) else os.path.relpath(self._folder / path, folder)

            self._move(values, seen)
        return yaml.safe_dump(values, sort_keys=False, default_flow_style=None, width=110)

    def _counted(self) -> dict[str, Any]:
        """Return all settings that results depend on."""
        return self.model_dump(mode="json", exclude=self.beside_results)

    def _move(self, values: dict[str, Any], seen: Callable[[str], str]) -> None:
        """Change all paths in the dumped `values`."""
        values["inputs"] = with_paths(values["inputs"], seen)


def with_paths(block: Any, change: Callable[[str], str]) -> Any:
    """Return a block in which each `path`, however deep, is changed."""
    if isinstance(block, list | tuple):
        return [with_paths(item, change) for item in block]
    if not isinstance(block, dict):
        return block
    return {
        key: [change(path) for path in value]
        if key == "path" and value is not None
        else with_paths(value, change)
        for key, value in block.items()
    }


def _stands_alone(path: str) -> bool:
    return "://" in path or path.startswith(BUNDLED) or Path(path).is_absolute()
