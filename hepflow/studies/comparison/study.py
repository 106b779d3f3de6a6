"""What a comparison is: several methods on the same data, over seeds and, if asked, over injections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from hepflow.catalogue import METHODS
from hepflow.config import Config, Method, methods
from hepflow.config.methods import Splines, density_settings
from hepflow.engine.plan import Failing, Plan, Step, by_name, key_of
from hepflow.engine.study import Blinding, Study
from hepflow.errors import ConfigError
from hepflow.studies.analysis.steps import classifier_class, method_class, reading, shown, spectrum_of
from hepflow.studies.comparison.record import Comparison

ROOM = "hepflow.studies.comparison"
INPUTS = ("data", "signal", "simulation", "reference")
SAMPLES, COMBINATION = "samples", "combination"
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


class Compare(Study[Config, Comparison]):
    """Several methods on the same data. Their record is ``comparison.json``.

    What is expected of a cut comes from asymptotic formulae, unless `fit.calculator` asks for toys. A method that its
    input does not allow to run is in the record, with the reason in its `problems`.
    """

    room = ROOM
    command = "hepflow compare CONFIG"
    folder = "runs/{name}-comparison"
    record = f"{ROOM}.record:Comparison"
    file = "comparison.json"
    final = "comparison"
    first: ClassVar[tuple[str, ...]] = (SAMPLES,)
    loads = (f"{ROOM}.work",)

    def identity(self, config: Config) -> dict[str, Any]:
        """Return name and inputs."""
        return config.model_dump(mode="json", include={"name", "inputs"})

    def check(self, config: Config) -> None:
        """Refuse what cannot be compared."""
        if config.fit.blind:
            raise ConfigError(
                "fit.blind: a comparison shows the data of the signal region; on generated or R&D data say "
                "`--set fit.blind=false`"
            )
        if config.compare.scan is not None and config.inputs.signal is None:
            raise ConfigError("--scan injection adds signal to the data: give `inputs.signal`")

    def refine(self, config: Config, result: Callable[[str], Any] | None) -> Config:
        """Return the configuration with the methods that the inputs allow, where it lists none.

        Until the events are read, data are taken to have the truth that listed methods need; without a list, to have
        it where their rows are chosen by it.
        """
        if result is not None:
            truth = result(SAMPLES)["data"].label is not None
        else:
            truth = config.inputs.data.label is not None or config.compare.methods is not None
        chosen = methods_of(config, truth=truth)
        compare = config.compare.model_copy(update={"methods": tuple(chosen.values())})
        return config.model_copy(update={"compare": compare})

    def plan(self, config: Config, blinding: Blinding) -> Plan:
        """Return all steps; without a list of methods, those that read."""
        steps = reading(config, SAMPLES, "hepflow.studies.analysis.reading:samples", *INPUTS)
        if config.compare.methods is None:
            return Plan.of(steps)
        chosen = {method.variant_name: method for method in config.compare.methods}
        for draw in draws(config):
            steps += _of_a_data_set(config, chosen, draw)
        told = {
            "name": config.name,
            "config_hash": config.hash(),
            "regions": {
                "signal": list(config.regions.signal),
                "sidebands": [list(band) for band in config.regions.sidebands],
            },
        }
        needs = by_name(SAMPLES, *(step.name for step in steps if step.stage in ("result", "agreement")))
        steps.append(Step(self.final, self.final, f"{ROOM}.work:comparison", told, needs))
        return Plan.of([*steps, *shown(self, config)])

    def problems(self, record: Comparison) -> list[str]:
        """Return why no method could be run, where none could."""
        if any(one.cuts for one in record.results):
            return []
        return list(
            dict.fromkeys(f"{one.title}: {problem}" for one in record.results for problem in one.problems)
        )


def methods_of(config: Config, *, truth: bool) -> dict[str, Method]:
    """Return the methods to compare, by name; without a list, all that the inputs allow.

    Parameters
    ----------
    config
        The analysis.
    truth
        Whether the data have truth labels.

    Raises
    ------
    ConfigError
        If a method needs simulation or truth and there is none, or stands there twice.
    """
    simulated = config.inputs.simulation is not None
    truth = truth and config.inputs.signal is not None
    wanted = config.compare.methods
    if wanted is None:
        wanted = tuple(
            methods.BY_NAME[name](name=name)
            for name, row in METHODS.items()
            if (simulated or not row.needs_simulation) and (truth or not row.needs_truth)
        )
    found: dict[str, Method] = {}
    for method in wanted:
        row = METHODS[method.name]
        if row.needs_simulation and not simulated:
            raise ConfigError(
                f"compare.methods: {method.name!r} starts from simulation; give `inputs.simulation`"
            )
        if row.needs_truth and not truth:
            raise ConfigError(
                f"compare.methods: {method.name!r} is a reference that needs truth: data with labels, and a signal "
                "sample; leave it out on real data"
            )
        if method.variant_name in found:
            raise ConfigError(f"compare.methods: {method.variant_name!r} stands there twice")
        found[method.variant_name] = method
    return found


def draws(config: Config) -> list[Draw]:
    """Return the data sets of a comparison: each seed is another draw of the signal, and another training."""
    injected = config.injection.events if config.injection else 0
    first = config.injection.seed if config.injection else config.seed
    return [
        Draw(events, first + number, config.seed + number)
        for events in (config.compare.injections if config.compare.scan else (injected,))
        for number in range(config.compare.seeds)
    ]


def shared_densities(chosen: dict[str, Method]) -> dict[str, str]:
    """Return, by method, the name of the density of the sidebands that it shares with others."""
    settings = {
        name: f"density-{key_of(density_settings(method))[:8]}"
        for name, method in chosen.items()
        if isinstance(method, Splines)
    }
    every = list(settings.values())
    return {name: density for name, density in settings.items() if every.count(density) > 1}


def _of_a_data_set(config: Config, chosen: dict[str, Method], draw: Draw) -> Iterator[Step]:
    """Yield the steps of one data set: scores, validation and result of every method, and what they agree in."""
    settings = config.model_dump(mode="json")
    at, shared = draw.folder, shared_densities(chosen)
    searches = [name for name, method in chosen.items() if not METHODS[method.name].needs_truth]
    combined = [name for name in searches if METHODS[chosen[name].name].scores_ratio]
    here = {"features": f"{at}/features"}
    yield Step(here["features"], "injection", f"{ROOM}.work:events", vars(draw), by_name(SAMPLES))
    common = {
        "regions": settings["regions"],
        "spectrum": spectrum_of(config),
        "folds": config.classifier.folds,
        "seed": draw.seed,
    }
    trials = range(config.regions.validation.trainings) if config.regions.validated else ()
    parts: dict[str, int | None] = {SCORES: None, **{f"{VALIDATION}/{trial}": trial for trial in trials}}
    for part, trial in parts.items():
        stage = part.partition("/")[0]
        task = {**common, "trial": trial}
        for density in dict.fromkeys(shared.values()):
            first = chosen[next(name for name in shared if shared[name] == density)]
            assert isinstance(first, Splines)
            base = methods.Cathode(**density_settings(first))
            yield Step(
                f"{at}/{density}/{part}",
                "density",
                f"{ROOM}.work:density",
                {**task, "method": base.model_dump(mode="json")},
                here,
                chosen=method_class(base),
                failing=Failing.KEPT,  # which the methods will say of themselves
            )
        for name, method in chosen.items():
            if name == "supervised" and trial is not None:  # which knows no signal there
                continue
            row = METHODS[method.name]
            trained = {"density": f"{at}/{shared[name]}/{part}"} if name in shared else {}
            given = by_name(SAMPLES) if row.needs_simulation or row.needs_truth else {}
            yield Step(
                f"{at}/{name}/{part}",
                stage,
                f"{ROOM}.work:{'supervised_scores' if name == 'supervised' else 'scores'}",
                {
                    **task,
                    "method": method.model_dump(mode="json"),
                    "classifier": settings["classifier"],
                    "needs_simulation": row.needs_simulation,
                    "needs_truth": row.needs_truth,
                },
                {**here, **given, **trained},
                chosen={**method_class(method), **classifier_class(config)},
                failing=Failing.KEPT,
            )
        if len(combined) > 1:
            yield Step(
                f"{at}/{COMBINATION}/{part}",
                stage,
                f"{ROOM}.work:combination",
                {**task, "oversampling": config.compare.oversampling},
                {**here, **{name: f"{at}/{name}/{part}" for name in combined}},
                failing=Failing.KEPT,
            )
    fit = settings["fit"]
    if fit["calculator"] == "auto":  # toys for every cut of every method would take most of the time
        fit = {**fit, "calculator": "asymptotic"}
    names = [*chosen, COMBINATION] if len(combined) > 1 else list(chosen)
    for name in names:
        tried = [part for part, trial in parts.items() if name != "supervised" or trial is None]
        measured = {
            "method": name,
            "uses_truth": name in chosen and METHODS[chosen[name].name].needs_truth,
            "scores_ratio": name not in chosen or METHODS[chosen[name].name].scores_ratio,
            "injected": draw.injected,
            "seed": draw.seed,
            "fit": fit,
            "cuts": settings["selection"]["background_efficiency"],
        }
        needs = {part: f"{at}/{name}/{part}" for part in tried}
        yield Step(f"{at}/{name}/result", "result", f"{ROOM}.work:result", measured, needs)
    if len(searches) > 1:
        yield Step(
            f"{at}/agreement",
            "agreement",
            f"{ROOM}.work:agreement",
            {
                "cuts": settings["selection"]["background_efficiency"],
                "seed": draw.seed,
                "injected": draw.injected,
            },
            {name: f"{at}/{name}/{SCORES}" for name in searches},
        )


STUDY = Compare()
