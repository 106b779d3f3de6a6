"""The schema of an integration: a function of one's own, its axes and peaks, and how it is learned."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from pydantic import Field, field_validator

from hepflow.config.blocks import Figures
from hepflow.config.defaults import default
from hepflow.config.executor import Executor, Local, runs_on
from hepflow.config.task import TaskBlock
from hepflow.engine.executors import Chosen
from hepflow.errors import ConfigError

RECIPE = "hepflow.integration.recipe:Recipe"
TARGET = re.compile(r"(?P<module>.+):(?P<name>[^\W\d]\w*)")
PYTHON = ".py"


class Integration(TaskBlock):
    """Integrals by proposals that learn the integrand, `task: integrate`."""

    name: str = Field(
        "integral",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        examples=["integral"],
        description="Name of the integral: letters, digits, `.`, `_` and `-`.",
    )
    task: Literal["integrate"] = Field(
        "integrate", examples=["integrate"], description="What makes this file one of an integral."
    )
    function: str = Field(
        examples=["integrand.py:weight"],
        description="What is integrated: FILE.py:FUNCTION, or MODULE:FUNCTION of an installed module. It takes "
        "points (N, D) and returns values (N,); its code is run.",
    )
    dim: int | None = Field(
        None,
        ge=1,
        le=10_000,
        examples=[4],
        description="Number of axes of the unit cube, where no `bounds` are given.",
    )
    bounds: tuple[tuple[float, float], ...] | None = Field(
        None, min_length=1, description="Lowest and highest value of each axis: `[[0, 1], [10, 500]]`."
    )
    calls: int = Field(
        default("hepflow.integration.integrate:integrate.calls"),
        ge=1,
        le=10**12,
        description="Calls of the function in all; half of them train, the others make the value.",
    )
    channels: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (),
        description="Mappings of the peaks, one text a channel: an axis and a kind, such as "
        "`1 breit-wigner-mass 91.2 2.5`, and more behind commas. Kinds: `breit-wigner MASS WIDTH`, "
        "`breit-wigner-mass MASS WIDTH`, `power POWER [ORIGIN]`, `massless [POWER [REGULATOR]]`, `uniform`.",
    )
    proposal: Literal["coupling", "autoregressive", "vegas"] = Field(
        default(f"{RECIPE}.proposal"), description="Spline flows of either kind, or a grid alone."
    )
    loss: Literal["variance", "kl"] = Field(
        default(f"{RECIPE}.loss"), description="Variance of the integral, or divergence from the integrand."
    )
    unweighted: int = Field(0, ge=0, le=10**10, description="Events of equal weight to write, too.")
    figures: Figures = Field(Figures(), description="What stands above the figures.")
    executor: Executor = Field(Local(), description="Where the steps run; results do not depend on it.")

    @field_validator("function")
    @classmethod
    def _a_function_of_a_module(cls, value: str) -> str:
        if TARGET.fullmatch(value) is None:
            raise ValueError(
                f"{value!r}: expected MODULE:FUNCTION or FILE.py:FUNCTION, such as integrand.py:weight"
            )
        return value

    @property
    def blind(self) -> bool:
        """Nothing is hidden: there are no data."""
        return False

    @property
    def runs_on(self) -> Chosen:
        """Where the steps run, as the engine has it."""
        return runs_on(self.executor)

    @property
    def target(self) -> str:
        """The function, its file as it can be opened."""
        return self._with_file(self.function, self.openable)

    @property
    def called(self) -> str:
        """The function as people name it, wherever its file is."""
        return self._with_file(self.function, lambda file: Path(file).name)

    def skipping_bad_files(self) -> NoReturn:
        """Refuse: no file is read."""
        raise ConfigError("--skip-bad-files: an integral reads no files of events; leave it out")

    def _move(self, values: dict[str, Any], seen: Callable[[str], str]) -> None:
        values["function"] = self._with_file(values["function"], seen)

    @staticmethod
    def _with_file(target: str, change: Callable[[str], str]) -> str:
        module, _, name = target.rpartition(":")
        return f"{change(module)}:{name}" if module.endswith(PYTHON) else target
