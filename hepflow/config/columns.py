"""The schema: the resonant variable and features that are columns of the files, or computed of columns."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from hepflow.config.blocks import Block, problem
from hepflow.quantity import Quantity

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
Unit = Literal["eV", "keV", "MeV", "GeV", "TeV"]


class _Column(Block):
    """A column of the files, or what is computed of columns."""

    column: str | None = Field(None, min_length=1, examples=["iso1"], description="Column of the files.")
    expression: str | None = Field(
        None,
        min_length=1,
        description="In its place, an expression of columns, in the language of selections, such as "
        "`abs(deltaphi(phi1, phi2))` or `FatJet_btagHbb[:, 0]`.",
    )
    label: str = Field("", description="What axes call it, in LaTeX, without the unit; left out, its name.")

    @model_validator(mode="after")
    def _computed_in_one_way(self) -> _Column:
        if self.column is not None and self.expression is not None:
            raise problem("expression", "has no meaning beside `column`; give one of them")
        return self


class Feature(_Column):
    """A feature that is a column of the files under another name, or computed of columns."""

    name: Name = Field(examples=["dphi"], description="What tables, files and messages call it.")
    unit: str = Field("", description="Unit at its axis, such as `GeV`; values are taken as they are.")

    @property
    def quantity(self) -> Quantity:
        """The feature as `hepflow.features` takes it."""
        text = self.column or self.expression or ""
        return Quantity(self.name, self.label, self.unit, expression=text)


class Resonance(_Column):
    """The variable that is searched for a resonance, of all inputs alike."""

    name: Name | None = Field(
        None, description="What every axis, table and export calls it; left out, as its column."
    )
    unit: Unit = Field("GeV", description="Unit in the files; everything that comes out is in GeV.")
    title: str = Field("", description="What sentences call it, such as `dimuon mass`; left out, its name.")

    @model_validator(mode="after")
    def _has_a_name(self) -> Resonance:
        if self.name is None and (self.column is None or not _is_name(self.column)):
            what = "an expression" if self.column is None else f"the column {self.column!r}"
            raise problem("name", f"missing: {what} needs one of letters, digits and '_', such as `m_mumu`")
        return self

    @property
    def called(self) -> str:
        """Its name."""
        return self.name or self.column or ""

    @property
    def quantity(self) -> Quantity:
        """The variable as `hepflow.features` takes it."""
        text = self.column or self.expression or ""
        return Quantity(self.called, self.label, self.unit, self.title, text)


def _is_name(text: str) -> bool:
    return text.isascii() and text.replace("_", "").isalnum()


def _kind(value: Any) -> str:
    return "block" if isinstance(value, dict | Feature) else "name"


def _of_a_column(value: Any) -> Any:
    """Take the name of a column for a block."""
    return {"column": value} if isinstance(value, str) else value


Features = tuple[
    Annotated[Annotated[str, Tag("name")] | Annotated[Feature, Tag("block")], Discriminator(_kind)], ...
]
OrItsColumn = BeforeValidator(_of_a_column)


def asked(features: Any, resonance: Any) -> tuple[list[str | Quantity], Quantity | None]:
    """Return features and resonant variable as `hepflow.features` takes them, of blocks or of what these dump."""
    found = [
        one if isinstance(one, str) else (one if isinstance(one, Feature) else Feature(**one)).quantity
        for one in features
    ]
    if resonance is None:
        return found, None
    return found, (resonance if isinstance(resonance, Resonance) else Resonance(**resonance)).quantity
