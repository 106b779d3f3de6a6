"""The schema: the blocks of a configuration, each key with its bounds, unit, default and meaning.

The loader's errors, ``docs/configuration.md`` and the file that ``hepflow init`` writes are made from these
models. A key with `examples` stands live in that file; the others stand there as comments.
"""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic.fields import FieldInfo
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


def models_of(field: FieldInfo) -> list[type[BaseModel]]:
    """Return the blocks that a key may hold: none for a plain value, several for a union."""
    annotation = field.annotation
    parts = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    return [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]


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


class Cathode(Block):
    """CATHODE (arXiv:2109.00546): a density learned in the sidebands, sampled in the signal region."""

    name: Literal["cathode"] = Field("cathode", examples=["cathode"], description="The method.")
    layers: int = Field(5, ge=1, le=64, description="Spline layers of the flow.")
    hidden: int = Field(64, ge=4, le=4096, description="Width of the hidden layers.")
    bins: int = Field(8, ge=2, le=128, description="Bins of each rational-quadratic spline.")
    epochs: int = Field(6, ge=1, le=10_000, description="Passes over the sidebands in a training.")
    batch_size: int = Field(1024, ge=16, le=1_000_000, description="Events in a training step.")
    learning_rate: float = Field(2e-3, gt=0, lt=1, description="Peak learning rate of AdamW.")
    schedule: Literal["one-cycle", "cosine"] = Field(
        "one-cycle", description="Course of the learning rate: warm-up and decay, or decay alone."
    )
    best_epochs: int = Field(
        2, ge=1, le=1000, description="Epochs of lowest validation loss that are kept and sampled, per flow."
    )
    ensemble: int = Field(
        8,
        ge=1,
        le=1000,
        description="Flows trained, which differ by seed: their mean interpolates better than any, "
        "and their spread is an error.",
    )
    oversampling: float = Field(
        20.0,
        ge=1,
        le=1000,
        description="Template events drawn, in units of the background expected in the signal region.",
    )
    validation_oversampling: float = Field(
        4.0, ge=1, le=1000, description="The same in the sidebands, where the template is checked."
    )


class Classifier(Block):
    """What tells data from the background; cross-fitted, so no event is scored by a model that saw it."""

    name: Literal["bdt"] = Field(
        "bdt", examples=["bdt"], description="Boosted decision trees (arXiv:2309.13111)."
    )
    folds: int = Field(
        5,
        ge=2,
        le=100,
        examples=[5],
        description="Parts of the data, each scored by what the others trained.",
    )
    ensemble: int = Field(10, ge=1, le=1000, examples=[10], description="Classifiers averaged in each fold.")
    max_iter: int = Field(100, ge=1, le=100_000, description="Most trees in a classifier; it stops early.")
    max_leaf_nodes: int = Field(31, ge=2, le=10_000, description="Most leaves of a tree.")
    min_samples_leaf: int = Field(
        100, ge=1, le=1_000_000, description="Fewest training events in a leaf; fewer for small samples."
    )
    learning_rate: float = Field(0.1, gt=0, le=1, description="Shrinkage of each tree.")


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
