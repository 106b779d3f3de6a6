"""One data set of a comparison: every method fitted, scored, tried, combined and judged."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path

from hepflow.comparison import Matrix, MethodResult, read_matrices, read_result
from hepflow.errors import FitError, InputError
from hepflow.methods import Background
from hepflow.regions import Windows
from hepflow.sample import Sample, inject
from hepflow.selection import (
    Judged,
    Scores,
    Validation,
    check_no_overlap,
    combine,
    judge,
    load_judged,
    save_judged,
    score_correlation,
    selection_overlap,
    supervised,
)
from hepflow.selection.validation import BANDS_SEED
from hepflow.storage import write_json, write_text
from hepflow.workflow.build import build_classifier, build_method
from hepflow.workflow.comparison.measure import failed, measure
from hepflow.workflow.comparison.steps import (
    COMBINATION,
    SCORES,
    VALIDATION,
    Draw,
    searches,
    shared_densities,
)
from hepflow.workflow.config import Config, Method, methods
from hepflow.workflow.config.methods import NEEDS_SIMULATION, NEEDS_TRUTH, density_settings
from hepflow.workflow.engine.folder import RunFolder
from hepflow.workflow.engine.plan import Plan
from hepflow.workflow.engine.work import Work
from hepflow.workflow.kept import load_background, load_scores, save_background, save_scores

CLASSIFIERS, FAILURE, DENSITY = "classifiers.safetensors", "failure.txt", "density.safetensors"
RESULT, AGREEMENT = "result.json", "agreement.json"
log = logging.getLogger("hepflow.workflow")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a method: scores, and what scores more events unless it was told the signal; or a failure."""

    scores: Scores | None = None
    judged: Judged | None = None
    failure: str | None = None


class DataSet(Work):
    """Data with a certain signal in them, and the methods that search them.

    Parameters
    ----------
    config
        The analysis.
    plan, folder
        From `compare_plan`, and where results are kept.
    draw
        Which data set this is.
    chosen
        The methods by name.
    samples
        By the names of the inputs.
    """

    def __init__(
        self,
        config: Config,
        plan: Plan,
        folder: RunFolder,
        draw: Draw,
        chosen: Mapping[str, Method],
        samples: Mapping[str, Sample],
    ) -> None:
        super().__init__(plan, folder)
        fit = config.fit
        if fit.calculator == "auto":  # toys for every cut of every method would take most of the time
            fit = fit.model_copy(update={"calculator": "asymptotic"})
        self.config = config.model_copy(update={"seed": draw.seed, "fit": fit})
        self.draw, self.methods, self.samples = draw, chosen, samples
        self.windows = config.regions.windows
        self.outcome = cache(self._outcome)

    def perform(self, step: str) -> None:
        """Make one step: a part of a method or of a density that several share, or what all methods agree in."""
        name, _, part = step.removeprefix(f"{self.draw.folder}/").partition("/")
        if name == AGREEMENT.removesuffix(".json"):
            self.agreement()
        elif part == "result":
            self.result(name)
        elif name in self.methods or name == COMBINATION:
            self.outcome(name, part)
        else:
            self.density(name, part)

    def result(self, name: str) -> MethodResult:
        """Return what a comparison says of a method."""
        return self.keep(
            f"{self.draw.folder}/{name}/result",
            partial(self._measure, name),
            lambda folder, found: write_json(folder / RESULT, found),
            lambda folder: read_result(folder / RESULT),
        )

    def agreement(self) -> tuple[Matrix, ...]:
        """Return overlap of selections at every cut, and correlation of scores, of the methods without truth."""
        return self.keep(
            f"{self.draw.folder}/agreement",
            self._agreement,
            lambda folder, found: write_json(folder / AGREEMENT, found),
            lambda folder: read_matrices(folder / AGREEMENT),
        )

    def density(self, name: str, part: str) -> Path | None:
        """Return the training of a density that several methods share; None where there is none to be had."""
        shared = shared_densities(self.methods)
        first = self.methods[next(method for method in shared if shared[method] == name)]
        settings = density_settings(first)  # type: ignore[arg-type]
        own = self.config.model_copy(update={"method": methods.Cathode(**settings)})
        step = f"{self.draw.folder}/{name}/{part}"

        def make() -> Path | None:
            data, windows, seed = self._task(part)
            log.info("%s, %s: density of the sidebands, for several methods", self.draw, part)
            checkpoint = self.checkpoint(step)
            try:
                build_method(own, checkpoint).learn(data, windows, seed)  # type: ignore[attr-defined]
            except (InputError, FitError):  # which the methods will say of themselves
                return None
            return checkpoint

        def save(folder: Path, trained: Path | None) -> None:
            if trained is not None:
                shutil.copyfile(trained, folder / DENSITY)

        def load(folder: Path) -> Path | None:
            return folder / DENSITY if (folder / DENSITY).is_file() else None

        self.keep(step, make, save, load)
        return load(self.folder.of(step))

    def _task(self, part: str) -> tuple[Sample, Windows, int]:
        """Return data, regions and seed of the search, or of its trial in the validation bands."""
        data = self._injected[0]
        if part == SCORES:
            return data, self.windows, self.config.seed
        outside = data.select(~self.windows.in_signal(data.mass))
        bands = self.windows.validation(self.config.regions.validation)
        return outside, bands, self.config.seed + BANDS_SEED

    @cached_property
    def _injected(self) -> tuple[Sample, Sample | None]:
        data, signal = self.samples["data"], self.samples.get("signal")
        if signal is not None:
            data, signal = inject(signal, data, self.draw.injected, self.draw.draw)
            check_no_overlap(signal, data)
        if "reference" in self.samples:
            check_no_overlap(data, self.samples["reference"])
        return data, signal

    def _outcome(self, name: str, part: str) -> Outcome:
        make = partial(self._combine if name == COMBINATION else self._search, name, part)
        return self.keep(
            f"{self.draw.folder}/{name}/{part}", make, _save_outcome, partial(self._load_outcome, part)
        )

    def _search(self, name: str, part: str) -> Outcome:
        """Fit and score one method; one whose input does not allow it is noted, and the others go on."""
        method = self.methods[name]
        if part == VALIDATION and method.name == "supervised":  # which knows no signal there
            return Outcome()
        data, windows, seed = self._task(part)
        signal = self._injected[1] if part == SCORES else None
        given = self.samples.get("simulation") if method.name in NEEDS_SIMULATION else None
        own = self.config.model_copy(update={"method": method})
        estimator = build_method(own, self._checkpoint(name, part), self.samples.get("reference"))
        classifier, folds = build_classifier(self.config), self.config.classifier.folds
        try:
            log.info("%s, %s: background of %s", self.draw, part, name)
            background = estimator.fit(data, windows, simulation=given, seed=seed)
            if part == VALIDATION:
                background = background.without(self.windows.signal)
            log.info("%s, %s: scores of %s", self.draw, part, name)
            if method.name == "supervised" and signal is not None:
                return Outcome(supervised(classifier, data, background, signal, folds=folds, seed=seed))
            judged = judge(classifier, data, background, signal=signal, folds=folds, seed=seed)
        except (InputError, FitError) as error:
            log.warning("%s, %s: %s cannot be run: %s", self.draw, part, name, error)
            return Outcome(failure=str(error))
        return Outcome(judged.scores, judged)

    def _combine(self, _: str, part: str) -> Outcome:
        found = {name: self.outcome(name, part).judged for name in searches(self.methods)}
        judged = {name: one for name, one in found.items() if one is not None}
        if len(judged) < 2:
            return Outcome(failure="fewer than two methods could be run")
        log.info("%s, %s: combination", self.draw, part)
        pooled, seed = self.config.compare.oversampling, self._task(part)[2]
        return Outcome(combine(judged, seed=seed, pooled=pooled, validation_pooled=0.2 * pooled))

    def _load_outcome(self, part: str, folder: Path) -> Outcome:
        if (folder / FAILURE).is_file():
            return Outcome(failure=(folder / FAILURE).read_text(encoding="utf-8"))
        if not (folder / "scores.h5").is_file():
            return Outcome()
        data, windows, _ = self._task(part)
        signal = self._injected[1] if part == SCORES else None
        fit = self.config.fit
        background: Background = load_background(folder, data, windows, fit.bin_width, fit.sqrt_s)
        scores = load_scores(folder, data, signal, background)
        if not (folder / CLASSIFIERS).is_file():
            return Outcome(scores)
        return Outcome(scores, load_judged(folder / CLASSIFIERS, scores))

    def _checkpoint(self, name: str, part: str) -> Path:
        """Return where a method keeps its training, one that it shares with others taken up."""
        path = self.checkpoint(f"{self.draw.folder}/{name}/{part}")
        shared = shared_densities(self.methods)
        if name in shared and not path.exists():
            trained = self.density(shared[name], part)
            if trained is not None:
                shutil.copyfile(trained, path)
        return path

    def _measure(self, name: str) -> MethodResult:
        truth = name in self.methods and self.methods[name].name in NEEDS_TRUTH
        injected = self.draw.injected
        found = self.outcome(name, SCORES)
        tried = self.outcome(name, VALIDATION) if self.config.regions.validation != 0 else Outcome()
        if found.scores is None:
            reason = found.failure or "no scores"
            return failed(self.config, name, reason, uses_truth=truth, injected=injected)
        log.info("%s: %s", self.draw, name)
        records = (self.folder.record(f"{self.draw.folder}/{name}/{part}") for part in (SCORES, VALIDATION))
        return measure(
            self.config,
            name,
            found.scores,
            None if tried.scores is None else Validation.of(tried.scores),
            uses_truth=truth,
            injected=injected,
            seconds=sum(one.seconds for one in records if one is not None),
            problems=() if tried.failure is None else (f"validation bands: {tried.failure}",),
        )

    def _agreement(self) -> tuple[Matrix, ...]:
        found = {name: self.outcome(name, SCORES).scores for name in searches(self.methods)}
        same = {name: scores for name, scores in found.items() if scores is not None}
        if len(same) < 2:
            return ()
        seed, injected = self.draw.seed, self.draw.injected
        overlaps = (
            Matrix.of("overlap", selection_overlap(same, efficiency), seed, injected, efficiency)
            for efficiency in self.config.selection.background_efficiency
        )
        return Matrix.of("correlation", score_correlation(same), seed, injected), *overlaps


def _save_outcome(folder: Path, outcome: Outcome) -> None:
    if outcome.failure is not None:
        write_text(folder / FAILURE, outcome.failure)
    if outcome.scores is not None:
        save_background(folder, outcome.scores.background)
        save_scores(folder, outcome.scores)
    if outcome.judged is not None:
        save_judged(folder / CLASSIFIERS, outcome.judged)
