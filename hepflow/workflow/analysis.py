"""An analysis: from files to figures, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache, cached_property, partial
from pathlib import Path

from hepflow.classifiers import Classifier
from hepflow.errors import HepflowError
from hepflow.flows import Density
from hepflow.methods import Background
from hepflow.results import Results, cut_name
from hepflow.sample import Sample, inject
from hepflow.selection import (
    Cut,
    Judged,
    Scores,
    Validation,
    cuts,
    enough_simulation,
    inclusive,
    judge,
    judge_without,
    load_weights,
    save_judged,
    save_weights,
    validate,
    validate_in_simulation,
)
from hepflow.stats import BumpHunt, trials_of_cuts
from hepflow.stats.trials import TOYS
from hepflow.storage import load_sample, save_sample, write_json
from hepflow.workflow.build import build_classifier, build_method, density_of
from hepflow.workflow.config import Config
from hepflow.workflow.config.methods import BRINGS_SCORE, NEEDS_SIMULATION
from hepflow.workflow.engine.folder import RunFolder
from hepflow.workflow.engine.plan import Plan
from hepflow.workflow.engine.provenance import unblindings
from hepflow.workflow.engine.work import Work, log
from hepflow.workflow.fits import hunt, load_hunt, save_hunt
from hepflow.workflow.fold_steps import FOLDS, folds_of
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
from hepflow.workflow.piece_steps import READING
from hepflow.workflow.pieces import read_features, read_piece
from hepflow.workflow.steps import FIGURES, REPORT, STAGES, fits
from hepflow.workflow.summary import summarise
from hepflow.workflow.variations import (
    load_variations,
    load_varied,
    read_variations,
    save_variations,
    save_varied,
)

CLASSIFIER, DENSITY = "classifier.safetensors", "density.safetensors"


class Analysis(Work):
    """The steps of an analysis. Each result is made, or read from the run folder, when it is first asked for.

    Parameters
    ----------
    config
        The analysis.
    plan, folder
        From `analysis_plan`, and where results are kept.
    blind
        Whether the data of the signal region stay hidden behind the cuts.
    """

    limits = True  # are part of what a fit says

    def __init__(self, config: Config, plan: Plan, folder: RunFolder, *, blind: bool) -> None:
        super().__init__(plan, folder)
        self.config, self.blind = config, blind
        self.windows = config.regions.windows
        self.starts_from_simulation = config.method.name in NEEDS_SIMULATION
        self._density: Density | None = None  # once it is trained here
        self.cut, self.hunt = cache(self._cut), cache(self._hunt)

    def perform(self, step: str) -> None:
        """Make the result of a step and keep it, unless it is there."""
        if step.startswith("fit/"):
            self.hunt(step)
        elif step == "results":
            self.publish(step, self._results)
        elif step == FIGURES:
            self.publish(step, self._figures)
        elif step.startswith(f"{READING}/"):
            read_piece(self, self.config, step)
        elif step.startswith(f"{FOLDS}/"):
            self._try_fold(step)
        else:
            getattr(self, step.replace("/", "_"))

    @cached_property
    def features(self) -> tuple[Sample, Sample | None]:
        """The data, and the signal where there is any, with injection."""
        config = self.config

        def make() -> tuple[Sample, Sample | None]:
            data = self._read("data")
            signal = self._read("signal") if config.inputs.signal is not None else None
            if config.injection is not None and signal is not None:
                return inject(signal, data, config.injection.events, config.injection.seed)
            return data, signal

        return self.keep("features", make, save_samples, load_samples)

    @cached_property
    def simulation(self) -> Sample:
        """The simulated background."""
        return self.keep(
            "simulation",
            lambda: self._read("simulation"),
            lambda folder, sample: save_sample(sample, folder / "simulation.h5"),
            lambda folder: load_sample(folder / "simulation.h5"),
        )

    @cached_property
    def variations(self) -> dict[str, tuple[Sample, Sample]]:
        """The signal with each systematic effect, up and down, by the name of its nuisance parameter."""
        signal = self.config.inputs.signal
        if signal is None or not signal.variations:
            return {}
        return self.keep(
            "variations", lambda: read_variations(self.config, self._read), save_varied, load_varied
        )

    @cached_property
    def background(self) -> Background:
        """What the method says of the background."""
        fit = self.config.fit

        def save(folder: Path, found: Background) -> None:
            save_background(folder, found)
            if self._density is not None:
                save_weights(folder / DENSITY, self._density)

        load = partial(
            load_background,
            data=self.features[0],
            windows=self.windows,
            bin_width=fit.bin_width,
            sqrt_s=fit.sqrt_s,
        )
        return self.keep("background", self._estimate, save, load)

    @cached_property
    def scores(self) -> Scores:
        """Every sample, scored."""
        data, signal = self.features

        def make() -> tuple[Judged | None, Scores]:
            # networks that score are no part of what was kept, and quick to make again of the checkpoint
            own = self.background
            if own.scoring is None and self.config.method.name in BRINGS_SCORE:
                own = self._estimate()
            seed = self.config.seed
            trained = {fold: self._fold(step) for step, fold in folds_of(self.plan).items()}
            judged = judge(
                self._classifier, data, own, signal=signal, folds=self._folds, trained=trained, seed=seed
            )
            return judged, judged.with_variations(self.variations, seed)

        def save(folder: Path, found: tuple[Judged | None, Scores]) -> None:
            judged, scores = found
            save_scores(folder, scores)
            save_variations(folder, scores.variations)
            if judged is not None:
                save_judged(folder / CLASSIFIER, judged)

        def load(folder: Path) -> tuple[Judged | None, Scores]:
            scores = load_scores(folder, data, signal, self.background)
            return None, replace(scores, variations=load_variations(folder))

        return self.keep("scores", make, save, load)[1]

    @cached_property
    def validation_bands(self) -> Validation | None:
        """The method, tried beside the signal region."""
        width = self.config.regions.validation
        if width == 0:
            return None

        def make() -> Validation:
            return validate(
                build_method(self.config, self.checkpoint("validation/bands")),
                self._classifier,
                self.features[0],
                self.windows,
                simulation=self._given,
                width=width,
                folds=self._folds,
                seed=self.config.seed,
            )

        return self.keep("validation/bands", make, save_validation, load_validation)

    @cached_property
    def validation_simulation(self) -> Validation | None:
        """The method, tried in simulation, where there is enough of one that it does not start from."""
        if self.config.inputs.simulation is None or self.starts_from_simulation:
            return None
        data = self.features[0]

        def make() -> Validation | None:
            if not enough_simulation(self.simulation, data, self.windows):
                return None
            return validate_in_simulation(
                build_method(self.config, self.checkpoint("validation/simulation")),
                self._classifier,
                self.simulation,
                data,
                self.windows,
                folds=self._folds,
                seed=self.config.seed,
            )

        return self.keep("validation/simulation", make, save_validation, load_validation)

    @property
    def timing(self) -> dict[str, float]:
        """Seconds that each stage took, its steps together."""
        spent = dict.fromkeys(STAGES, 0.0)
        for step in self.plan:
            record = self.folder.record(step.name)
            if record is not None and step.name not in ("results", FIGURES, REPORT):
                spent[step.stage] += record.seconds
        return {stage: round(seconds, 3) for stage, seconds in spent.items() if seconds}

    def _cut(self, efficiency: float) -> Cut:
        """Return one selection; an efficiency of one is the inclusive one."""
        data, signal = self.features
        width = self.config.fit.bin_width
        if efficiency == 1:
            varied = {name: (up.sample, down.sample) for name, (up, down) in self.scores.variations.items()}
            return inclusive(data, self.background, signal, width, varied)
        (found,) = cuts(self.scores, [efficiency], width, self.validation_bands, self.validation_simulation)
        return found

    def _hunt(self, step: str) -> BumpHunt:
        """Return the fit of one selection, by the name of its step."""
        cut, config, blind = self.cut(fits(self.config)[step]), self.config, self.blind
        return self.keep(
            step,
            lambda: hunt(cut, config, blind=blind, limits=self.limits),
            save_hunt,
            lambda folder: load_hunt(folder, cut, config, blind=blind),
        )

    def _results(self) -> Iterator[Path]:
        """Write the workspaces and results.json."""
        names, out, seed = fits(self.config), self.folder.path, self.config.seed
        selections = [self.cut(efficiency) for efficiency in names.values()]
        hunts = [self.hunt(name) for name in names]
        trials = None
        if not self.blind:
            trials = trials_of_cuts(hunts, toys=self.config.fit.toys or TOYS, seed=seed)
        data, unblinded = self.features[0], unblindings(out)
        results = summarise(self.config, data, self.scores, selections, hunts, trials, self.timing, unblinded)
        (out / "workspaces").mkdir(exist_ok=True)
        for cut, found in zip(selections, hunts, strict=True):
            path = out / "workspaces" / f"{cut_name(cut.background_efficiency)}.json"
            write_json(path, found.workspace)
            yield path
        write_json(out / "results.json", results.to_dict())
        yield out / "results.json"

    def _figures(self) -> list[Path]:
        """Draw the results."""
        # matplotlib takes a second that a run without figures need not wait for
        from hepflow.plots import draw_run

        results = Results.from_json(self.folder.path / "results.json")
        return draw_run(results, self.folder.path / "figures")

    def _read(self, what: str) -> Sample:
        return read_features(self, self.config, what)

    def _estimate(self) -> Background:
        method = build_method(self.config, self.checkpoint("background"))
        found = method.fit(self.features[0], self.windows, simulation=self._given, seed=self.config.seed)
        self._density = density_of(method)
        return found

    def _fold(self, step: str) -> Classifier:
        """Return the classifier that leaves a fold out."""
        fold, data, background = folds_of(self.plan)[step], self.features[0], self.background
        settings = {"folds": self._folds, "seed": self.config.seed}
        return self.keep(
            step,
            lambda: judge_without(fold, self._classifier, data, background, **settings),
            lambda folder, trained: save_weights(folder / CLASSIFIER, trained),
            lambda folder: load_weights(folder / CLASSIFIER, Classifier),  # type: ignore[type-abstract]
        )

    def _try_fold(self, step: str) -> None:
        """Train the classifier that leaves a fold out; what stands in the way, the scores say once for all folds."""
        try:
            self._fold(step)
        except HepflowError as error:
            log.info("%s: left to the scores: %s", step, error)

    @property
    def _given(self) -> Sample | None:
        return self.simulation if self.starts_from_simulation else None

    @property
    def _classifier(self) -> Classifier:
        return build_classifier(self.config)

    @property
    def _folds(self) -> int:
        return self.config.classifier.folds
