"""The schema of a comparison of methods."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from hepflow.config.blocks import Block, each_once
from hepflow.config.methods import Method

Events = Annotated[int, Field(ge=0)]


class Compare(Block):
    """Several methods on the same data, for `hepflow compare`."""

    methods: tuple[Method, ...] | None = Field(
        None,
        min_length=1,
        description="Names of methods, or blocks such as `{name: feta, variant: penalty}`; left out, all that the "
        "inputs allow, FETA and SALAD where there is simulation, the references where there is truth.",
    )
    seeds: int = Field(
        1,
        ge=1,
        le=1000,
        examples=[1],
        description="Repetitions, each with its own training and its own draw of signal.",
    )
    injections: tuple[Events, ...] = Field(
        (0, 100, 200, 300, 450, 600),
        min_length=2,
        description="Signal events to add in turn, for `hepflow compare --scan injection`.",
    )
    scan: Literal["injection"] | None = Field(
        None, description="Repeat everything at each of `injections`, in the place of `injection.events`."
    )
    oversampling: float = Field(
        5.0,
        ge=1,
        le=1000,
        description="Template events of the combination, in units of the background expected in the signal region; "
        "all classifiers score each.",
    )

    @field_validator("injections")
    @classmethod
    def _each_once(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        return each_once(value)
