"""The schema of an unfolding: data and simulation, what is unfolded and how, and how it is checked."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from hepflow.config.blocks import Block, Figures, each_once, problem
from hepflow.config.columns import Feature, Features, Name
from hepflow.config.executor import Executor, Local, runs_on
from hepflow.config.inputs import Input, Luminosity, Nuisance, luminosity_of
from hepflow.config.task import TaskBlock, with_paths
from hepflow.config.tune_others import UnfoldingTune
from hepflow.config.unfolding_methods import Bayes, Method, OmniFold, Reference
from hepflow.engine.executors import Chosen
from hepflow.errors import did_you_mean
from hepflow.quantity import Quantity

Edge = float
Text = Annotated[str, Field(min_length=1)]
FINER = 2  # reconstructed bins in each generated one, where nothing is said of them


class Simulated(Block):
    """Simulated events at both levels, in one source or two."""

    simulation: Input | None = Field(
        None, description="Simulated events with generated and reconstructed columns in the same rows."
    )
    generated: Input | None = Field(
        None, description="In its place: the generated columns alone, beside `reconstructed`."
    )
    reconstructed: Input | None = Field(
        None, description="The reconstructed columns of the same events, joined by `key`."
    )

    @property
    def given(self) -> dict[str, Input]:
        """The samples that are there, by name."""
        return {name: value for name, value in self if isinstance(value, Input)}

    @property
    def simulated(self) -> dict[str, Input]:
        """Those of them that are simulated."""
        return {name: value for name, value in self.given.items() if name != "data"}

    def check_levels(self, needed: bool) -> None:
        """Refuse one level without the other, and three sources."""
        if self.simulation is not None:
            beside = [name for name in ("generated", "reconstructed") if name in self.given]
            if beside:
                raise problem(
                    beside[0], "has no meaning beside `simulation`; give one source of both, or two"
                )
            return
        there = [name for name in ("generated", "reconstructed") if name in self.given]
        if len(there) == 1:
            other = "reconstructed" if there == ["generated"] else "generated"
            raise problem(other, f"missing beside `{there[0]}`; expected the other level of the same events")
        if needed and not there:
            raise problem(
                "simulation",
                "missing; expected simulated events of both levels, or `generated` and `reconstructed`",
            )


class UnfoldingInputs(Simulated):
    """What is unfolded, and the simulation that says how."""

    data: Input = Field(examples=[{}], description="Data, or pseudo-data, with the reconstructed columns.")
    key: tuple[Text, ...] = Field(
        (),
        description="Columns of `generated` and `reconstructed` that name an event, such as run and event number; "
        "left out, both have the same events in the same order.",
    )
    unmatched: Literal["refuse", "keep", "drop"] = Field(
        "refuse",
        description="What becomes of keys without a partner: an error, not reconstructed and fakes, or left out.",
    )
    luminosity: Luminosity = Field(
        None,
        json_schema_extra={"unit": "fb^-1"},
        description="Integrated luminosity of the data, or that of each period, which a cross-section is times.",
    )

    @model_validator(mode="after")
    def _levels_go_together(self) -> Self:
        self.check_levels(needed=True)
        if self.key and self.simulation is not None:
            raise problem(
                "key", "joins `generated` and `reconstructed`; `simulation` has both in one row already"
            )
        for key, entry in self.given.items():
            _check_weights(key, entry, self.luminosity, data=key == "data")
        return self


def _check_weights(key: str, entry: Input, luminosity: Any, *, data: bool = False) -> None:
    if entry.variations:
        raise problem(key, "variations are of the signal of a search; name `systematics`")
    for _, one in entry.each():
        if data and (one.cross_section is not None or one.scale != 1):
            raise problem(key, "data count one each: cross_section and scale are for simulation")
        if one.generated is not None and one.cross_section is None:
            raise problem(key, "generated has a meaning only beside a cross_section")
        if one.cross_section is not None and luminosity_of(luminosity, one) is None:
            raise problem(
                key,
                f"cross_section {one.cross_section:g} pb needs inputs.luminosity, in fb^-1, of its period",
            )


class Observable(Block):
    """What is shown of the result, in bins at both levels."""

    name: Name = Field(examples=["pt"], description="What figures, tables and messages call it.")
    expression: Text | None = Field(
        None, description="Of the generated columns; left out, the column of its name."
    )
    edges: tuple[Edge, ...] | None = Field(None, min_length=2, description="Of the generated bins, rising.")
    bins: int | None = Field(None, ge=1, le=10_000, description="In place of `edges`: bins of equal width.")
    range: tuple[float, float] | None = Field(None, description="From where to where those are.")
    seen: Text | None = Field(
        None,
        description="Its counterpart, an expression of the reconstructed columns; left out, the one of its name, or "
        "the only one. Without, there is no reference, refolding or bottom line.",
    )
    seen_edges: tuple[Edge, ...] | None = Field(
        None,
        min_length=2,
        description="Of the reconstructed bins; left out, each generated one in two halves.",
    )
    label: str = Field("", description="What axes call it, in LaTeX, without the unit; left out, its name.")
    unit: str = Field("", description="Unit at its axis, such as `GeV`.")

    @model_validator(mode="after")
    def _bins_are_given_once(self) -> Observable:
        if (self.edges is None) == (self.bins is None):
            raise problem("edges", f"{self.name}: expected `edges`, or `bins` with a `range`")
        if (self.bins is None) != (self.range is None):
            raise problem("range", f"{self.name}: `bins` and `range` go together")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise problem(
                "range", f"[{self.range[0]:g}, {self.range[1]:g}]: expected [low, high] with low < high"
            )
        for key, edges in (("edges", self.edges), ("seen_edges", self.seen_edges)):
            if edges is not None and any(low >= high for low, high in pairwise(edges)):
                raise problem(key, f"{list(edges)}: expected rising edges")
        return self

    @property
    def of(self) -> str:
        """The expression of generated columns."""
        return self.expression or self.name

    @property
    def borders(self) -> tuple[float, ...]:
        """Edges of the generated bins."""
        if self.edges is not None:
            return self.edges
        assert self.bins is not None  # as the validator has it
        assert self.range is not None
        return tuple(map(float, np.linspace(*self.range, self.bins + 1)))

    @property
    def seen_borders(self) -> tuple[float, ...]:
        """Edges of the reconstructed bins."""
        if self.seen_edges is not None:
            return self.seen_edges
        borders = np.array(self.borders)
        places = np.arange(FINER * (len(borders) - 1) + 1) / FINER
        return tuple(map(float, np.interp(places, np.arange(len(borders)), borders)))


class Factor(Block):
    """Another model of the simulation: its events with other weights."""

    name: Nuisance = Field(examples=["harder"], description="What tables call it.")
    factor: Text = Field(
        examples=["1 + 0.1 * pt"],
        description="What weights are multiplied by: an expression of any columns of the simulation (of `generated`, "
        "where that is a source of its own), also of those that are not unfolded.",
    )


class Systematic(Simulated):
    """A variation of the simulation by one standard deviation, with which everything is unfolded once more."""

    name: Nuisance = Field(examples=["jes"], description="Its nuisance parameter.")
    factor: Text | None = Field(
        None, description="What weights of the simulation are multiplied by, in place of another source."
    )

    @model_validator(mode="after")
    def _varies_something(self) -> Systematic:
        if (self.factor is None) != bool(self.given):
            raise problem("factor", f"{self.name}: expected another source, or a factor, and not both")
        self.check_levels(needed=False)
        return self


class UnfoldingChecks(Block):
    """How the result is checked; whatever fails, the command says so and ends with exit code 4."""

    closure: bool = Field(True, description="Unfold one half of the simulation by the other.")
    stress: tuple[Factor, ...] = Field(
        (),
        description="The same with other weights of the half that is unfolded: a wrong prior, or hidden variables. "
        "Blocks `{name: ..., factor: ...}`.",
    )
    models: tuple[Factor, ...] = Field(
        (),
        description="Other models for the bottom line: what is unfolded can tell them from the simulation no better "
        "than data can. Blocks `{name: ..., factor: ...}`.",
    )


class Unfolding(TaskBlock):
    """Data at particle level, `task: unfold`."""

    name: str = Field(
        "unfolding",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        examples=["unfolding"],
        description="Name of the unfolding: letters, digits, `.`, `_` and `-`.",
    )
    task: Literal["unfold"] = Field(
        "unfold", examples=["unfold"], description="What makes this file one of an unfolding."
    )
    inputs: UnfoldingInputs = Field(examples=[{}], description="Data and simulation.")
    truth: Features = Field(
        min_length=1,
        examples=[["pt_true"]],
        description="What is unfolded: generated columns, or blocks `{name: ..., expression: ..., label: ..., unit: "
        "...}`.",
    )
    reco: Features = Field(
        min_length=1,
        examples=[["pt"]],
        description="What was measured: columns of the data and of the simulation, as of `truth`. A name may stand "
        "for both levels.",
    )
    pass_truth: Text | None = Field(
        None,
        description="Column or expression that is true where an event was generated inside the selection.",
    )
    pass_reco: Text | None = Field(
        None,
        description="The same of reconstructed events; data are cut alike, if they have its columns.",
    )
    method: Method = Field(OmniFold(), examples=[{}], description="How it is unfolded.")
    observables: tuple[Observable, ...] = Field(
        min_length=1, examples=[[]], description="What is shown, in bins at both levels."
    )
    systematics: tuple[Systematic, ...] = Field(
        (),
        description="Variations of the simulation: each shift of the result is a part of its error, shown apart.",
    )
    reference: Reference = Field(
        Bayes(), description="A method in bins that is shown beside the result; `none` for none."
    )
    checks: UnfoldingChecks = Field(UnfoldingChecks(), description="How the result is checked.")
    tune: UnfoldingTune = Field(UnfoldingTune(), examples=[{}], description="What `hepflow tune` searches.")
    figures: Figures = Field(Figures(), description="What stands above the figures.")
    executor: Executor = Field(Local(), description="Where the steps run; results do not depend on it.")

    @field_validator("truth", "reco")
    @classmethod
    def _each_column_once(cls, value: Features) -> Features:
        each_once(names_of(value))
        return value

    @model_validator(mode="after")
    def _names_are_told_apart(self) -> Self:
        for key, blocks in (
            ("observables", self.observables),
            ("systematics", self.systematics),
            ("checks.stress", self.checks.stress),
            ("checks.models", self.checks.models),
        ):
            names = [one.name for one in blocks]
            twice = [name for at, name in enumerate(names) if name in names[:at]]
            if twice:
                raise problem(key, f"{twice[0]!r} stands there twice")
        for one in self.systematics:
            for key, entry in one.given.items():
                _check_weights("systematics", entry, self.inputs.luminosity)
                if (key == "simulation") != (self.inputs.simulation is not None):
                    raise problem(
                        "systematics",
                        f"{one.name}: {key!r}; expected the same sources as `inputs` has: "
                        f"{', '.join(self.inputs.simulated)}",
                    )
        return self

    @model_validator(mode="after")
    def _observables_are_of_columns(self) -> Self:
        truth, reco = names_of(self.truth), names_of(self.reco)
        for one in self.observables:
            if one.expression is None and one.name not in truth:
                raise problem(
                    "observables",
                    f"no generated column {one.name!r}; {did_you_mean(one.name, truth)} Or give its `expression`",
                )
            if one.seen_edges is not None and self.seen(one) is None:
                raise problem(
                    "observables", f"{one.name}: `seen_edges` of what? Give `seen`, of {', '.join(reco)}"
                )
            if self.method.name in ("bayes", "tikhonov") and self.seen(one) is None:
                raise problem(
                    "observables",
                    f"{one.name}: `{self.method.name}` unfolds bins of a reconstructed quantity; give `seen`, of "
                    f"{', '.join(reco)}",
                )
        return self

    def seen(self, observable: Observable) -> str | None:
        """Return the expression of reconstructed columns that is an observable's counterpart; None without one."""
        reco = names_of(self.reco)
        if observable.seen is not None:
            return observable.seen
        if observable.expression is None and observable.name in reco:
            return observable.name
        return reco[0] if len(reco) == len(self.truth) == 1 else None

    @property
    def levels(self) -> dict[str, tuple[Quantity, ...]]:
        """Generated and reconstructed columns, each with its expression."""
        return {"truth": quantities(self.truth), "reco": quantities(self.reco)}

    @property
    def factors(self) -> dict[str, str]:
        """The expressions of all factors, as ``stress/NAME``, ``models/NAME`` and ``systematic/NAME``."""
        asked = (("stress", self.checks.stress), ("models", self.checks.models))
        found = {f"{what}/{one.name}": one.factor for what, blocks in asked for one in blocks}
        varied = {f"systematic/{one.name}": one.factor for one in self.systematics if one.factor}
        return {**found, **varied}

    @property
    def blind(self) -> bool:
        """Nothing is hidden."""
        return False

    @property
    def runs_on(self) -> Chosen:
        """Where the steps run, as the engine has it."""
        return runs_on(self.executor)

    def skipping_bad_files(self) -> Self:
        """Return the same unfolding, in which damaged files are left out."""

        def skipping(block: Any) -> Any:
            skip = {
                name: one.model_copy(update={"skip_bad_files": True}) for name, one in block.given.items()
            }
            return block.model_copy(update=skip)

        return self.model_copy(
            update={"inputs": skipping(self.inputs), "systematics": tuple(map(skipping, self.systematics))}
        )

    def _move(self, values: dict[str, Any], seen: Any) -> None:
        super()._move(values, seen)
        values["systematics"] = with_paths(values["systematics"], seen)


def names_of(columns: Features) -> tuple[str, ...]:
    """Return the names of columns."""
    return tuple(one if isinstance(one, str) else one.name for one in columns)


def quantities(columns: Features) -> tuple[Quantity, ...]:
    """Return columns with what each is computed from."""
    found = (one.quantity if isinstance(one, Feature) else Quantity(one) for one in columns)
    return tuple(
        one if one.expression else Quantity(**{**vars(one), "expression": one.name}) for one in found
    )
