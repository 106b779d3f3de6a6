"""Configuration to objects: the one place where settings become readers, methods and classifiers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from hepflow.classifiers import BoostedTrees
from hepflow.flows import Density, spline_autoregressive
from hepflow.methods import Cathode
from hepflow.readers import Source, read
from hepflow.sample import FloatArray, Sample
from hepflow.stats import SignalShape, SignalTemplate, with_luminosity, with_mass_scale, with_resolution
from hepflow.training import TrainingPlan
from hepflow.workflow.config import Config, Input


def open_input(config: Config, entry: Input) -> Source:
    """Open the files of an input; relative paths start from the configuration's folder."""
    return read(
        config.files(entry),
        entry.format,
        tree=entry.tree,
        branches=None if entry.branches is None else {k: _columns(v) for k, v in entry.branches.items()},
        unit=entry.unit,
        weight=entry.weight,
        label_branch=entry.label_branch,
        label=entry.label,
        selection=entry.selection,
    )


def build_method(config: Config, checkpoint: Path | None = None) -> Cathode:
    """Return the method of background estimation, untrained; its training is kept in `checkpoint` as it goes."""
    chosen = config.method
    architecture = partial(
        spline_autoregressive, layers=chosen.layers, hidden=chosen.hidden, bins=chosen.bins
    )
    plan = TrainingPlan(
        epochs=chosen.epochs,
        batch_size=chosen.batch_size,
        learning_rate=chosen.learning_rate,
        schedule=chosen.schedule,
        warm_up=0.2 if chosen.schedule == "one-cycle" else 0.0,
        best_epochs=chosen.best_epochs,
    )
    density = Density(architecture, plan, members=chosen.ensemble, checkpoint=checkpoint)
    return Cathode(
        density,
        oversampling=chosen.oversampling,
        validation_oversampling=chosen.validation_oversampling,
        bin_width=config.fit.bin_width,
        sqrt_s=config.fit.sqrt_s,
    )


def build_classifier(config: Config) -> BoostedTrees:
    """Return the classifier, untrained."""
    chosen = config.classifier
    return BoostedTrees(
        members=chosen.ensemble,
        max_iter=chosen.max_iter,
        max_leaf_nodes=chosen.max_leaf_nodes,
        min_samples_leaf=chosen.min_samples_leaf,
        learning_rate=chosen.learning_rate,
    )


def signal_template(signal: Sample, edges: FloatArray, config: Config) -> SignalTemplate:
    """Return the histogram of the signal behind a cut, with the errors that the configuration gives it."""
    errors = config.fit
    shape: SignalShape = partial(SignalTemplate.of, signal)
    if errors.mass_scale_error:
        shape = with_mass_scale(shape, errors.mass_scale_error)
    if errors.resolution_error:
        peak = float(np.average(signal.mass, weights=signal.weight))
        shape = with_resolution(shape, errors.resolution_error, peak)
    template = shape(edges)
    return with_luminosity(template, errors.luminosity_error) if errors.luminosity_error else template


def _columns(value: str | tuple[str, ...]) -> str | list[str]:
    return value if isinstance(value, str) else list(value)
