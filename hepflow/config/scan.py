"""The schema of a sliding-window search: where its signal regions are, and how wide their sidebands."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from hepflow.config.blocks import GEV, Block, Window, problem


class Scan(Block):
    """The signal regions of `hepflow run --scan`, each searched as a whole analysis."""

    windows: tuple[Window, ...] | None = Field(
        None,
        min_length=1,
        json_schema_extra=GEV,
        description="Signal regions `[low, high]`; left out, they are made from `range`, `width` and `step`.",
    )
    range: Window | None = Field(
        None, description="What the windows and their sidebands stand in; left out, what `regions` spans."
    )
    width: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Width of each signal region over the mass in its middle; left out, that of `regions.signal`.",
    )
    step: float = Field(
        0.5,
        gt=0,
        le=1,
        examples=[0.5],
        description="Distance of neighbouring signal regions, in units of their width.",
    )
    sidebands: float = Field(
        2.0,
        gt=0.5,
        le=100,
        description="Width of the sideband on each side, in units of the signal region's.",
    )
    flows: Literal["each", "shared"] = Field(
        "each",
        description="Whether each window trains flows of its own, or all share those of one training, which is for "
        "the methods `cathode` and `flow-matching` and three `classifier.folds` or more.",
    )

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Scan:
        if self.windows is not None and self.width is not None:
            raise problem("windows", "they have a width of their own; leave `width` out, or these")
        return self
