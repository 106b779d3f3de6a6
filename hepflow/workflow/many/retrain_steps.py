"""The trainings with more and more injected signal as steps; nothing heavy is loaded."""

from __future__ import annotations

from hepflow.workflow.config import Config, Injection
from hepflow.workflow.engine.code import code_of
from hepflow.workflow.engine.plan import Plan, Step
from hepflow.workflow.many.part_steps import EVENTS, part_steps
from hepflow.workflow.steps import FIGURES, REPORT, analysis_plan, fits, shown

LIMITS, EFFICIENCY = "limits", "efficiency"
SHOWN = (LIMITS, FIGURES, REPORT)
TRAINED = ("background", "scores")
SEARCH = ("hepflow.workflow.many.retrained_search", "hepflow.workflow.many.cut_limits")
ANALYSED = (*TRAINED, "validation", "fit")


def limits_plan(config: Config) -> Plan:
    """Return the steps of all trainings, and of what is made of them; of the data as they are, the whole analysis."""
    whole = analysis_plan(config, blind=config.fit.blind)
    steps = [step for step in whole if step.stage == EVENTS]
    measured = {
        "code": code_of("hepflow.selection.efficiency", alone=SEARCH),
        "selection": config.selection.model_dump(mode="json"),
    }
    results = []
    for events in grid(config):
        for number in range(config.limit.seeds):
            at, proper = name_of(events, number), events == number == 0
            seed, draw = config.seed + number, draw_of(config, events, number)
            added = {} if draw is None else {"draw": draw.model_dump(mode="json")}
            steps += part_steps(whole, at, ANALYSED if proper else TRAINED, {"seed": seed}, added)
            results.append(f"{at}/{EFFICIENCY}")
            steps.append(Step(results[-1], EFFICIENCY, measured, (f"{at}/scores",)))
    results += [f"{name_of(0, 0)}/{fit}" for fit in fits(config)]
    told = {
        "code": code_of("hepflow.searches.retraining", "hepflow.stats.retrained", alone=SEARCH),
        "config": config.hash(),
    }
    steps.append(Step(LIMITS, LIMITS, told, tuple(results)))
    return Plan.of([*steps, *shown(LIMITS, "hepflow.plots.retrained_limits")])


def name_of(events: int, number: int) -> str:
    """Return the name of a training's folder."""
    return f"injected-{events}/training-{number}"


def grid(config: Config) -> tuple[int, ...]:
    """Return the numbers of injected events, none first."""
    return (0, *(config.limit.injections or ()))


def draw_of(config: Config, events: int, number: int) -> Injection | None:
    """Return what is injected for one training; None for nothing."""
    return Injection(events=events, seed=config.seed + number) if events else None
