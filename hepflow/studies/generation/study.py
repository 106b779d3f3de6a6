"""What a generation is: events learned, generated, judged, and put into limits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from hepflow.config import Generation
from hepflow.config.columns import Feature
from hepflow.engine.plan import Plan, Step, by_name
from hepflow.engine.study import Blinding, Study
from hepflow.errors import ConfigError
from hepflow.studies.analysis.pieces import fingerprint, whole_files
from hepflow.studies.analysis.steps import shown
from hepflow.studies.generation.record import GenerationRecord
from hepflow.studies.generation.stages import STAGES

ROOM = "hepflow.studies.generation"


class Generate(Study[Generation, GenerationRecord]):
    """Events from flows. Its record is ``generation.json``; ``generated.*`` has the events."""

    room = ROOM
    command = "hepflow generate CONFIG"
    record = f"{ROOM}.record:GenerationRecord"
    file = "generation.json"
    final = "generation"
    beside = ("manifest.json", "figures", "report.html")
    stages: ClassVar[tuple[str, ...]] = STAGES
    loads = (f"{ROOM}.results",)
    duration = ""

    def identity(self, config: Generation) -> dict[str, Any]:
        """Return name, seed, inputs and columns."""
        told = config.model_dump(mode="json", include={"name", "seed", "inputs", "columns"})
        return {"generation": True, **told}

    def check(self, config: Generation) -> None:
        """Refuse expressions of derived quantities that are none, or have a name that is no column."""
        if config.derived:
            from hepflow.generation.judgement import check_derived  # heavy

            check_derived(config.names, config.derived)

    def run(
        self,
        config: Generation,
        out: Path,
        *,
        until: str | None = None,
        unblind: bool = False,
        by: str | None = None,
    ) -> GenerationRecord | None:
        """Make everything, as any study does, but nowhere that an input stands; errors as of `Study.run`."""
        check_apart(config, out)
        return super().run(config, out, until=until, unblind=unblind, by=by)

    def dry_run(
        self, config: Generation, out: Path, *, until: str | None = None, unblind: bool = False
    ) -> dict[str, str | None]:
        """Return what `run` would do; errors as of that."""
        check_apart(config, out)
        return super().dry_run(config, out, until=until, unblind=unblind)

    def plan(self, config: Generation, blinding: Blinding) -> Plan:
        """Return the steps from events to the record, and what shows that."""
        settings, model = config.model_dump(mode="json"), config.model
        seeded = {"seed": config.seed}
        derived = {"derived": [vars(one) for one in config.derived]}
        steps = [_events(config), _generator(config, "generator", model.architecture, model.options)]
        flows = {"events": "events", "generator": "generator"}
        if model.bias is not None:
            steps.append(_generator(config, "second", model.bias, {}))
        both = {**flows, **({"second": "second"} if model.bias is not None else {})}
        written = {**settings["output"], **seeded}
        described = {"name": config.name, "config_hash": config.hash()}
        counted = {**seeded, **derived, "events": config.output.events}
        asked = {key: settings["judgement"][key] for key in ("planted", "replicas")}
        steps += [
            Step("generated", "generated", f"{ROOM}.work:generated", written, by_name("generator")),
            Step(
                "manifest",
                "generated",
                f"{ROOM}.work:manifest",
                {**written, **described},
                {**flows, "generated": "generated"},
            ),
            Step("judgement", "judgement", f"{ROOM}.results:judgement", {**counted, **asked}, flows),
            Step("histograms", "judgement", f"{ROOM}.counting:histograms", counted, both),
        ]
        if config.limits is not None:
            chosen = {**counted, "limits": settings["limits"]}
            steps.append(Step("limits", "limits", f"{ROOM}.counting:limits", chosen, both))
        told = {
            **seeded,
            **described,
            "architecture": model.architecture,
            "bias": model.bias,
        }
        needs = by_name(*(step.name for step in steps if step.name != "second"))
        steps.append(Step(self.final, self.final, f"{ROOM}.results:generation", told, needs))
        return Plan.of([*steps, *shown(self, config)])

    def failed(self, record: GenerationRecord) -> list[str]:
        """Return the names of the verdicts that did not pass."""
        return [verdict.name for verdict in record.failed]

    def hint(self, config: Generation, out: Path, left: Mapping[str, str | None] | None) -> str | None:
        """Return where the events are."""
        return f"events in {out / _output(config)}" if left is None else None


def _output(config: Generation) -> str:
    return f"generated.{config.output.format}"


def check_apart(config: Generation, out: Path) -> None:
    """Refuse a run folder that an input stands in: nothing is ever written over one.

    Raises
    ------
    ConfigError
        With the input.
    """
    place = out.resolve()
    for name, entry in config.inputs.given.items():
        for file in whole_files(config.opened(entry)):
            if "://" not in file and place in Path(file).resolve().parents:
                raise ConfigError(
                    f"inputs.{name}: {file} stands in the run folder {out}, where files are replaced; choose another "
                    "--out, or move it"
                )


def _events(config: Generation) -> Step:
    """Return the step that reads; conditions come last, as the generator has them."""
    inputs = dict(config.inputs.given)
    if config.limits is None:  # nothing looks at a signal
        inputs.pop("signal", None)
    entries = {name: config.opened(entry) for name, entry in inputs.items()}
    files = fingerprint(file for entry in entries.values() for file in whole_files(entry))
    columns = dict(zip(config.names, config.columns, strict=True))
    learned = [name for name in config.names if name not in config.given]
    settings = {
        "inputs": {name: entry.model_dump(mode="json") for name, entry in entries.items()},
        "columns": [_dumped(columns[name]) for name in (*learned, *config.given)],
        "given": list(config.given),
        "held_out": config.held_out,
        "seed": config.seed,
    }
    return Step("events", "events", f"{ROOM}.work:events", settings, files=files)


def _dumped(column: str | Feature) -> Any:
    return column if isinstance(column, str) else column.model_dump(mode="json")


def _generator(config: Generation, name: str, architecture: str, options: Mapping[str, int]) -> Step:
    asked = config.model.model_dump(
        mode="json", include={"epochs", "batch_size", "learning_rate", "replicas", "posterior"}
    )
    settings = {
        "model": {**asked, "architecture": architecture, "options": dict(options)},
        "preprocessing": config.preprocessing.model_dump(mode="json"),
        "given": list(config.given),
        "seed": config.seed,
    }
    return Step(name, "generator", f"{ROOM}.work:generator", settings, by_name("events"))


STUDY = Generate()
