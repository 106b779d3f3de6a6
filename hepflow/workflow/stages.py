"""The stages of an analysis, from files to figures, each resumed where its result is there already."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

from hepflow.errors import ConfigError
from hepflow.features import features
from hepflow.methods import Background
from hepflow.results import Results
from hepflow.sample import Sample, inject
from hepflow.selection import (
    Scores,
    Validation,
    cuts,
    enough_simulation,
    inclusive,
    score,
    validate,
    validate_in_simulation,
)
from hepflow.stats import trials_of_cuts
from hepflow.stats.trials import TOYS as TRIALS
from hepflow.storage import write_json, write_text
from hepflow.workflow.build import build_classifier, build_method, open_inputs
from hepflow.workflow.cache import RunFolder, fingerprint, stage_key
from hepflow.workflow.config import Config
from hepflow.workflow.config.methods import BRINGS_SCORE, NEEDS_SIMULATION
from hepflow.workflow.fits import hunt
from hepflow.workflow.keep import Stages
from hepflow.workflow.kept import (
    load_background,
    load_samples,
    load_scores,
    load_validation,
    save_background,
    save_samples,
    save_scores,
    save_validation,
)
from hepflow.workflow.provenance import is_blinded, record_unblinding, unblindings, user_name
from hepflow.workflow.summary import cut_name, summarise

STAGES = ("features", "background", "scores", "validation", "selection", "fit", "figures")


def run(
    config: Config, out: Path, until: str | None = None, *, unblind: bool = False, by: str | None = None
) -> Results | None:
    """Run an analysis into a folder; what is done there already is read, not computed again.

    Parameters
    ----------
    config
        The analysis.
    out
        Run folder: results.json, config.yaml, workspaces/, figures/ and the stages' own files.
    until
        The last stage to run; None for all.
    unblind
        Look at the data of a blinded analysis (`fit.blind`); ``provenance.json`` in the folder keeps who did so
        and when.
    by
        Who unblinds; None for the name of the user.

    Returns
    -------
    Results or None
        None where `until` comes before the fit.

    Raises
    ------
    ConfigError
        If a folder with blinded results is run again without `fit.blind`, and nobody says `unblind`.
    HepflowError
        With the file, key or value at fault.
    """
    blind = config.fit.blind and not unblind
    if not (blind or unblind) and is_blinded(out):
        raise ConfigError(
            f"fit.blind: the results in {out} are blinded. `hepflow run CONFIG --unblind` shows the data, and "
            "records who asked; or choose another --out"
        )
    who = (by or user_name()) if unblind else None  # before the hours that a run may take
    settings = config.model_dump(mode="json")
    identity = {key: settings[key] for key in ("name", "seed", "inputs", "injection")}
    stages = Stages(RunFolder(out, identity))
    write_text(out / "config.yaml", config.to_yaml(out))
    wanted = STAGES if until is None else STAGES[: STAGES.index(until) + 1]
    windows, seed, width = config.regions.windows, config.seed, config.fit.bin_width

    sources = open_inputs(config)
    prints = {name: fingerprint(source.files) for name, source in sources.items()}
    key = stage_key("", [settings["inputs"], settings["injection"], settings["features"], prints])

    def read_samples() -> tuple[Sample, Sample | None]:
        data = features(sources["data"], config.features)
        signal = features(sources["signal"], config.features) if "signal" in sources else None
        if config.injection is not None and signal is not None:
            return inject(signal, data, config.injection.events, config.injection.seed)
        return data, signal

    data, signal = stages.keep("features", key, read_samples, save_samples, load_samples)
    if "background" not in wanted:
        return None

    method, folds = config.method.name, config.classifier.folds

    @cache
    def simulation() -> Sample | None:  # read only where a method starts from it, or is tried on it
        return features(sources["simulation"], config.features) if "simulation" in sources else None

    def estimate() -> Background:
        estimator = build_method(config, stages.checkpoint("background", trained))
        given = simulation() if method in NEEDS_SIMULATION else None
        return estimator.fit(data, windows, simulation=given, seed=seed)

    smooth = [width, config.fit.sqrt_s]  # all of `fit` that is learned from: to unblind trains nothing anew
    trained = stage_key(key, [settings["regions"], settings["method"], smooth, seed])
    load_kept = partial(
        load_background, data=data, windows=windows, bin_width=width, sqrt_s=config.fit.sqrt_s
    )
    background = stages.keep("background", trained, estimate, save_background, load_kept)
    if "scores" not in wanted:
        return None

    def give_scores() -> Scores:
        # networks that score are no part of what was kept, and quick to make again of the checkpoint
        known = background.scoring is not None or method not in BRINGS_SCORE
        own = background if known else estimate()
        return score(build_classifier(config), data, own, signal=signal, folds=folds, seed=seed)

    key = stage_key(trained, settings["classifier"])
    scores = stages.keep(
        "scores", key, give_scores, save_scores, lambda folder: load_scores(folder, data, signal, background)
    )
    stages.forget("background")
    if "validation" not in wanted:
        return None

    bands = config.regions.validation

    def try_beside() -> Validation | None:
        if bands == 0:
            return None
        estimator = build_method(config, stages.checkpoint("validation", key))
        given = simulation() if method in NEEDS_SIMULATION else None
        return validate(
            estimator,
            build_classifier(config),
            data,
            windows,
            simulation=given,
            width=bands,
            folds=folds,
            seed=seed,
        )

    def try_in_simulation() -> Validation | None:
        given = simulation()
        if given is None or not enough_simulation(given, data, windows):
            return None
        estimator = build_method(config, stages.checkpoint("simulation", key))
        return validate_in_simulation(
            estimator, build_classifier(config), given, data, windows, folds=folds, seed=seed
        )

    save, load = partial(save_validation, "bands"), partial(load_validation, "bands")
    beside, simulated = stages.keep("validation", key, try_beside, save, load), None
    stages.forget("validation")
    if "simulation" in sources and method not in NEEDS_SIMULATION:  # those would stand on both sides
        save, load = partial(save_validation, "simulated"), partial(load_validation, "simulated")
        simulated = stages.keep("simulation", key, try_in_simulation, save, load)
        stages.forget("simulation")
    if "selection" not in wanted:
        return None

    with stages.timed("selection"):
        selections = [
            inclusive(data, background, signal, width),
            *cuts(scores, config.selection.background_efficiency, width, beside, simulated),
        ]
    if "fit" not in wanted:
        return None

    if who is not None:
        record_unblinding(out, who, config.hash())
    with stages.timed("fit"):
        hunts = [hunt(cut, config, blind=blind) for cut in selections]
        trials = None if blind else trials_of_cuts(hunts, toys=config.fit.toys or TRIALS, seed=seed)
    results = summarise(config, data, scores, selections, hunts, trials, stages.timing, unblindings(out))
    (out / "workspaces").mkdir(exist_ok=True)
    for cut, found in zip(selections, hunts, strict=True):
        write_json(out / "workspaces" / f"{cut_name(cut.background_efficiency)}.json", found.workspace)
    write_json(out / "results.json", results.to_dict())

    if "figures" in wanted:
        # matplotlib takes a second that a run without figures need not wait for
        from hepflow.plots import draw_run

        draw_run(results, out / "figures")
    return results
