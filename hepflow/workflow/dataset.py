"""One data set of a comparison: every method fitted, scored, combined and judged, each in a folder of its own."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hepflow.comparison import Matrix, MethodResult
from hepflow.errors import FitError, InputError
from hepflow.methods import Background
from hepflow.regions import Windows
from hepflow.sample import Sample
from hepflow.selection import (
    Judged,
    Scores,
    Validation,
    combine,
    judge,
    score_correlation,
    selection_overlap,
    supervised,
)
from hepflow.selection.validation import BANDS_SEED
from hepflow.storage import write_json
from hepflow.workflow.build import build_classifier, build_method
from hepflow.workflow.cache import RunFolder, stage_key
from hepflow.workflow.config import Config, Method
from hepflow.workflow.config.methods import NEEDS_SIMULATION, NEEDS_TRUTH, Splines, density_settings
from hepflow.workflow.keep import Stages
from hepflow.workflow.kept import (
    load_background,
    load_scores,
    load_validation,
    save_background,
    save_scores,
    save_validation,
)
from hepflow.workflow.measure import failed, measure

COMBINATION = "combination"
FAILURE = "failure.json"
log = logging.getLogger("hepflow.workflow")


@dataclass
class DataSet:
    """Data with a certain signal in them, and the methods that search them.

    Parameters
    ----------
    config
        The analysis, with the seed of this data set.
    methods
        What to run, by name.
    data, signal, simulation, reference
        The samples; all but the data may be None.
    injected
        Signal events in the data.
    folder
        Where results are kept.
    key
        Of the samples and the regions.
    """

    config: Config
    methods: Mapping[str, Method]
    data: Sample
    signal: Sample | None
    simulation: Sample | None
    reference: Sample | None
    injected: int
    folder: Path
    key: str

    failures: dict[str, str] = field(default_factory=dict, init=False)

    def results(self) -> tuple[list[MethodResult], list[Matrix]]:
        """Run what is not done yet, and return one result a method, and how far the methods agree."""
        scores, validations = self._scores(), self._validations()
        for checkpoint in self.folder.rglob("*.safetensors"):
            checkpoint.unlink()  # everything that needs a training is kept
        found = []
        for name in self._names:
            truth = name in self.methods and self.methods[name].name in NEEDS_TRUTH
            if name in self.failures:
                error = self.failures[name]
                found.append(failed(self.config, name, error, uses_truth=truth, injected=self.injected))
            elif name in scores:
                log.info("%s: %s", self, name)
                seconds = sum(self._stages[name].timing.values())
                beside = validations.get(name)
                found.append(
                    measure(
                        self.config,
                        name,
                        scores[name],
                        beside,
                        uses_truth=truth,
                        injected=self.injected,
                        seconds=seconds,
                    )
                )
        return found, self._agreement(scores)

    def __str__(self) -> str:
        return f"seed {self.config.seed}, {self.injected} injected"

    @property
    def _names(self) -> list[str]:
        return [*self.methods, COMBINATION]

    @cached_property
    def _stages(self) -> dict[str, Stages]:
        identity = {"seed": self.config.seed, "injected": self.injected}
        return {
            name: Stages(RunFolder(self.folder / name, {"method": name, **identity})) for name in self._names
        }

    def _key(self, stage: str) -> str:
        """Return the key of what all methods make together."""
        settings = self.config.model_dump(mode="json", include={"classifier", "fit", "compare"})
        blocks = {name: method.model_dump(mode="json") for name, method in self.methods.items()}
        width = self.config.regions.validation if stage == "validation" else None
        fit = [settings["fit"][name] for name in ("bin_width", "sqrt_s")]
        combined = settings["compare"]["oversampling"]
        return stage_key(self.key, [stage, blocks, settings["classifier"], fit, combined, width])

    def _scores(self) -> dict[str, Scores]:
        """Return the scores of every method, and of their combination."""
        key, windows, seed = self._key("scores"), self.config.regions.windows, self.config.seed
        bins = {"bin_width": self.config.fit.bin_width, "sqrt_s": self.config.fit.sqrt_s}
        if self._is_done("scores", key):
            found = {}
            for name, stages in self._stages.items():
                failure = stages.folder.file(FAILURE)
                if failure.is_file():
                    self.failures[name] = json.loads(failure.read_text(encoding="utf-8"))["error"]
                elif stages.folder.file("scores.h5").is_file():  # of one method alone there is no combination
                    background = load_background(stages.folder, self.data, windows, **bins)
                    found[name] = load_scores(stages.folder, self.data, self.signal, background)
                    stages.timing["kept"] = stages.folder.seconds("scores")
            return found
        for stages in self._stages.values():
            stages.folder.begin("scores")
            for kept in (FAILURE, "scores.h5"):
                stages.folder.file(kept).unlink(missing_ok=True)
        backgrounds = self._backgrounds(self.data, windows, seed)
        judged = self._judge(self.data, backgrounds, self.signal, seed)
        for name, scores in judged.items():
            save_background(self._stages[name].folder, scores.background)
            save_scores(self._stages[name].folder, scores)
        self._finish("scores", key)
        return judged

    def _validations(self) -> dict[str, Validation]:
        """Return what every method showed in the validation bands."""
        windows, width = self.config.regions.windows, self.config.regions.validation
        if width == 0:
            return {}
        key = self._key("validation")
        if self._is_done("validation", key):
            for stages in self._stages.values():
                stages.timing["kept"] = stages.folder.seconds("validation")
            loaded = {name: load_validation("bands", one.folder) for name, one in self._stages.items()}
            return {name: one for name, one in loaded.items() if one is not None}
        seed = self.config.seed + BANDS_SEED
        outside = self.data.select(~windows.in_signal(self.data.mass))
        backgrounds = {
            name: background.without(windows.signal)
            for name, background in self._backgrounds(outside, windows.validation(width), seed).items()
            if self.methods[name].name != "supervised"  # which knows no signal there
        }
        judged = self._judge(outside, backgrounds, None, seed)
        found = {name: Validation.of(scores) for name, scores in judged.items()}
        for name, stages in self._stages.items():
            save_validation("bands", stages.folder, found.get(name))
        self._finish("validation", key)
        return found

    def _backgrounds(self, data: Sample, windows: Windows, seed: int) -> dict[str, Background]:
        """Fit every method; one whose input does not allow it is noted, and the others go on."""
        found = {}
        for name, method in self.methods.items():
            if name in self.failures:
                continue
            log.info("%s, %g-%g GeV: background of %s", self, *windows.signal, name)
            own = self.config.model_copy(update={"method": method})
            estimator = build_method(own, self._checkpoint(method, name, windows), self.reference)
            given = self.simulation if method.name in NEEDS_SIMULATION else None
            try:
                with self._stages[name].timed(f"background {windows.signal[0]:g}"):
                    found[name] = estimator.fit(data, windows, simulation=given, seed=seed)
            except (InputError, FitError) as error:
                self._fail(name, error)
        return found

    def _judge(
        self, data: Sample, backgrounds: Mapping[str, Background], signal: Sample | None, seed: int
    ) -> dict[str, Scores]:
        """Score every method, and combine those that need no truth."""
        classifier, folds = build_classifier(self.config), self.config.classifier.folds
        scores: dict[str, Scores] = {}
        judged: dict[str, Judged] = {}
        for name, background in backgrounds.items():
            log.info("%s, %g-%g GeV: scores of %s", self, *background.windows.signal, name)
            try:
                with self._stages[name].timed(f"scores {background.windows.signal[0]:g}"):
                    if self.methods[name].name == "supervised" and signal is not None:
                        scores[name] = supervised(
                            classifier, data, background, signal, folds=folds, seed=seed
                        )
                        continue
                    one = judge(classifier, data, background, signal=signal, folds=folds, seed=seed)
                    scores[name] = one.scores
                    if self.methods[name].name not in NEEDS_TRUTH:
                        judged[name] = one
            except (InputError, FitError) as error:
                self._fail(name, error)
        if len(judged) > 1:
            with self._stages[COMBINATION].timed(f"scores {data.mass.size}"):
                pooled = self.config.compare.oversampling
                scores[COMBINATION] = combine(
                    judged, seed=seed, pooled=pooled, validation_pooled=0.2 * pooled
                )
        return scores

    def _checkpoint(self, method: Method, name: str, windows: Windows) -> Path:
        """Return where a training is kept as it goes; methods with the same density of the sidebands share it."""
        if isinstance(method, Splines):
            key = stage_key(self.key, [density_settings(method), windows.signal, windows.sidebands])
            return self.folder / f"density-{key[:12]}.safetensors"
        key = stage_key(self.key, [method.model_dump(mode="json"), windows.signal, windows.sidebands])
        return self.folder / f"{name}-{key[:12]}.safetensors"

    def _fail(self, name: str, error: Exception) -> None:
        log.warning("%s: %s cannot be run: %s", self, name, error)
        self.failures[name] = str(error)
        write_json(self._stages[name].folder.file(FAILURE), {"error": str(error)})

    def _is_done(self, stage: str, key: str) -> bool:
        return all(stages.folder.is_done(stage, key) for stages in self._stages.values())

    def _finish(self, stage: str, key: str) -> None:
        for stages in self._stages.values():
            stages.folder.finish(stage, key, sum(stages.timing.values()))

    def _agreement(self, scores: Mapping[str, Scores]) -> list[Matrix]:
        """Return the overlap of selections at every cut, and the correlation of scores, of methods without truth."""
        same = {
            name: scores[name]
            for name, method in self.methods.items()
            if name in scores and method.name not in NEEDS_TRUTH
        }
        if len(same) < 2:
            return []
        seed, injected = self.config.seed, self.injected
        matrices = [Matrix.of("correlation", score_correlation(same), seed, injected)]
        for efficiency in self.config.selection.background_efficiency:
            matrices.append(
                Matrix.of("overlap", selection_overlap(same, efficiency), seed, injected, efficiency)
            )
        return matrices
