"""The schema of a study of showers: what is learned from, by which flows, and how what they make is judged."""

from __future__ import annotations

from typing import Literal, NoReturn, Self

from pydantic import Field, model_validator

from hepflow.config.blocks import Block, Figures, Fraction, Paths, each_once, problem
from hepflow.config.defaults import default
from hepflow.config.executor import Executor, Local, runs_on
from hepflow.config.task import TaskBlock
from hepflow.config.tune_others import ShowerTune
from hepflow.engine.executors import Chosen
from hepflow.errors import ConfigError

MODEL = "hepflow.showers.model"
Level = Literal["low", "high"]


class ShowerFiles(Block):
    """Showers in files of the CaloChallenge."""

    path: Paths = Field(
        min_length=1,
        examples=["showers.hdf5"],
        description="A file (HDF5), a glob, or a list of these; relative to this configuration's folder.",
    )
    first: int | None = Field(
        None,
        ge=1,
        le=10**9,
        description="Read so many showers of each file, the first ones; all if left out.",
    )


class Binning(Block):
    """Where the voxels of the showers are."""

    path: Paths = Field(
        min_length=1,
        max_length=1,
        examples=["binning.xml"],
        description="The binning file (XML) of the CaloChallenge.",
    )
    particle: str | None = Field(
        None, description="Whose voxels, where the file has those of several particles."
    )


class SimulatedShowers(Block):
    """Showers of the package's own generator, in the place of files."""

    detector: Literal["toy", "photons"] = Field(
        "toy",
        examples=["toy"],
        description="3 layers of 9 voxels, or the 368 voxels of the CaloChallenge's photons.",
    )
    showers: int = Field(
        20_000,
        ge=100,
        le=10**8,
        examples=[20_000],
        description="How many, those that are held out among them.",
    )


class ShowerInputs(Block):
    """The showers: of files with their geometry, or simulated."""

    training: ShowerFiles | None = Field(None, description="The showers to learn from.")
    held_out: ShowerFiles | None = Field(
        None,
        description="Showers of the same kind that nothing learns from, by which the generated ones are judged; left "
        "out, a share of the training's.",
    )
    geometry: Binning | None = Field(None, description="The geometry of the files, which do not say.")
    simulate: SimulatedShowers | None = Field(
        None, examples=[{}], description="In the place of files: showers of the package's own generator."
    )

    @model_validator(mode="after")
    def _files_or_simulated(self) -> Self:
        files = {key: getattr(self, key) for key in ("training", "held_out", "geometry")}
        if self.simulate is not None:
            for key, value in files.items():
                if value is not None:
                    raise problem(key, "there is `simulate`, too; leave one of them out")
            return self
        for key in ("training", "geometry"):
            if files[key] is None:
                raise problem(key, "missing; expected `training` and `geometry`, or `simulate`")
        return self


class ShowerFlows(Block):
    """The flows that learn the showers: one for the layer energies, and one for each layer."""

    layers: int = Field(default(f"{MODEL}:LAYERS"), ge=1, le=4096, description="Layers of each flow.")
    hidden: int = Field(default(f"{MODEL}:HIDDEN"), ge=1, le=4096, description="Width of the hidden layers.")
    epochs: int = Field(
        default(f"{MODEL}:EPOCHS"), ge=1, le=1_000_000, examples=[12], description="Passes over the showers."
    )
    batch_size: int | None = Field(
        None,
        ge=1,
        le=10**9,
        description="Showers in a training step; left out, a hundredth of the showers, from 64 to 256.",
    )
    learning_rate: float = Field(
        default(f"{MODEL}:LEARNING_RATE"), gt=0, le=1, description="Peak learning rate."
    )
    threshold: float | None = Field(
        None,
        gt=0,
        json_schema_extra={"unit": "GeV"},
        description="Voxels below it are zero; left out, the smallest energy above zero of the training showers.",
    )


class ShowerOutput(Block):
    """The generated showers as a file, at incident energies drawn from those of the training."""

    showers: int = Field(10_000, ge=1, le=10**9, examples=[10_000], description="How many.")


class ShowerJudgement(Block):
    """How generated showers are told from those that were held out, at the same incident energies."""

    levels: tuple[Level, ...] = Field(
        ("low", "high"),
        min_length=1,
        description="What networks see: voxels (`low`), or energies, centres and widths of layers (`high`).",
    )
    repeats: int = Field(
        default("hepflow.showers.judgement:judge.repeats"),
        ge=1,
        le=1000,
        description="Trainings of each network, with splits and first weights of their own.",
    )

    @model_validator(mode="after")
    def _each_level_once(self) -> Self:
        each_once(self.levels)
        return self


class ShowerStudy(TaskBlock):
    """Showers from flows, `task: shower`."""

    name: str = Field(
        "showers",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        examples=["showers"],
        description="Name of the study: letters, digits, `.`, `_` and `-`.",
    )
    task: Literal["shower"] = Field(
        "shower", examples=["shower"], description="What makes this file one of showers."
    )
    inputs: ShowerInputs = Field(examples=[{}], description="The showers.")
    held_out: Fraction = Field(
        0.5, description="Share of the showers that is held out, where there are no `inputs.held_out`."
    )
    model: ShowerFlows = Field(ShowerFlows(), examples=[{}], description="The flows.")
    output: ShowerOutput = Field(ShowerOutput(), examples=[{}], description="The generated showers.")
    judgement: ShowerJudgement = Field(ShowerJudgement(), description="How they are judged.")
    tune: ShowerTune = Field(ShowerTune(), examples=[{}], description="What `hepflow tune` searches.")
    figures: Figures = Field(Figures(), description="What stands above the figures.")
    executor: Executor = Field(Local(), description="Where the steps run; results do not depend on it.")

    @property
    def blind(self) -> bool:
        """Nothing is hidden: there are no data."""
        return False

    @property
    def runs_on(self) -> Chosen:
        """Where the steps run, as the engine has it."""
        return runs_on(self.executor)

    def skipping_bad_files(self) -> NoReturn:
        """Refuse: no damaged file of showers is left out."""
        raise ConfigError(
            "--skip-bad-files: files of showers are few, and none is left out; take a damaged one out of `inputs`"
        )
