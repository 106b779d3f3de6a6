"""What an integration is: a function found, integrated, its events written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from hepflow.config import Integration
from hepflow.engine.plan import Plan, Step, by_name
from hepflow.engine.study import Blinding, Study
from hepflow.studies.analysis.pieces import fingerprint
from hepflow.studies.analysis.steps import shown
from hepflow.studies.integration.record import IntegrationRecord
from hepflow.studies.integration.source import source
from hepflow.studies.integration.stages import STAGES

ROOM = "hepflow.studies.integration"


class Integrate(Study[Integration, IntegrationRecord]):
    """An integral and its events. Its record is ``integration.json``; ``events.parquet`` has the weighted events."""

    room = ROOM
    command = "hepflow integrate CONFIG"
    record = f"{ROOM}.record:IntegrationRecord"
    file = "integration.json"
    final = "integration"
    beside = ("events.parquet", "figures", "report.html")
    stages: ClassVar[tuple[str, ...]] = STAGES
    loads = (f"{ROOM}.work",)
    duration = ""

    def identity(self, config: Integration) -> dict[str, Any]:
        """Return name, seed, function and axes."""
        told = config.model_dump(mode="json", include={"name", "seed", "function", "dim", "bounds"})
        return {"integration": True, **told}

    def check(self, config: Integration) -> None:
        """Refuse a function that is not there or has no values, and channels that are none."""
        from hepflow.studies.integration.function import channel, load, tried  # heavy

        for text in config.channels:
            channel(text)
        tried(load(config.target, config.dim, config.bounds))

    def plan(self, config: Integration, blinding: Blinding) -> Plan:
        """Return the steps from the function to the record, and what shows that."""
        settings = config.model_dump(mode="json")
        seeded = {"seed": config.seed}
        found = {"function": config.target, "dim": config.dim, "bounds": settings["bounds"]}
        learned = {key: settings[key] for key in ("calls", "channels", "proposal", "loss")}
        written = {"unweighted": config.unweighted}
        told = {**seeded, **written, "name": config.name, "config_hash": config.hash()}
        files = fingerprint(source(config.target))
        steps = [
            Step("function", "function", f"{ROOM}.work:function", found, files=files),
            Step("integral", "integral", f"{ROOM}.work:integral", {**seeded, **learned}, by_name("function")),
            Step("events", "events", f"{ROOM}.work:events", written, by_name("integral")),
            Step(
                self.final,
                self.final,
                f"{ROOM}.results:integration",
                {**told, "function": config.called},
                by_name("integral"),
            ),
        ]
        return Plan.of([*steps, *shown(self, config)])

    def hint(self, config: Integration, out: Path, left: Mapping[str, str | None] | None) -> str | None:
        """Return where the events of equal weight are."""
        if left is not None or not config.unweighted:
            return None
        return f"{config.unweighted:,} events of equal weight in {out / 'unweighted.parquet'}"


STUDY = Integrate()
