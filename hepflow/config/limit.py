"""The schema of limits with retraining: how much signal is injected, and how often each amount."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from hepflow.config.blocks import Block, each_once

Events = Annotated[int, Field(ge=1)]


class Limit(Block):
    """The injections of `hepflow limit CONFIG --retrain`, for each of which the whole analysis is trained again."""

    injections: tuple[Events, ...] | None = Field(
        None,
        min_length=2,
        description="Signal events to add to the data in turn, beside none at all; left out, 0.5 to 6 times "
        "sqrt(B), B being the data in the signal region.",
    )
    seeds: int = Field(
        3,
        ge=1,
        le=1000,
        examples=[3],
        description="Repetitions of each, with another training and another draw of signal: they give the error of "
        "the efficiency.",
    )
    injected_data: bool = Field(
        False,
        description="Take data with `injection` for the data, to see what limits they give; else that is an error.",
    )

    @field_validator("injections")
    @classmethod
    def _each_once(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return None if value is None else tuple(sorted(each_once(value)))
