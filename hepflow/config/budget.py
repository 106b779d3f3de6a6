"""What the schemas of all tunings share: how long is searched, and ranges of settings."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, ValidationError, model_validator

from hepflow.config.blocks import Block, problem

Positive = Annotated[int, Field(ge=1, le=4096)]
Rate = Annotated[float, Field(gt=0, le=1)]
Whole = tuple[int, int]
Real = tuple[float, float]
Sizes = tuple[Positive, Positive]
Rates = tuple[Rate, Rate]


class Ranges(Block):
    """Ranges `[low, high]`, both ends included."""

    bounds: ClassVar[type[Block] | None] = (
        None  # the block whose settings these are, and whose bounds hold for both ends
    )

    @model_validator(mode="after")
    def _ends_are_settings(self) -> Ranges:
        for name in type(self).model_fields:
            low, high = getattr(self, name)
            if low > high:
                raise problem(name, f"[{low:g}, {high:g}]: expected [low, high] with low <= high")
            if self.bounds is not None and name in self.bounds.model_fields:
                try:
                    self.bounds(**{name: low}), self.bounds(**{name: high})
                except ValidationError as error:
                    raise problem(name, f"[{low:g}, {high:g}]: {error.errors()[0]['msg']}") from None
        return self


class Budget(Block):
    """How long `hepflow tune` searches."""

    trials: int = Field(
        30,
        ge=1,
        le=100_000,
        examples=[30],
        description="Trials of each search; the first has the settings that stand in this file.",
    )
    timeout: float | None = Field(
        None,
        gt=0,
        json_schema_extra={"unit": "minutes"},
        description="Begin no further trial after this time, of which each search has its part.",
    )
    prune: bool = Field(
        True,
        description="Train a flow for the fewest epochs of the range first, and stop there if it is worse than the "
        "median of the trials before; from the sixth on.",
    )
