"""The schema: the blocks of a configuration, each key with its bounds, unit, default and meaning.

The loader's errors, ``docs/configuration.md`` and the file that ``hepflow init`` writes are made from these
models. A key with `examples` stands live in that file; the others stand there as comments.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from hepflow.config.defaults import default
from hepflow.errors import ConfigError
from hepflow.regions import Windows

T = TypeVar("T")


def _several(value: Any) -> Any:
    """Take one path for a list of one."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


Paths = Annotated[tuple[str, ...], BeforeValidator(_several)]
Window = Annotated[tuple[float, float], Field(json_schema_extra={"unit": "GeV"})]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Posterior = Literal["bootstrap", "ensemble", "bayesian", "laplace"]  # those of `hepflow.replicas.POSTERIORS`
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
BESIDE = "beside"  # marks keys that stand in no file that `hepflow init` writes: they exclude others of their block


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


class Injection(Block):
    """Signal added to the data, to test the search; the rest of the signal sample stays for evaluation."""

    events: int = Field(ge=0, examples=[300], description="Signal events to add, drawn at random.")
    seed: int = Field(0, ge=0, lt=2**32, description="Seed of that draw.")


class Trials(Block):
    """The method tried beside the signal region, which says by how much it is off there."""

    width: float | None = Field(
        None,
        ge=0,
        json_schema_extra=GEV,
        examples=[200],
        description="Width of the validation bands on both sides of the signal region; left out, half the signal "
        "region's, and 0 for none. `validation: 200` stands for `validation: {width: 200}`.",
    )
    trainings: int = Field(
        2,
        ge=1,
        le=100,
        examples=[2],
        description="How often everything is trained there, each time with another seed: more make a steadier error, "
        "and each takes about as long as the search itself.",
    )


def _width_alone(value: Any) -> Any:
    """Take a number, or nothing, for a width."""
    return {"width": value} if value is None or isinstance(value, int | float) else value


class Regions(Block):
    """Where the resonance is looked for, and where the background is learned."""

    signal: Window = Field(examples=[[3300, 3700]], description="Signal region `[low, high]`.")
    sidebands: tuple[Window, ...] = Field(
        examples=[[[2500, 3300], [3700, 5000]]],
        json_schema_extra=GEV,
        description="Sidebands, at least one below and one above the signal region.",
    )

    validation: Annotated[Trials, BeforeValidator(_width_alone)] = Field(
        Trials(), description="The method tried in validation bands beside the signal region."
    )

    @model_validator(mode="after")
    def _windows_make_sense(self) -> Regions:
        try:
            windows = self.windows
            if self.validated:
                windows.validation(self.validation.width)
        except ConfigError as error:
            raise ValueError(str(error).removeprefix("regions: ")) from error
        return self

    @property
    def validated(self) -> bool:
        """Whether there are validation bands."""
        return self.validation.width != 0

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
    """The fit of the mass spectrum."""

    background: Literal["template", "dijet"] = Field(
        "template",
        examples=["template"],
        description="What gives the numbers behind a cut: the method's template, or a dijet function fitted to "
        "the sidebands there; the other one is shown beside it.",
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
        "background events are expected under the signal's shape.",
    )
    toys: int | None = Field(
        None,
        ge=100,
        le=10_000_000,
        description="Toys of each hypothesis; as many as each number needs if left out.",
    )
    resonance: float | None = Field(
        None,
        gt=0.01,
        le=1,
        description="Standard deviation, in widths of the signal region, of a Gaussian peak in its middle that the "
        "fit takes in place of a signal sample; left out, the sample, and without one events are counted.",
    )
    luminosity_error: float = Field(
        0.0, ge=0, lt=1, description="Relative error of the integrated luminosity, on the signal's yield."
    )
    mass_scale_error: float = Field(
        0.0, ge=0, lt=1, description="Relative error of the scale of the signal's mass (jet energy scale)."
    )
    resolution_error: float = Field(
        0.0, ge=0, lt=1, description="Relative error of the width of the signal's peak in mass."
    )
    bin_width: float = Field(
        50.0,
        gt=0,
        le=10_000,
        json_schema_extra=GEV,
        description="Width of the mass bins, of the sideband fit and of the spectra.",
    )
    sqrt_s: float = Field(
        13_000.0,
        gt=0,
        le=1_000_000,
        json_schema_extra=GEV,
        description="Collision energy, the scale of the dijet function.",
    )


class CrossSection(Block):
    """Limits as cross-sections, shown where the luminosity of the data is known."""

    luminosity: float | None = Field(
        None,
        gt=0,
        examples=[101.3],
        json_schema_extra={"unit": "fb^-1"},
        description="Integrated luminosity of the data; left out, `inputs.luminosity`.",
    )
    efficiency: float = Field(
        1.0,
        gt=0,
        le=1,
        examples=[0.9],
        description="Share of the signal that reaches the data, besides what the signal sample knows and the cuts "
        "keep of it: of a trigger that is not simulated, say; without a sample, of all that passes a cut.",
    )
    theory: str | None = Field(
        None,
        examples=["theory.csv"],
        description="CSV file with a mass (GeV) and a cross-section (fb) a row, to set beside the limits; relative "
        "to this configuration's folder.",
    )
    mass: float | None = Field(
        None,
        gt=0,
        examples=[3500],
        json_schema_extra=GEV,
        description="Mass at which the theory is read; left out, the middle of the signal region.",
    )


class Figures(Block):
    """What stands above every figure, in the style that mplhep has of the experiment."""

    experiment: str = Field(
        default("hepflow.plots.label:Label.experiment"),
        examples=["CMS"],
        description="Who made them, in bold on the left; empty for nobody.",
    )
    status: str = Field(
        default("hepflow.plots.label:Label.status"),
        examples=["Simulation"],
        description="Behind it, such as `Preliminary`.",
    )
    luminosity: float | None = Field(
        None, gt=0, examples=[138], description="Integrated luminosity, inverse femtobarn."
    )
    energy: float | None = Field(
        None, gt=0, examples=[13], description="Energy of the collisions in their centre of mass, TeV."
    )
