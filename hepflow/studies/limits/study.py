"""What limits with retraining are: the analysis trained again for each of several numbers of injected events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hepflow.config import Config, Injection
from hepflow.engine.plan import Failing, Plan, Step, by_name
from hepflow.engine.study import Blinding, Study
from hepflow.errors import ConfigError
from hepflow.sample import Sample
from hepflow.studies.analysis.steps import EVENTS, FITTED, analysis_steps, fits, one_of_many, shown
from hepflow.studies.limits.record import RetrainedLimits

ROOM = "hepflow.studies.limits"
DEFAULT = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # injections over sqrt(B)
HELD_OUT = 100  # signal events, at least, that no injection takes: an efficiency within 5 %
TRAINED = ("background", "scores")
LEVEL = 0.95


class Limits(Study[Config, RetrainedLimits]):
    """Limits behind every cut. Their record is ``limits.json``; with `fit.blind` they are the expected ones."""

    room = ROOM
    command = "hepflow limit CONFIG --retrain"
    folder = "runs/{name}-limits"
    record = f"{ROOM}.record:RetrainedLimits"
    file = "limits.json"
    final = "limits"
    first: ClassVar[tuple[str, ...]] = (EVENTS,)
    loads = ("hepflow.studies.analysis.scores",)

    def identity(self, config: Config) -> dict[str, Any]:
        """Return name, seed, inputs and injection; the injections of the study may change."""
        return {
            "retrain": True,
            **config.model_dump(mode="json", include={"name", "seed", "inputs", "injection"}),
        }

    def check(self, config: Config) -> None:
        """Refuse a configuration of which no limits could come."""
        if config.inputs.signal is None:
            raise ConfigError("--retrain adds signal to the data: give `inputs.signal`")
        if config.fit.resonance is not None:
            raise ConfigError(
                "fit.resonance: limits with retraining are those of the signal sample, whose efficiency is measured; "
                "leave it out (--set fit.resonance=null)"
            )
        if config.injection is not None and not config.limit.injected_data:
            raise ConfigError(
                "injection: limits with retraining inject signal themselves; leave it out (--set injection=null), or "
                "say `--set limit.injected_data=true` to see what limits data with this signal give"
            )

    def refine(self, config: Config, result: Callable[[str], Any] | None) -> Config:
        """Return the configuration with the injections that are made, once the events are read.

        Raises
        ------
        ConfigError
            If the signal sample is too small.
        """
        if result is None:
            return config
        data, signal = result(EVENTS)
        injections = config.limit.injections or default_injections(data, config)
        if signal is None or len(signal) - max(injections) < HELD_OUT:
            raise ConfigError(
                f"limit.injections: the signal sample holds {0 if signal is None else len(signal)} events: too few "
                f"to inject {max(injections)} and keep {HELD_OUT} to measure the efficiency. Inject fewer, or give "
                "more"
            )
        limit = config.limit.model_copy(update={"injections": injections})
        return config.model_copy(update={"limit": limit})

    def plan(self, config: Config, blinding: Blinding) -> Plan:
        """Return the steps of all trainings; of the data as they are, the whole analysis."""
        steps = [step for step in analysis_steps(config, blind=blinding.hidden) if step.stage == EVENTS]
        efficiencies = list(fits(config).values())
        grid = [0, *(config.limit.injections or ())]
        for events in grid:
            for number in range(config.limit.seeds):
                at, own = place_of(events, number), config.model_copy(update={"seed": config.seed + number})
                here, without = {}, []
                if events:
                    draw = Injection(events=events, seed=own.seed).model_dump(mode="json")
                    here = {"features": f"{at}/features"}
                    made_by = f"{ROOM}.work:injected"
                    steps.append(Step(here["features"], "injection", made_by, draw, by_name("features")))
                    without = ["variations"]  # nothing is fitted there
                stages = FITTED if events == number == 0 else TRAINED
                steps += one_of_many(analysis_steps(own, blind=blinding.hidden), at, stages, here, without)
                settings, needs = {"cuts": efficiencies}, {"scores": f"{at}/scores"}
                steps.append(
                    Step(
                        f"{at}/efficiency",
                        "efficiency",
                        f"{ROOM}.work:efficiency",
                        settings,
                        needs,
                        failing=Failing.KEPT,
                    )
                )
        proper = {f"{place_of(0, 0)}/{fit}": cut for fit, cut in fits(config).items()}
        told = {
            "name": config.name,
            "method": config.method.name,
            "seed": config.seed,
            "config_hash": config.hash(),
            "signal": config.regions.signal,
            "level": LEVEL,
            "trainings": [[events, number] for events in grid for number in range(config.limit.seeds)],
            "fits": proper,
            "blind": blinding.hidden,
        }
        trained = (step.name for step in steps if step.stage == "efficiency")
        steps.append(
            Step(
                self.final,
                self.final,
                f"{ROOM}.work:limits",
                told,
                by_name("features", *trained, *proper),
            )
        )
        return Plan.of([*steps, *shown(self, config)])

    def hint(self, config: Config, out: Path, left: Mapping[str, str | None] | None) -> str | None:
        """Return what a dry run cannot know before the events are read."""
        if left is None or config.limit.injections is not None or left[EVENTS] is None:
            return None
        return (
            f"not listed: {len(DEFAULT)} x {config.limit.seeds} trainings with signal. How many events each injects "
            "follows from the data, which are not read yet, or stands in `limit.injections`"
        )

    def problems(self, record: RetrainedLimits) -> list[str]:
        """Return the limits that could not be set, and why."""
        cuts = [
            f"eps_B {cut.background_efficiency:.12g}: {one}" for cut in record.cuts for one in cut.problems
        ]
        return [*record.problems, *cuts]

    def failed(self, record: RetrainedLimits) -> list[str]:
        """Return the names of the verdicts that did not pass."""
        return [verdict.name for verdict in record.failed]


def default_injections(data: Sample, config: Config) -> tuple[int, ...]:
    """Return numbers of signal events around what a search can find: `DEFAULT` times the root of the data."""
    events = int(config.regions.windows.in_signal(data.mass).sum())
    return tuple(sorted({max(1, round(times * float(np.sqrt(events)))) for times in DEFAULT}))


def place_of(events: int, number: int) -> str:
    """Return where the steps of a training stand."""
    return f"injected-{events}/training-{number}"


STUDY = Limits()
