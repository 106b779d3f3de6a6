"""An integral as text."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from hepflow.integration.integral import summary

if TYPE_CHECKING:
    from hepflow.studies.integration.record import IntegrationRecord

WIDTH = 118


def text(found: IntegrationRecord) -> str:
    """Return value and error, and what the events are worth; what puts them in doubt stands last."""
    axes = "1 axis" if len(found.bounds) == 1 else f"{len(found.bounds)} axes"
    lines = [f"{found.name}: {found.function}, {axes}, seed {found.seed}", *summary(found.to_dict())]
    for one in found.warnings:
        lines += wrap(one, WIDTH, initial_indent="warning: ", subsequent_indent="         ")
    return "\n".join(lines)
