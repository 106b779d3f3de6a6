"""The tuning of a search: settings of the flow, then of the classifier, beside the signal region alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

from hepflow.catalogue import METHODS
from hepflow.config import Config, Trees, methods
from hepflow.engine.plan import Step
from hepflow.errors import ConfigError
from hepflow.sample import Sample
from hepflow.studies.analysis.build import build_classifier, build_density, build_method
from hepflow.studies.analysis.steps import classifier_class, method_class, reading
from hepflow.studies.tuning.merit import Bands, SignalInBands, expected, log_likelihood
from hepflow.studies.tuning.record import Settings
from hepflow.studies.tuning.tunable import Bench, Judge, Search, Tunable, ends, put, put_widths


class Resonance(Tunable[Config]):
    """Flows are judged by the likelihood in the validation bands, classifiers by what they would see of signal there.

    Data of the signal region are cut away before anything else (`hepflow.studies.tuning.merit`).
    """

    merits: ClassVar[Mapping[str, str]] = {"flow": "log-likelihood [nats]", "classifier": "expected Z"}
    blocks: ClassVar[Mapping[str, str]] = {"flow": "method", "classifier": "classifier"}
    judged = "in the validation bands, without the signal region"
    runs = "run"
    beside: ClassVar[Mapping[str, Any]] = {"compare": True, "selection": True, "injection": True}

    def left_out(self, config: Config) -> dict[str, str]:
        """Return why flow or classifier is not searched."""
        notes = {}
        name = config.method.name
        if not isinstance(config.method, methods.Splines):
            notes["flow"] = f"flow: method {name!r} has no settings of a flow"
        if not METHODS[name].takes_classifier:
            notes["classifier"] = f"classifier: the score of {name!r} is a ratio of densities"
        elif config.inputs.signal is None:
            notes["classifier"] = (
                "classifier: without inputs.signal there is nothing to find in the validation bands, and the best "
                "classifier would be one that learns nothing"
            )
        if len(notes) == 2:
            raise ConfigError(
                "nothing to tune: "
                + "; ".join(notes.values())
                + ". Give inputs.signal, or choose another method"
            )
        return notes

    def reading(self, config: Config) -> Iterable[Step]:
        """Return the steps that read data, signal and simulation; no signal is injected."""
        simulation = ["simulation"] if METHODS[config.method.name].needs_simulation else []
        return reading(
            config, "samples", "hepflow.studies.analysis.reading:samples", "data", "signal", *simulation
        )

    def chosen(self, config: Config) -> Mapping[str, str]:
        """Return the classes of method and classifier."""
        return {**method_class(config.method), **classifier_class(config)}

    def bench(self, config: Config, read: Any) -> Bench[Config]:
        """Return the searches, of data without the signal region."""
        samples: dict[str, Sample] = dict(read)
        bands = Bands.of(samples.pop("data"), config.regions.windows, config.regions.validation.width or None)
        every = (bands.data, *(samples[name] for name in sorted(samples)))
        columns = tuple(column for one in every for column in (one.mass, one.features, one.weight))

        def search(name: str, best: Config) -> Search[Config]:
            return _flow(best, bands) if name == "flow" else _classifier(best, bands, samples)

        return Bench(columns, search)


def _flow(config: Config, bands: Bands) -> Search[Config]:
    """Return the search for the flow of the sidebands' density."""

    def judge(trial: Config) -> tuple[float, dict[str, float]]:
        method = cast(methods.Splines, trial.method)
        smaller = {"ensemble": min(method.ensemble, config.tune.ensemble)}
        density = build_density(method.model_copy(update=smaller))
        return log_likelihood(density, bands, config.fit.bin_width, config.seed), {}

    def apply(given: Config, settings: Settings) -> Config:
        return put(given, "method", settings)

    ranges = ends(config.tune.flow)
    current = {name: getattr(config.method, name) for name in ranges}
    return Search("flow", ranges, current, apply, lambda: judge)


def _classifier(config: Config, bands: Bands, samples: Mapping[str, Sample]) -> Search[Config]:
    """Return the search for the classifier, beside the template of the flow that was found."""
    classifier, searched = config.classifier, config.tune
    trees = isinstance(classifier, Trees)

    def prepare() -> Judge[Config]:
        simulation = samples.get("simulation")
        method = build_method(config)
        background = method.fit(
            bands.data, bands.windows, simulation=simulation, folds=classifier.folds, seed=config.seed
        )
        background = background.without(bands.hole)
        filled = SignalInBands.of(bands, background, samples["signal"], searched.significance, config.seed)

        def judge(trial: Config) -> tuple[float, dict[str, float]]:
            smaller = {"ensemble": min(classifier.ensemble, searched.ensemble)}
            quick = put(trial, "classifier", smaller)
            built, efficiency = build_classifier(quick), searched.background_efficiency
            details = dict(vars(expected(built, filled, efficiency, config.seed)))
            return details.pop("significance"), details

        return judge

    def apply(given: Config, settings: Settings) -> Config:
        return (put if trees else put_widths)(given, "classifier", settings)

    ranges = ends(searched.trees if trees else searched.network)
    if isinstance(classifier, Trees):
        current: Settings = {name: getattr(classifier, name) for name in ranges}
    else:
        current = {"layers": len(classifier.hidden), "width": classifier.hidden[0]}
    template = {
        name: getattr(config.method, name)
        for name in type(searched.flow).model_fields
        if isinstance(config.method, methods.Splines)
    }
    return Search("classifier", ranges, current, apply, prepare, template)


TUNABLE = Resonance()
