"""Config: the blocks of an analysis together, its paths, its hash and its YAML."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator, model_validator

from hepflow.catalogue import METHODS, STUDIES
from hepflow.config.blocks import (
    FEATURES,
    CrossSection,
    Figures,
    Fit,
    Injection,
    Regions,
    Selection,
    each_once,
    problem,
)
from hepflow.config.classifiers import Classifier, Trees
from hepflow.config.columns import Features, OrItsColumn, Resonance, asked
from hepflow.config.compare import Compare
from hepflow.config.executor import Executor, Local, runs_on
from hepflow.config.inputs import Inputs
from hepflow.config.limit import Limit
from hepflow.config.methods import Cathode, Method, Outlier
from hepflow.config.scan import Scan
from hepflow.config.task import TaskBlock
from hepflow.config.tune import Tune
from hepflow.engine.executors import Chosen
from hepflow.errors import ConfigError, did_you_mean
from hepflow.quantity import Quantity

TASKS = tuple(name for name, row in STUDIES.items() if not row.own_schema)


class Config(TaskBlock):
    """A whole analysis."""

    # what chooses a study, a place or a look, and no number
    beside_results: ClassVar[Any] = {**TaskBlock.beside_results, "compare": {"scan"}}

    name: str = Field(
        "search",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        examples=["search"],
        description="Name of the analysis: letters, digits, `.`, `_` and `-`.",
    )
    seed: int = Field(
        1, ge=0, lt=2**32, examples=[1], description="Seed of every random draw but the injection's."
    )
    task: str = Field(
        "search",
        description=f"What `hepflow run` makes: {', '.join(TASKS)}; other commands make what is theirs.",
    )
    inputs: Inputs = Field(examples=[{}], description="The samples of the analysis.")
    injection: Injection | None = Field(None, description="Signal added to the data, to test the search.")
    resonance: Annotated[Resonance | None, OrItsColumn] = Field(
        None,
        description="The variable that is searched; left out, the mass of the two leading jets, m_jj. "
        "`resonance: m_mumu` stands for `resonance: {column: m_mumu}`.",
    )
    features: Features = Field(
        ("m_J1", "dm_J", "tau21_J1", "tau21_J2"),
        min_length=1,
        examples=[["m_J1", "dm_J", "tau21_J1", "tau21_J2"]],
        description=f"What the classifier sees: of jets {', '.join(FEATURES)}; any column of files of format `table` "
        "or `hepflow`; of any format blocks `{name: ..., expression: ...}`.",
    )
    regions: Regions = Field(examples=[{}], description="Signal region and sidebands.")
    method: Method = Field(Cathode(), examples=[{}], description="How the background is estimated.")
    classifier: Classifier = Field(Trees(), examples=[{}], description="How the score is made.")
    selection: Selection = Field(Selection(), examples=[{}], description="Cuts on the score.")
    fit: Fit = Field(Fit(), examples=[{}], description="The fit of the mass spectrum.")
    cross_section: CrossSection = Field(CrossSection(), description="Limits as cross-sections.")
    figures: Figures = Field(Figures(), description="What stands above the figures.")
    compare: Compare = Field(
        Compare(), examples=[{}], description="What `hepflow compare` sets side by side."
    )
    scan: Scan = Field(
        Scan(), examples=[{}], description="What `hepflow run --scan` slides over the spectrum."
    )
    limit: Limit = Field(Limit(), examples=[{}], description="What `hepflow limit CONFIG --retrain` injects.")
    tune: Tune = Field(Tune(), examples=[{}], description="What `hepflow tune` searches.")
    executor: Executor = Field(Local(), description="Where the steps run; results do not depend on it.")

    @field_validator("task")
    @classmethod
    def _task_is_a_study(cls, value: str) -> str:
        if value not in TASKS:
            raise ValueError(f"no task {value!r}; {did_you_mean(value, STUDIES)}")
        return value

    @field_validator("features")
    @classmethod
    def _each_feature_once(cls, value: Features) -> Features:
        each_once(tuple(one if isinstance(one, str) else one.name for one in value))
        return value

    @model_validator(mode="after")
    def _mass_is_no_feature(self) -> Config:
        found = self.resonance
        searched = {"m_jj"} if found is None else {found.called, found.column, found.expression} - {None}
        for one in self.features:
            names = {one} if isinstance(one, str) else {one.name, one.column, one.expression}
            if names & searched:
                name = "m_jj" if found is None else found.called
                raise problem(
                    "features",
                    f"{name!r} is the mass that is searched; a classifier that sees it would sculpt it",
                )
        return self

    @model_validator(mode="after")
    def _tables_say_what_is_searched(self) -> Config:
        if self.resonance is None and any(one.format == "table" for one in self.inputs.given.values()):
            raise problem(
                "resonance",
                "missing: format 'table' needs the column that is searched, as in "
                "`resonance: {column: m_mumu, label: $m_{\\mu\\mu}$, unit: GeV}`",
            )
        return self

    @field_validator("injection")
    @classmethod
    def _nothing_is_no_injection(cls, value: Injection | None) -> Injection | None:
        return None if value is not None and value.events == 0 else value

    @model_validator(mode="after")
    def _bins_are_not_too_many(self) -> Config:
        try:
            self.regions.windows.edges(self.fit.bin_width)
        except ConfigError as error:
            raise problem("fit.bin_width", str(error)) from None
        return self

    @model_validator(mode="after")
    def _injection_has_a_signal(self) -> Config:
        if self.injection is not None and self.inputs.signal is None:
            raise problem("injection", "needs a signal sample; give `inputs.signal`, or leave this out")
        return self

    @model_validator(mode="after")
    def _cross_sections_have_a_luminosity(self) -> Config:
        own, known = self.cross_section.luminosity, self.inputs.of_data
        if self.cross_section.model_dump(exclude_defaults=True) and own is None and known is None:
            raise problem(
                "cross_section", "needs the luminosity of the data; give its `luminosity`, in fb^-1"
            )
        if own is not None and known is not None and not math.isclose(own, known):
            raise problem(
                "cross_section.luminosity",
                f"{own:g} fb^-1, and `inputs.luminosity` {known:g}; give one of them",
            )
        if self.cross_section.mass is not None and self.cross_section.theory is None:
            raise problem("cross_section.mass", "is where a theory is read; give `cross_section.theory`")
        return self

    @model_validator(mode="after")
    def _method_has_what_it_needs(self) -> Config:
        needs = METHODS[self.method.name]
        if needs.needs_truth:
            raise problem("method", f"{self.method.name!r} is a reference, for `hepflow compare` alone")
        if needs.needs_simulation and self.inputs.simulation is None:
            raise problem("method", f"{self.method.name!r} starts from simulation; give `inputs.simulation`")
        return self

    @model_validator(mode="after")
    def _detectors_fit_the_features(self) -> Config:
        chosen = {"method": self.method} | {
            f"compare.methods.{place}": method for place, method in enumerate(self.compare.methods or ())
        }
        for where, method in chosen.items():
            if isinstance(method, Outlier) and (found := method.detector.misfit(len(self.features))):
                raise problem(f"{where}.detector.{found[0]}", found[1])
        return self

    @model_validator(mode="after")
    def _features_are_known(self) -> Config:
        unknown = [name for name in self.features if isinstance(name, str) and name not in FEATURES]
        if unknown and self.inputs.data.format not in ("hepflow", "table"):
            raise problem("features", f"no feature {unknown[0]!r}; {did_you_mean(unknown[0], FEATURES)}")
        return self

    @property
    def asked(self) -> tuple[list[str | Quantity], Quantity | None]:
        """Features and resonant variable, as `hepflow.features` takes them."""
        return asked(self.features, self.resonance)

    @property
    def blind(self) -> bool:
        """Whether the data of the signal region stay hidden behind the cuts."""
        return self.fit.blind

    @property
    def runs_on(self) -> Chosen:
        """Where the steps run, as the engine has it."""
        return runs_on(self.executor)

    @property
    def luminosity(self) -> float | None:
        """Luminosity of the data, fb^-1; None where it is not known."""
        return self.cross_section.luminosity or self.inputs.of_data

    @property
    def theory(self) -> Path | None:
        """The file with the cross-sections of a theory, as it can be opened."""
        theory = self.cross_section.theory
        return None if theory is None else self._folder.absolute() / Path(theory).expanduser()

    def skipping_bad_files(self) -> Config:
        """Return the same analysis, in which damaged files are left out."""
        return self.model_copy(update={"inputs": self.inputs.skipping_bad_files()})

    def _counted(self) -> dict[str, Any]:
        values = super()._counted()
        if values["resonance"] is None:  # as of before there was such a key
            del values["resonance"]
        return values

    def _move(self, values: dict[str, Any], seen: Callable[[str], str]) -> None:
        super()._move(values, seen)
        if self.cross_section.theory is not None:
            values["cross_section"]["theory"] = seen(self.cross_section.theory)
