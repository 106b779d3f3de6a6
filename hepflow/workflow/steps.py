"""The steps of an analysis, each with the settings, files and code that it is made from; nothing heavy is loaded."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from hepflow.readers.files import find_files, is_url
from hepflow.results import Unblinding, cut_name
from hepflow.workflow.config import Config
from hepflow.workflow.config.methods import NEEDS_SIMULATION
from hepflow.workflow.engine.code import code_of
from hepflow.workflow.engine.plan import Plan, Step
from hepflow.workflow.fold_steps import scoring
from hepflow.workflow.piece_steps import joining

STAGES = ("features", "background", "scores", "validation", "fit", "figures")
READING = ("hepflow.readers", "hepflow.features", "hepflow.sample", "hepflow.storage")
METHODS = {
    "cathode": "hepflow.methods.cathode",
    "lacathode": "hepflow.methods.lacathode",
    "anode": "hepflow.methods.anode",
    "r-anode": "hepflow.methods.ranode",
    "flow-matching": "hepflow.methods.flow_matching",
    "curtains": "hepflow.methods.curtains",
    "cwola": "hepflow.methods.cwola",
    "feta": "hepflow.methods.feta",
    "salad": "hepflow.methods.salad",
    "idealized": "hepflow.methods.reference",
    "supervised": "hepflow.methods.reference",
}
CLASSIFIERS = {"bdt": "hepflow.classifiers.bdt", "mlp": "hepflow.classifiers.mlp"}
FIGURES, REPORT = "figures", "report"
INPUTS = ("data", "signal", "simulation", "reference")
BUILD = ("hepflow.workflow.build",)
BLOCK, BLOCKS = 1 << 16, 16  # bytes, and how many of such, that stand for a file

Files = dict[str, tuple[int, int, str]]


def analysis_plan(config: Config, *, blind: bool, unblinded: tuple[Unblinding, ...] = ()) -> Plan:
    """Return the steps of an analysis.

    Parameters
    ----------
    config
        The analysis.
    blind
        Whether the data of the signal region stay hidden behind the cuts.
    unblinded
        When they were shown before: the results say so.
    """
    settings = config.model_dump(mode="json")
    method, classifier = config.method.name, config.classifier.name
    simulated = config.inputs.simulation is not None
    starts_from = ("simulation",) if method in NEEDS_SIMULATION else ()
    regions, fit = settings["regions"], settings["fit"]
    windows = {name: regions[name] for name in ("signal", "sidebands")}
    smooth = {name: fit[name] for name in ("bin_width", "sqrt_s")}  # all of `fit` that is learned from
    learned = {"regions": windows, "method": settings["method"], "fit": smooth, "seed": config.seed}
    judged = {**learned, "classifier": settings["classifier"]}
    validating = ("hepflow.selection.validation", METHODS[method], CLASSIFIERS[classifier])

    injected = {"injection": settings["injection"]}
    steps = joining(config, "features", {**reading(config, "data", "signal"), **injected}, ("data", "signal"))
    if simulated:
        steps += joining(config, "simulation", reading(config, "simulation"), ("simulation",))
    signal = config.inputs.signal
    varied = ("variations",) if signal is not None and signal.variations else ()
    if signal is not None and varied:
        effects = [f"signal/{name}/{side}" for name in signal.variations for side in ("up", "down")]
        made_from = {**reading(config, "signal", varied=True), **injected}
        steps += joining(config, "variations", made_from, ("signal", *effects))
    steps += [
        Step(
            "background",
            "background",
            {"code": code_of(METHODS[method], "hepflow.storage", alone=BUILD), **learned},
            ("features", *starts_from),
        ),
        *scoring(
            config,
            {"code": code_of("hepflow.selection.scores", CLASSIFIERS[classifier], alone=BUILD), **judged},
            ("features", "background", *starts_from, *varied),
            ("features", "background"),
        ),
    ]
    tried = {"code": code_of(*validating, alone=BUILD), **judged}
    bands = {**tried, "regions": {**windows, "validation": regions["validation"]}}
    validations = ["validation/bands"] if regions["validation"] != 0 else []
    if validations:
        steps.append(Step("validation/bands", "validation", bands, ("features", *starts_from)))
    if simulated and not starts_from:  # else it would stand on both sides
        validations.append("validation/simulation")
        steps.append(Step("validation/simulation", "validation", tried, ("features", "simulation")))

    fitting = code_of("hepflow.selection.cuts", "hepflow.stats", alone=(*BUILD, "hepflow.workflow.fits"))
    fitted = {"code": fitting, "fit": {**fit, "blind": blind}, "limits": True, "seed": config.seed}
    names = fits(config)
    before = ("features", "background", "scores")
    for name, efficiency in names.items():
        made_from = {**fitted, "efficiency": efficiency}
        steps.append(Step(name, "fit", made_from, before if efficiency == 1 else (*before, *validations)))
    told = {
        "code": code_of("hepflow.workflow.summary"),
        "config": config.hash(),
        "blind": blind,
        "unblinded": [vars(one) for one in unblinded],
    }
    steps += [
        Step("results", "fit", told, (*before, *validations, *names)),
        *shown("results", "hepflow.plots.run"),
    ]
    return Plan.of(steps)


def shown(record: str, plots: str) -> tuple[Step, Step]:
    """Return the steps that draw a record and report it, by the name of its step and the module that draws it."""
    return (
        Step(FIGURES, "figures", {"code": code_of(plots)}, (record,)),
        Step(REPORT, "figures", {"code": code_of("hepflow.report")}, (record,)),
    )


def fits(config: Config) -> dict[str, float]:
    """Return the background efficiency of each fit, by the name of its step; the inclusive one comes first."""
    return {"fit/inclusive": 1.0} | {
        f"fit/{cut_name(efficiency)}": efficiency for efficiency in config.selection.background_efficiency
    }


def reading(config: Config, *names: str, varied: bool = False) -> dict[str, Any]:
    """Return what the events of some inputs are made from: their files and how these are read.

    Parameters
    ----------
    config
        The analysis.
    *names
        Of the inputs.
    varied
        Whether the systematic effects of the signal are read as well.
    """
    inputs = {name: entry for name, entry in config.inputs.given.items() if name in names}
    if not varied:
        inputs = {name: entry.model_copy(update={"variations": {}}) for name, entry in inputs.items()}
    return {
        "code": code_of(*READING, alone=(*BUILD, "hepflow.workflow.pieces")),
        "files": {
            path: found
            for entry in inputs.values()
            for path, found in fingerprint(find_files(config.files(entry))).items()
        },
        "inputs": {name: entry.model_dump(mode="json") for name, entry in inputs.items()},
        "luminosity": config.inputs.luminosity,
        "features": config.features,
    }


def fingerprint(paths: list[str]) -> Files:
    """Return size, time and a hash of blocks of each local file; of a URL nothing but its name is known."""
    found = {}
    for path in paths:
        if is_url(path):
            found[path] = (0, 0, "")
            continue
        stat = Path(path).stat()
        whole = str(Path(path).resolve())  # the same from wherever the command is given
        found[whole] = (stat.st_size, stat.st_mtime_ns, _sampled(Path(path), stat.st_size))
    return found


def _sampled(path: Path, size: int) -> str:
    """Return a hash of a file's beginning, end and blocks between: a terabyte is not read to know a file again."""
    hashed = hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        for block in range(BLOCKS):
            stream.seek(max(0, size - BLOCK) * block // (BLOCKS - 1))
            hashed.update(stream.read(BLOCK))
    return hashed.hexdigest()
