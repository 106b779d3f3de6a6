"""What a tuning is: settings of flow and classifier, searched trial by trial beside the signal region."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from hepflow.catalogue import METHODS
from hepflow.config import Config
from hepflow.engine.plan import Plan, Step, by_name
from hepflow.engine.study import Blinding, Study
from hepflow.studies.analysis.steps import classifier_class, method_class, reading
from hepflow.studies.tuning.record import Tuning
from hepflow.studies.tuning.search import import_optuna, left_out

ROOM = "hepflow.studies.tuning"


class Tune(Study[Config, Tuning]):
    """A search for better settings. Its record is ``tuning.json``; ``best.yaml`` has the best."""

    room = ROOM
    command = "hepflow tune CONFIG"
    folder = "runs/{name}-tuning"
    record = f"{ROOM}.record:Tuning"
    file = "tuning.json"
    final = "trials"
    beside: ClassVar[tuple[str, ...]] = ("best.yaml",)
    loads = (f"{ROOM}.work",)

    def identity(self, config: Config) -> dict[str, Any]:
        """Return name, seed and inputs; signal that is injected is left out of a tuning."""
        return {"tuning": True, **config.model_dump(mode="json", include={"name", "seed", "inputs"})}

    def check(self, config: Config) -> None:
        """Refuse a configuration with nothing to search, and a Python without Optuna."""
        import_optuna()
        left_out(config)

    def plan(self, config: Config, blinding: Blinding) -> Plan:
        """Return the step that reads, and the one that makes all trials: it keeps each as it goes."""
        inputs = ["data", "signal", *(["simulation"] if METHODS[config.method.name].needs_simulation else [])]
        settings = {"config": config.model_dump(mode="json"), "folder": str(config.folder.absolute())}
        chosen = {**method_class(config.method), **classifier_class(config)}
        made_by = f"{ROOM}.work:trials"
        return Plan.of(
            [
                *reading(config, "samples", "hepflow.studies.analysis.reading:samples", *inputs),
                Step(self.final, self.final, made_by, settings, by_name("samples"), chosen=chosen),
            ]
        )

    def hint(self, config: Config, out: Path, left: Mapping[str, str | None] | None) -> str | None:
        """Return how the best settings are run."""
        return f"`hepflow run {out / 'best.yaml'}` runs the best" if left is None else None


STUDY = Tune()
