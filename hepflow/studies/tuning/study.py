"""What a tuning is: settings of what a study trains, searched trial by trial."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from hepflow.config import AnyTask
from hepflow.engine.plan import Plan, Step
from hepflow.engine.study import Blinding, Study
from hepflow.studies.tuning.known import tunable_of, where
from hepflow.studies.tuning.record import Tuning
from hepflow.studies.tuning.search import import_optuna

ROOM = "hepflow.studies.tuning"


class Tune(Study[AnyTask, Tuning]):
    """A search for better settings. Its record is ``tuning.json``; ``best.yaml`` has the best."""

    room = ROOM
    command = "hepflow tune CONFIG"
    folder = "runs/{name}-tuning"
    record = f"{ROOM}.record:Tuning"
    file = "tuning.json"
    final = "trials"
    beside: ClassVar[tuple[str, ...]] = ("best.yaml",)
    loads = (f"{ROOM}.work",)

    def identity(self, config: AnyTask) -> dict[str, Any]:
        """Return name, seed and inputs; signal that is injected is left out of a tuning."""
        return {"tuning": True, **config.model_dump(mode="json", include={"name", "seed", "inputs"})}

    def check(self, config: AnyTask) -> None:
        """Refuse a configuration with nothing to search, and a Python without Optuna."""
        import_optuna()
        tunable_of(config).left_out(config)

    def plan(self, config: AnyTask, blinding: Blinding) -> Plan:
        """Return the step that reads, and the one that makes all trials: it keeps each as it goes."""
        settings = {"config": config.model_dump(mode="json"), "folder": str(config.folder.absolute())}
        tunable = tunable_of(config)
        reading = list(tunable.reading(config))
        chosen = {**tunable.chosen(config), "tunable": where(config)}
        made_by, needs = f"{ROOM}.work:trials", {"read": reading[-1].name}
        return Plan.of([*reading, Step(self.final, self.final, made_by, settings, needs, chosen=chosen)])

    def hint(self, config: AnyTask, out: Path, left: Mapping[str, str | None] | None) -> str | None:
        """Return how the best settings are run."""
        if left is not None:
            return None
        return f"`hepflow {tunable_of(config).runs} {out / 'best.yaml'}` runs the best"


STUDY = Tune()
