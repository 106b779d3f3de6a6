"""The schema: the blocks of a configuration, each key with its bounds, unit, default and meaning.

The loader's errors, ``docs/configuration.md`` and the file that ``hepflow init`` writes are made from these
models. A key with `examples` stands live in that file; the others stand there as comments.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from hepflow.errors import ConfigError
from hepflow.regions import Windows

T = TypeVar("T")


def _several(value: Any) -> Any:
    """Take one path for a list of one."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


Format = Literal[
    "lhco", "lhco-raw", "nanoaod", "physlite", "delphes", "treemaker", "parquet", "hepflow", "custom"
]
Paths = Annotated[tuple[str, ...], BeforeValidator(_several)]
Window = Annotated[tuple[float, float], Field(json_schema_extra={"unit": "GeV"})]
Fraction = Annotated[float, Field(gt=0, lt=1)]
FEATURES = (
    "m_J1",
    "m_J2",
    "dm_J",
    "tau21_J1",
    "tau21_J2",
    "tau32_J1",
    "tau32_J2",
    "dR_JJ",
    "pt_J1",
    "pt_J2",
)
GEV: dict[str, Any] = {"unit": "GeV"}


def problem(key: str, message: str) -> PydanticCustomError:
    """Return the error of a check between keys, which the loader reports at `key` of the block."""
    return PydanticCustomError("between_keys", "{message}", {"key": key, "message": message})


def each_once(values: tuple[T, ...]) -> tuple[T, ...]:
    """Return the values, none of which may stand there twice."""
    twice = [value for i, value in enumerate(values) if value in values[:i]]
    if twice:
        raise ValueError(f"{twice[0]!r} stands there twice")
    return values


class Block(BaseModel):
    """A block of keys: immutable, and closed to unknown ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Input(Block):
    """Where events come from, and how to read them."""

    path: Paths = Field(
        min_length=1,
        examples=["events.h5"],
        description="A file, a glob, a URL, or a list of these; relative to this configuration's folder.",
    )
    format: Format = Field(examples=["lhco"], description="Layout of the files.")
    tree: str | None = Field(
        None, description="TTree, RNTuple or HDF5 key to read, where it is not the format's usual one."
    )
    branches: dict[str, str | tuple[str, ...]] | None = Field(
        None,
        description="For `format: custom`: the column of each jet quantity (pt, eta, phi, mass, tau1, tau2, "
        "tau3), or a list with one flat column per jet. For other formats: replaces single columns.",
    )
    unit: Literal["GeV", "MeV"] | None = Field(
        None, description="Unit of momenta and masses in the files; left out, the format's own."
    )
    weight: str | None = Field(
        None, description="Column with the weight of each event; left out, all count one."
    )
    label_branch: str | None = Field(
        None,
        description="Column with the truth of each event (1 signal, 0 background), for evaluation alone.",
    )
    label: Literal[0, 1] | None = Field(
        None, description="Keep only events of this truth (R&D sets mix both); leave out on real data."
    )
    selection: str | None = Field(
        None, description="Expression over event and jet columns that the kept events fulfil."
    )

    @model_validator(mode="after")
    def _custom_names_its_branches(self) -> Input:
        if self.format == "custom" and not self.branches:
            raise problem(
                "format", "'custom' needs `branches: {pt: NAME, eta: NAME, phi: NAME, mass: NAME, ...}`"
            )
        return self


class Inputs(Block):
    """The samples of the analysis."""

    data: Input = Field(examples=[{}], description="The events to search.")
    signal: Input | None = Field(
        None, description="A signal sample, for injection, efficiencies, limits and significance improvement."
    )
    simulation: Input | None = Field(
        None,
        description="Simulated background: the method is tried on it, where it holds as many events as the data; the "
        "methods that start from one (FETA, SALAD) need it.",
    )
    reference: Input | None = Field(
        None,
        description="A second sample of true background, for the idealized and supervised references of "
        "`hepflow compare`; left out, they take the labelled background of the data.",
    )


class Injection(Block):
    """Signal added to the data, to test the search; the rest of the signal sample stays for evaluation."""

    events: int = Field(ge=0, examples=[300], description="Signal events to add, drawn at random.")
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of that draw.")


class Regions(Block):
    """Where the resonance is looked for, and where the background is learned."""

    signal: Window = Field(examples=[[3300, 3700]], description="Signal region `[low, high]`.")
    sidebands: tuple[Window, ...] = Field(
        examples=[[[2500, 3300], [3700, 5000]]],
        json_schema_extra=GEV,
        description="Sidebands, at least one below and one above the signal region.",
    )

    validation: float | None = Field(
        None,
        ge=0,
        json_schema_extra=GEV,
        description="Width of the validation bands beside the signal region, in which the whole method is tried; "
        "left out, half the signal region's, and 0 for none.",
    )

    @model_validator(mode="after")
    def _windows_make_sense(self) -> Regions:
        try:
            windows = self.windows
            if self.validation != 0:
                windows.validation(self.validation)
        except ConfigError as error:
            raise ValueError(str(error).removeprefix("regions: ")) from error
        return self

    @property
    def windows(self) -> Windows:
        """The regions as the physics rooms take them."""
        return Windows(self.signal, self.sidebands)


class Selection(Block):
    """Cuts on the classifier's score."""

    background_efficiency: tuple[Fraction, ...] = Field(
        (0.1, 0.01, 0.001),
        min_length=1,
        examples=[[0.1, 0.01, 0.001]],
        description="Share of the background template that each cut keeps.",
    )

    @field_validator("background_efficiency")
    @classmethod
    def _each_once(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        return each_once(value)


class Fit(Block):
    """The fit of the m_jj spectrum."""

    background: Literal["template", "dijet"] = Field(
        "template",
        examples=["template"],
        description="After a cut: the method's template, or a dijet function fitted to the sidebands.",
    )
    blind: bool = Field(
        False,
        examples=[True],
        description="Show no data of the signal region behind a cut, only what is expected; "
        "`hepflow run --unblind` shows them.",
    )
    calculator: Literal["auto", "asymptotic", "toys"] = Field(
        "auto",
        description="What gives p-values and limits: asymptotic formulae, toys, or `auto`: toys where fewer than 20 "
        "events are expected.",
    )
    toys: int | None = Field(
        None,
        ge=100,
        le=10_000_000,
        description="Toys of each hypothesis; as many as each number needs if left out.",
    )
    luminosity_error: float = Field(
        0.0, ge=0, lt=1, description="Relative error of the integrated luminosity, on the signal's yield."
    )
    mass_scale_error: float = Field(
        0.0, ge=0, lt=1, description="Relative error of the scale of the signal's m_jj (jet energy scale)."
    )
    resolution_error: float = Field(
        0.0, ge=0, lt=1, description="Relative error of the width of the signal's peak in m_jj."
    )
    bin_width: float = Field(
        50.0,
        gt=0,
        le=10_000,
        json_schema_extra=GEV,
        description="Width of the m_jj bins, of the sideband fit and of the spectra.",
    )
    sqrt_s: float = Field(
        13_000.0,
        gt=0,
        le=1_000_000,
        json_schema_extra=GEV,
        description="Collision energy, the scale of the dijet function.",
    )
