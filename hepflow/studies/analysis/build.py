"""A configuration to objects, for what looks at a method or classifier outside of any step."""

from __future__ import annotations

from typing import Any, cast

from hepflow.catalogue import CLASSIFIERS, METHODS
from hepflow.classifiers import DensityRatio
from hepflow.config import Config, methods
from hepflow.engine.job import find
from hepflow.flows import Density
from hepflow.flows.density import spline_density
from hepflow.methods import Method
from hepflow.sample import Sample
from hepflow.studies.analysis.objects import built, built_method
from hepflow.studies.analysis.steps import method_class


def build_method(config: Config, reference: Sample | None = None) -> Method:
    """Return the method of background estimation, untrained; `reference` is true background, for references alone."""
    chosen, fit = method_class(config.method), config.fit
    more: dict[str, Any] = {"reference": reference} if METHODS[config.method.name].needs_truth else {}
    more |= {"bin_width": fit.bin_width, "sqrt_s": fit.sqrt_s}
    settings = config.method.model_dump()
    return cast(Method, built_method(lambda role: find(chosen[role]), settings, **more))


def build_classifier(config: Config) -> DensityRatio:
    """Return the classifier, untrained."""
    row = CLASSIFIERS[config.classifier.name]
    return cast(DensityRatio, built(find(row.where), config.classifier.model_dump()))


def build_density(chosen: methods.Splines) -> Density:
    """Return the density of the sidebands, untrained, on which several methods build."""
    return spline_density(**methods.density_settings(chosen))
