"""What a study of showers is: showers learned, generated and judged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from hepflow.config.showers import ShowerStudy
from hepflow.engine.plan import Plan, Step, by_name
from hepflow.engine.study import Blinding, Study
from hepflow.errors import ConfigError
from hepflow.readers.files import find_files
from hepflow.studies.analysis.pieces import fingerprint
from hepflow.studies.analysis.steps import shown
from hepflow.studies.showers.record import ShowerRecord
from hepflow.studies.showers.stages import STAGES

ROOM = "hepflow.studies.showers"
OUTPUT = "showers.h5"


class Shower(Study[ShowerStudy, ShowerRecord]):
    """Showers from flows. Its record is ``showers.json``; ``showers.h5`` has the showers."""

    room = ROOM
    command = "hepflow shower CONFIG"
    record = f"{ROOM}.record:ShowerRecord"
    file = "showers.json"
    final = "shower"
    beside = ("figures", "report.html")
    stages: ClassVar[tuple[str, ...]] = STAGES
    loads = (f"{ROOM}.results",)
    duration = ""

    def identity(self, config: ShowerStudy) -> dict[str, Any]:
        """Return name, seed and inputs."""
        return {"showers": True, **config.model_dump(mode="json", include={"name", "seed", "inputs"})}

    def run(
        self,
        config: ShowerStudy,
        out: Path,
        *,
        until: str | None = None,
        unblind: bool = False,
        by: str | None = None,
    ) -> ShowerRecord | None:
        """Make everything, as any study does, but nowhere that an input stands; errors as of `Study.run`."""
        check_apart(config, out)
        return super().run(config, out, until=until, unblind=unblind, by=by)

    def plan(self, config: ShowerStudy, blinding: Blinding) -> Plan:
        """Return the steps from showers to the record, and what shows that."""
        settings, seeded = config.model_dump(mode="json"), {"seed": config.seed}
        inputs = _files(config)
        files = fingerprint(file for paths in inputs.values() for file in paths)
        read = {**seeded, "held_out": config.held_out, "inputs": settings["inputs"], "files": inputs}
        told = {**seeded, "name": config.name, "config_hash": config.hash(), "inputs": settings["inputs"]}
        both = by_name("showers", "model")
        steps = [
            Step("showers", "showers", f"{ROOM}.work:showers", read, files=files),
            Step(
                "model",
                "model",
                f"{ROOM}.work:model",
                {**seeded, "model": settings["model"]},
                by_name("showers"),
            ),
            Step("generated", "generated", f"{ROOM}.work:generated", {**seeded, **settings["output"]}, both),
            Step("again", "judgement", f"{ROOM}.work:again", seeded, both),
            Step(
                "judgement",
                "judgement",
                f"{ROOM}.results:judgement",
                {**seeded, **settings["judgement"]},
                by_name("showers", "again"),
            ),
            Step(
                self.final,
                self.final,
                f"{ROOM}.results:shower",
                {**told, **settings["output"]},
                by_name("showers", "model", "generated", "again", "judgement"),
            ),
        ]
        return Plan.of([*steps, *shown(self, config)])

    def failed(self, record: ShowerRecord) -> list[str]:
        """Return the names of the verdicts that did not pass."""
        return [verdict.name for verdict in record.failed]

    def hint(self, config: ShowerStudy, out: Path, left: Mapping[str, str | None] | None) -> str | None:
        """Return where the showers are."""
        return f"showers in {out / OUTPUT}" if left is None else None


def _files(config: ShowerStudy) -> dict[str, list[str]]:
    """Return the files of each input, as they can be opened."""
    given = {name: getattr(config.inputs, name) for name in ("training", "held_out", "geometry")}
    return {
        name: find_files([config.openable(path) for path in entry.path])
        for name, entry in given.items()
        if entry is not None
    }


def check_apart(config: ShowerStudy, out: Path) -> None:
    """Refuse a run folder that an input stands in: nothing is ever written over one.

    Raises
    ------
    ConfigError
        With the input.
    """
    place = out.resolve()
    for name, files in _files(config).items():
        for file in files:
            if place in Path(file).resolve().parents:
                raise ConfigError(
                    f"inputs.{name}: {file} stands in the run folder {out}, where files are replaced; choose another "
                    "--out, or move it"
                )


STUDY = Shower()
