"""Which tasks can be tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hepflow.engine.job import find
from hepflow.errors import ConfigError

if TYPE_CHECKING:
    from hepflow.config import AnyTask
    from hepflow.studies.tuning.tunable import Tunable

ROOM = "hepflow.studies.tuning"
TUNABLES = {
    "search": f"{ROOM}.resonance:TUNABLE",
    "generate": f"{ROOM}.generation:TUNABLE",
    "unfold": f"{ROOM}.unfolding:TUNABLE",
    "shower": f"{ROOM}.showers:TUNABLE",
}


def where(config: AnyTask) -> str:
    """Return ``module:object`` of what a configuration's task says of its tuning.

    Raises
    ------
    ConfigError
        If it says nothing.
    """
    own = (
        "search" if hasattr(config, "regions") else config.task
    )  # what a search's file runs besides, it tunes
    if own not in TUNABLES:
        raise ConfigError(f"task: {own!r} cannot be tuned; expected one of {', '.join(TUNABLES)}")
    return TUNABLES[own]


def tunable_of(config: AnyTask) -> Tunable[Any]:
    """Return what a configuration's task says of its tuning; raises as `where`."""
    found: Tunable[Any] = find(where(config))
    return found
