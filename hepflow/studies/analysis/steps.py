"""The steps of one analysis, each with the settings and files that it is made from; nothing heavy is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from hepflow.catalogue import CLASSIFIERS, DETECTORS, METHODS
from hepflow.config import AnyTask, Config
from hepflow.config.methods import MethodBlock, Outlier
from hepflow.engine.plan import HELPERS, Failing, Step, by_name
from hepflow.engine.study import Study
from hepflow.results import cut_name
from hepflow.studies.analysis.effects import effects_of
from hepflow.studies.analysis.pieces import fingerprint, pieces, whole_files

HERE = "hepflow.studies.analysis"
EVENTS = "features"  # the stage that reads
FITTED = ("background", "scores", "validation", "fit")  # the others, in their order
Chosen = dict[str, str]


def method_class(method: MethodBlock) -> Chosen:
    """Return the class of a method, and of its detector, for a step whose settings have it."""
    detector = {"detector": DETECTORS[method.detector.name].where} if isinstance(method, Outlier) else {}
    return {"method": METHODS[method.name].where, **detector}


def classifier_class(config: Config) -> Chosen:
    """Return the class of the classifier, for a step whose settings have it."""
    return {"classifier": CLASSIFIERS[config.classifier.name].where}


def spectrum_of(config: Config) -> dict[str, float]:
    """Return all settings of the fit that are learned from."""
    return {"bin_width": config.fit.bin_width, "sqrt_s": config.fit.sqrt_s}


def reading(
    config: Config, name: str, made_by: str, *inputs: str, varied: bool = False, **more: Any
) -> list[Step]:
    """Return the step that reads some inputs, and before it those that read large ones in pieces.

    Parameters
    ----------
    config
        The analysis.
    name, made_by
        Of the step.
    *inputs
        Those that are not given are passed over.
    varied
        Whether the systematic effects on them are read as well.
    **more
        Other settings of the step.
    """
    entries = {
        what: config.opened(config.inputs.given[what]) for what in inputs if what in config.inputs.given
    }
    if not varied:
        entries = {what: entry.model_copy(update={"variations": {}}) for what, entry in entries.items()}
    files = {what: whole_files(entry) for what, entry in entries.items()}
    known = {path: found for each in files.values() for path, found in fingerprint(each).items()}
    asked = config.model_dump(mode="json", include={"features", "resonance"})
    common = {"luminosity": config.inputs.model_dump(mode="json")["luminosity"], **asked}
    helpers = (
        []
        if config.executor.name == "local"
        else [
            Step(
                f"{HELPERS}/reading/{'/'.join(filter(None, (what, effect)))}/{number:03d}",
                EVENTS,
                f"{HERE}.reading:piece",
                {
                    **common,
                    "name": what,
                    "effect": effect,
                    "input": entry.model_copy(update={"skip_bad_files": True}).model_dump(mode="json"),
                    "shares": shares,
                },
                files=fingerprint(shares),
                failing=Failing.LEFT,
            )
            for what, entry in entries.items()
            for effect in (None, *effects_of(entry))
            for number, shares in enumerate(pieces(entry, effect, known))
        ]
    )
    settings = {
        **common,
        "inputs": {what: entry.model_dump(mode="json") for what, entry in entries.items()},
        **more,
    }
    after = tuple(helper.name for helper in helpers)
    return [*helpers, Step(name, EVENTS, made_by, settings, files=known, after=after)]


def analysis_steps(
    config: Config, *, blind: bool, limits: bool = True, answers: bool = False, shared: bool = False
) -> Iterator[Step]:
    """Yield the steps of one analysis, from events to fits.

    Parameters
    ----------
    config
        The analysis.
    blind
        Whether the data of the signal region stay hidden behind the cuts.
    limits
        Whether limits are part of what a fit says.
    answers
        Whether a fit says, too, what the background that was not chosen makes of it.
    shared
        Whether each training of flows is that of a step `flows_for` it, made elsewhere. Then simulation, in which
        there is none, is not tried.
    """
    settings = config.model_dump(mode="json")
    row, regions = METHODS[config.method.name], settings["regions"]
    signal = config.inputs.signal
    injection = {"injection": settings["injection"]}
    yield from reading(config, "features", f"{HERE}.reading:events", "data", "signal", **injection)
    simulated = config.inputs.simulation is not None
    if simulated:
        yield from reading(config, "simulation", f"{HERE}.reading:simulation", "simulation")
    varied = ("variations",) if signal is not None and signal.variations else ()
    if varied:
        yield from reading(
            config, "variations", f"{HERE}.reading:variations", "signal", varied=True, **injection
        )

    def flows(step: str) -> dict[str, str]:
        return {"flows": flows_for(step)} if shared else {}

    given = ("simulation",) if row.needs_simulation else ()
    learned = {
        "regions": {name: regions[name] for name in ("signal", "sidebands")},
        "method": settings["method"],
        "spectrum": spectrum_of(config),
        "folds": config.classifier.folds,
        "seed": config.seed,
    }
    chosen = method_class(config.method)
    yield Step(
        "background",
        "background",
        f"{HERE}.background:background",
        learned,
        {**by_name("features", *given), **flows("background")},
        chosen=chosen,
    )
    scored = {**learned, "classifier": settings["classifier"]}
    both = {**chosen, **classifier_class(config)}
    folds = []
    if config.executor.name != "local" and not row.own_score:
        folds = [
            Step(
                f"{HELPERS}/folds/{fold}",
                "scores",
                f"{HERE}.scores:fold",
                {**scored, "fold": fold},
                by_name("features", "background"),
                chosen=both,
                failing=Failing.LEFT,
            )
            for fold in range(config.classifier.folds)
        ]
    yield from folds
    yield Step(
        "scores",
        "scores",
        f"{HERE}.scores:scores",
        {**scored, "own_score": row.own_score},
        by_name("features", "background", *given, *varied),
        chosen=both,
        after=tuple(fold.name for fold in folds),
    )
    tried = []
    for number in range(config.regions.validation.trainings if config.regions.validated else 0):
        tried.append(bands(number))
        yield Step(
            tried[-1],
            "validation",
            f"{HERE}.validation:bands",
            {**scored, "width": regions["validation"]["width"], "training": number},
            {**by_name("features", *given), **flows(tried[-1])},
            chosen=both,
        )
    if simulated and not row.needs_simulation and not shared:  # else it would stand on both sides
        tried.append("validation/simulation")
        yield Step(
            tried[-1],
            "validation",
            f"{HERE}.validation:simulation",
            scored,
            by_name("features", "simulation"),
            chosen=both,
        )
    for name, efficiency in fits(config).items():
        yield Step(
            name,
            "fit",
            f"{HERE}.fits:fit",
            {
                "fit": {**settings["fit"], "blind": blind},
                "limits": limits,
                "both": answers,
                "seed": config.seed,
                "efficiency": efficiency,
            },
            by_name("features", "background", "scores", *(tried if efficiency != 1 else ())),
        )


def bands(training: int) -> str:
    """Return the name of a trial of the whole method in the validation bands."""
    return f"validation/bands/{training}"


def flows_for(step: str) -> str:
    """Return the name of the step that trains, for all windows, the flows of a step of each."""
    return f"flows/{step}"


def fits(config: Config) -> dict[str, float]:
    """Return the background efficiency of each fit, by the name of its step; the inclusive one comes first."""
    return {"fit/inclusive": 1.0} | {
        f"fit/{cut_name(efficiency)}": efficiency for efficiency in config.selection.background_efficiency
    }


def one_of_many(
    steps: Iterable[Step],
    place: str,
    stages: Iterable[str],
    elsewhere: Mapping[str, str],
    without: Iterable[str] = (),
) -> Iterator[Step]:
    """Yield steps of one analysis among others in the same folder.

    One that cannot be made keeps the reason in place of a result, and so do all that need it; other analyses go on.

    Parameters
    ----------
    steps
        Of the analysis with its own settings.
    place
        Where they stand: it comes before their names.
    stages
        Those that it goes through, the reading of events not among them.
    elsewhere
        What else these steps need, by its name in the analysis: the name of the step that has it here.
    without
        What they are to do without, though they needed it.
    """
    helpers = f"{HELPERS}/"  # analyses are enough to keep all workers busy
    own = [step for step in steps if step.stage in stages and not step.name.startswith(helpers)]
    names = {step.name: f"{place}/{step.name}" for step in own} | dict(elsewhere)
    for step in own:
        needs = {need: names.get(other, other) for need, other in step.needs.items() if need not in without}
        yield replace(step, name=names[step.name], needs=needs, after=(), failing=Failing.KEPT)


def shown(study: Study[Any, Any], config: AnyTask) -> tuple[Step, Step]:
    """Return the steps that draw and report the record of a study, by `figures` and `page` of its room."""
    label = config.figures.model_dump()
    figures = {"record": study.record, "figures": f"{study.room}.figures:figures"}
    page = {"page": f"{study.room}.page:page"}
    settings, record = {"file": study.file, "label": label}, by_name(study.final)
    return (
        Step("figures", "figures", "hepflow.plots.figure:draw", settings, record, chosen=figures),
        Step(
            "report",
            "figures",
            "hepflow.report.page:report",
            {"label": label},
            record,
            chosen=page,
            last=True,
        ),
    )
