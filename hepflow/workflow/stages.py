"""The stages of an analysis, from files to figures, each resumed where its result is there already."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from hepflow.errors import ConfigError, HepflowError
from hepflow.features import features
from hepflow.results import Results
from hepflow.sample import Sample, inject
from hepflow.selection import (
    Cut,
    Validation,
    cuts,
    enough_simulation,
    inclusive,
    score,
    validate,
    validate_in_simulation,
)
from hepflow.stats import BumpHunt, bump_hunt, smooth_spectrum, trials_of_cuts
from hepflow.stats.trials import TOYS as TRIALS
from hepflow.storage import write_json, write_text
from hepflow.workflow.build import build_classifier, build_method, open_input, signal_template
from hepflow.workflow.cache import RunFolder, fingerprint, stage_key
from hepflow.workflow.config import Config
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

T = TypeVar("T")
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
    stages = _Stages(RunFolder(out, identity))
    write_text(out / "config.yaml", config.to_yaml(out))
    wanted = STAGES if until is None else STAGES[: STAGES.index(until) + 1]
    windows, seed, width = config.regions.windows, config.seed, config.fit.bin_width

    inputs = config.inputs
    entries = {"data": inputs.data, "signal": inputs.signal, "simulation": inputs.simulation}
    sources = {name: open_input(config, entry) for name, entry in entries.items() if entry is not None}
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

    smooth = [width, config.fit.sqrt_s]  # all of `fit` that is learned from: to unblind trains nothing anew
    key = stage_key(key, [settings["regions"], settings["method"], smooth, seed])
    background = stages.keep(
        "background",
        key,
        lambda: build_method(config, stages.checkpoint("background", key)).fit(data, windows, seed=seed),
        save_background,
        lambda folder: load_background(folder, data, windows, width, config.fit.sqrt_s),
    )
    if "scores" not in wanted:
        return None

    key = stage_key(key, settings["classifier"])
    scores = stages.keep(
        "scores",
        key,
        lambda: score(
            build_classifier(config),
            data,
            background,
            signal=signal,
            folds=config.classifier.folds,
            seed=seed,
        ),
        save_scores,
        lambda folder: load_scores(folder, data, signal, background),
    )
    if "validation" not in wanted:
        return None

    bands = config.regions.validation

    def try_beside() -> Validation | None:
        if bands == 0:
            return None
        method = build_method(config, stages.checkpoint("validation", key))
        classifier = build_classifier(config)
        return validate(
            method, classifier, data, windows, width=bands, folds=config.classifier.folds, seed=seed
        )

    def try_in_simulation() -> Validation | None:
        simulation = features(sources["simulation"], config.features)
        if not enough_simulation(simulation, data, windows):
            return None
        method = build_method(config, stages.checkpoint("simulation", key))
        classifier = build_classifier(config)
        return validate_in_simulation(
            method, classifier, simulation, data, windows, folds=config.classifier.folds, seed=seed
        )

    save, load = partial(save_validation, "bands"), partial(load_validation, "bands")
    beside, simulated = stages.keep("validation", key, try_beside, save, load), None
    if inputs.simulation is not None:
        save, load = partial(save_validation, "simulated"), partial(load_validation, "simulated")
        simulated = stages.keep("simulation", key, try_in_simulation, save, load)
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
        hunts = [_hunt(cut, config, blind) for cut in selections]
        trials = None if blind else trials_of_cuts(hunts, toys=config.fit.toys or TRIALS, seed=seed)
    results = summarise(config, data, scores, selections, hunts, trials, stages.timing, unblindings(out))
    (out / "workspaces").mkdir(exist_ok=True)
    for cut, hunt in zip(selections, hunts, strict=True):
        write_json(out / "workspaces" / f"{cut_name(cut.background_efficiency)}.json", hunt.workspace)
    write_json(out / "results.json", results.to_dict())

    if "figures" in wanted:
        # matplotlib takes a second that a run without figures need not wait for
        from hepflow.plots import draw_run

        draw_run(results, out / "figures")
    return results


def check(config: Config) -> list[str]:
    """Open what an analysis reads, and report what can be known before it runs.

    Returns
    -------
    list of str
        One line per finding.

    Raises
    ------
    HepflowError
        If the analysis could not start.
    """
    lines = []
    inputs = config.inputs
    for name, entry in (
        ("data", inputs.data),
        ("signal", inputs.signal),
        ("simulation", inputs.simulation),
    ):
        if entry is None:
            continue
        source = open_input(config, entry)
        lines.append(
            f"{name}: {len(source.files)} file(s), {source.num_events:,} events, format {entry.format}"
        )
        sample = features(source, config.features)
        lines += [f"  {cause}: {events:,}" for cause, events in sample.cutflow]
        windows = config.regions.windows
        if name != "signal":  # which may well be narrower than the regions
            windows.split(sample)
        inside, outside = windows.in_signal(sample.mass).sum(), windows.in_sidebands(sample.mass).sum()
        lines.append(f"  signal region: {inside:,} events; sidebands: {outside:,} events")
    return lines


def _hunt(cut: Cut, config: Config, blind: bool) -> BumpHunt:
    """Fit one cut's spectrum; of the inclusive one nothing is blinded."""
    spectrum = cut.spectrum
    signal = None  # where none of the signal passes, events are counted: a significance, but no limit
    if cut.signal is not None and cut.signal_passes:
        signal = signal_template(cut.signal, spectrum.edges, config)
    try:
        if config.fit.background == "dijet" and cut.threshold is not None:
            spectrum, _ = smooth_spectrum(
                spectrum.edges, spectrum.observed, spectrum.windows, sqrt_s=config.fit.sqrt_s
            )
        if blind and cut.threshold is not None:
            spectrum = spectrum.blinded()
        return bump_hunt(
            spectrum, signal, calculator=config.fit.calculator, toys=config.fit.toys, seed=config.seed
        )
    except HepflowError as error:
        raise type(error)(f"{cut_name(cut.background_efficiency)}: {error}") from error


class _Stages:
    """The results of stages in a run folder, and the seconds that each took."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.timing: dict[str, float] = {}

    def keep(
        self,
        stage: str,
        key: str,
        make: Callable[[], T],
        save: Callable[[RunFolder, T], None],
        load: Callable[[RunFolder], T],
    ) -> T:
        """Read the result of a stage if it is there, else make and keep it."""
        if self.folder.is_done(stage, key):
            self.timing[stage] = self.folder.seconds(stage)
            return load(self.folder)
        self.folder.begin(stage)
        with self.timed(stage):
            result = make()
            save(self.folder, result)
        self.folder.finish(stage, key, self.timing[stage])
        for checkpoint in self.folder.file("").glob(f"{stage}-*.safetensors"):
            checkpoint.unlink()
        return result

    def checkpoint(self, stage: str, key: str) -> Path:
        """Return where a stage keeps its training as it goes; one with other settings is forgotten."""
        path = self.folder.file(f"{stage}-{key[:12]}.safetensors")
        for other in path.parent.glob(f"{stage}-*.safetensors"):
            if other != path:
                other.unlink()
        return path

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note the seconds that a stage takes."""
        start = time.perf_counter()
        yield
        self.timing[stage] = round(time.perf_counter() - start, 3)
