"""The steps of a comparison: for each data set, scores, validation and result of every method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hepflow.workflow.config import Config, Method
from hepflow.workflow.config.methods import NEEDS_TRUTH, Splines, density_settings
from hepflow.workflow.engine.code import code_of
from hepflow.workflow.engine.plan import Plan, Step, key_of
from hepflow.workflow.piece_steps import joining
from hepflow.workflow.steps import BUILD, CLASSIFIERS, FIGURES, INPUTS, METHODS, REPORT, reading, shown

COMBINATION, SAMPLES, COMPARISON = "combination", "samples", "comparison"
SHOWN = (COMPARISON, FIGURES, REPORT)
SCORES, VALIDATION = "scores", "validation"


@dataclass(frozen=True)
class Draw:
    """One data set: so many signal events, their draw, and the seed of all trainings."""

    injected: int
    draw: int
    seed: int

    @property
    def folder(self) -> str:
        """Where its steps stand."""
        return f"{self.injected}-injected/seed-{self.seed}"

    def __str__(self) -> str:
        return f"seed {self.seed}, {self.injected} injected"


def draws(config: Config, *, scan: bool) -> list[Draw]:
    """Return the data sets of a comparison: each seed is another draw of the signal, and another training."""
    injected = config.injection.events if config.injection else 0
    first = config.injection.seed if config.injection else config.seed
    return [
        Draw(events, first + number, config.seed + number)
        for events in (config.compare.injections if scan else (injected,))
        for number in range(config.compare.seeds)
    ]


def searches(chosen: Mapping[str, Method]) -> list[str]:
    """Return the methods that need no truth: they are combined, where there are two or more."""
    return [name for name, method in chosen.items() if method.name not in NEEDS_TRUTH]


def names_of(chosen: Mapping[str, Method]) -> list[str]:
    """Return the methods, and the combination where there is one."""
    return [*chosen, COMBINATION] if len(searches(chosen)) > 1 else [*chosen]


def shared_densities(chosen: Mapping[str, Method]) -> dict[str, str]:
    """Return, by method, the name of the density of the sidebands that it shares with others."""
    settings = {
        name: f"density-{key_of(density_settings(method))[:8]}"
        for name, method in chosen.items()
        if isinstance(method, Splines)
    }
    every = list(settings.values())
    return {name: density for name, density in settings.items() if every.count(density) > 1}


def samples_plan(config: Config) -> Plan:
    """Return the first steps of a comparison; the result of the last tells which methods can be compared."""
    return Plan.of(joining(config, SAMPLES, reading(config, *INPUTS), INPUTS))


def compare_plan(config: Config, chosen: Mapping[str, Method], *, scan: bool) -> Plan:
    """Return all steps of a comparison.

    Parameters
    ----------
    config
        The analysis.
    chosen
        From `hepflow.workflow.comparison.chosen.methods_of`.
    scan
        Whether the injections of a scan are the data sets.
    """
    steps = [*samples_plan(config)]
    for draw in draws(config, scan=scan):
        steps += _of_a_data_set(config, chosen, draw)
    before = tuple(step.name for step in steps if step.stage in ("result", "agreement"))
    told = {"code": code_of("hepflow.comparison"), "config": config.hash()}
    steps.append(Step(COMPARISON, COMPARISON, told, before))
    return Plan.of([*steps, *shown(COMPARISON, "hepflow.plots.comparison")])


def _of_a_data_set(config: Config, chosen: Mapping[str, Method], draw: Draw) -> Iterator[Step]:
    settings = config.model_dump(mode="json")
    regions, fit, width = settings["regions"], settings["fit"], settings["regions"]["validation"]
    at, shared, same = draw.folder, shared_densities(chosen), searches(chosen)
    learned = {
        "regions": {name: regions[name] for name in ("signal", "sidebands")},
        "fit": {name: fit[name] for name in ("bin_width", "sqrt_s")},
        "draw": vars(draw),
    }
    judging = (
        "hepflow.selection.scores",
        "hepflow.selection.supervised",
        CLASSIFIERS[config.classifier.name],
    )
    parts: dict[str, dict[str, Any]] = {SCORES: learned}
    if width != 0:
        parts[VALIDATION] = {**learned, "validation": width}

    for part, own in parts.items():
        for trained in dict.fromkeys(shared.values()):
            first = next(name for name in shared if shared[name] == trained)
            made_from = {
                **own,
                "code": code_of(METHODS["cathode"], alone=BUILD),
                "method": density_settings(chosen[first]),  # type: ignore[arg-type]
            }
            yield Step(f"{at}/{trained}/{part}", "density", made_from, (SAMPLES,))
        for name, method in chosen.items():
            made_from = {
                **own,
                "code": code_of(METHODS[method.name], *judging, alone=BUILD),
                "method": method.model_dump(mode="json"),
                "classifier": settings["classifier"],
            }
            density = (f"{at}/{shared[name]}/{part}",) if name in shared else ()
            yield Step(f"{at}/{name}/{part}", part, made_from, (SAMPLES, *density))
        if len(same) > 1:
            made_from = {
                **own,
                "code": code_of("hepflow.selection.combination"),
                "oversampling": settings["compare"]["oversampling"],
            }
            combined = (f"{at}/{name}/{part}" for name in same)
            yield Step(f"{at}/{COMBINATION}/{part}", part, made_from, (SAMPLES, *combined))

    measured = {
        "code": code_of("hepflow.selection", "hepflow.stats", alone=("hepflow.workflow.comparison.measure",)),
        "fit": fit,
        "selection": settings["selection"],
        "seed": draw.seed,
    }
    for name in names_of(chosen):
        judged = (f"{at}/{name}/{part}" for part in parts)
        yield Step(f"{at}/{name}/result", "result", measured, (SAMPLES, *judged))
    if len(same) > 1:
        agreeing = {"code": code_of("hepflow.selection.agreement"), "selection": settings["selection"]}
        scored = (f"{at}/{name}/{SCORES}" for name in same)
        yield Step(f"{at}/agreement", "agreement", agreeing, (SAMPLES, *scored))
