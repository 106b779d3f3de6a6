"""The steps of one analysis among others in the same folder; nothing heavy is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hepflow.workflow.engine.plan import Plan, Step

EVENTS = "features"  # the stage whose steps all parts share


def part_steps(
    whole: Plan, name: str, stages: Iterable[str], changed: Mapping[str, Any], added: Mapping[str, Any]
) -> Iterator[Step]:
    """Yield the steps of one part.

    Parameters
    ----------
    whole
        The steps of the analysis as the configuration has it (`analysis_plan`).
    name
        Of the part; its steps stand below.
    stages
        Those that the part goes through, the reading of events not among them.
    changed
        Settings that this part has of its own, for each step that depends on them.
    added
        What else tells this part from others.
    """
    helpers = {other for step in whole for other in step.after}  # parts are enough to keep all workers busy
    chosen = {step.name for step in whole if step.stage in stages} - {"results", *helpers}
    for step in whole:
        if step.name in chosen:
            own = {key: value for key, value in changed.items() if key in step.made_from}
            needs = (f"{name}/{need}" if need in chosen else need for need in step.needs)
            yield Step(f"{name}/{step.name}", step.stage, {**step.made_from, **own, **added}, tuple(needs))
