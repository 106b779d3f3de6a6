"""Configuration to objects: the one place where settings become readers, methods and classifiers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from hepflow.classifiers import BoostedTrees, Classifier, NeuralNetwork
from hepflow.flows import Density, spline_autoregressive
from hepflow.methods import (
    Anode,
    Cathode,
    Curtains,
    Cwola,
    Feta,
    FlowMatchingTemplate,
    Idealized,
    LaCathode,
    Method,
    RAnode,
    Salad,
)
from hepflow.readers import Normalisation, Source, read
from hepflow.readers.files import find_files
from hepflow.sample import FloatArray, Sample
from hepflow.stats import (
    SignalShape,
    SignalTemplate,
    gaussian_signal,
    with_luminosity,
    with_mass_scale,
    with_resolution,
    with_samples,
)
from hepflow.training import TrainingPlan
from hepflow.workflow.config import Config, Input, Trees, Varied, methods
from hepflow.workflow.piece_steps import entry_of
from hepflow.workflow.steps import INPUTS

SPACES = LaCathode.spaces  # the default, where there are as many flows


def open_inputs(config: Config, *names: str) -> dict[str, Source]:
    """Open the files of every input that is given, or of those named: data, signal, simulation and reference."""
    entries = {name: getattr(config.inputs, name) for name in names or INPUTS}
    return {name: _open(config, entry) for name, entry in entries.items() if entry is not None}


def open_input(config: Config, what: str, files: Collection[str] | None = None) -> Source:
    """Open the files of one input, by its name as for `entry_of`, or only some of its files."""
    return _open(config, *entry_of(config, what), files)


def open_variations(config: Config) -> dict[str, tuple[Source, Source]]:
    """Open the signal with each of its systematic effects, up and down, by the name of the nuisance parameter."""
    signal = config.inputs.signal
    if signal is None:
        return {}
    return {
        name: (_open(config, signal, both.up), _open(config, signal, both.down))
        for name, both in signal.variations.items()
    }


def _open(
    config: Config, entry: Input, side: Varied | None = None, files: Collection[str] | None = None
) -> Source:
    """Open the files of an input, its samples joined; relative paths start from the configuration's folder."""
    sources = []
    for name, one in entry.each(side):
        paths = config.files(one)
        if files is not None:
            paths = [file for file in find_files(paths) if file in files]
        if paths:
            sources.append(replace(_open_one(config, one, paths), name=name))
    return Source.join(sources)


def _open_one(config: Config, entry: Input, paths: list[str]) -> Source:
    """Open files of one sample."""
    return read(
        paths,
        entry.format,
        tree=entry.tree,
        branches=None if entry.branches is None else {k: _columns(v) for k, v in entry.branches.items()},
        unit=entry.unit,
        weight=entry.weight,
        label_branch=entry.label_branch,
        label=entry.label,
        selection=entry.selection,
        normalisation=_normalisation(config, entry),
        skip_bad_files=entry.skip_bad_files,
    )


def _normalisation(config: Config, entry: Input) -> Normalisation:
    if entry.cross_section is None:
        return Normalisation(scale=entry.scale)
    luminosity = config.inputs.luminosity_of(entry)
    return Normalisation(entry.cross_section, luminosity, entry.generated, entry.scale)


def build_method(config: Config, checkpoint: Path | None = None, reference: Sample | None = None) -> Method:
    """Return the method of background estimation, untrained.

    Parameters
    ----------
    config
        The analysis.
    checkpoint
        Where its training is kept as it goes; a second one stands beside it, its name with more behind.
    reference
        True background, for the references alone.
    """
    chosen = config.method
    width, sqrt_s = config.fit.bin_width, config.fit.sqrt_s
    match chosen:
        case methods.Cathode():
            return _cathode(config, chosen, checkpoint)
        case methods.LaCathode():
            return LaCathode(
                _cathode(config, chosen, checkpoint), chosen.spaces or min(SPACES, chosen.ensemble)
            )
        case methods.Anode():
            return Anode(_cathode(config, chosen, checkpoint))
        case methods.RAnode():
            return RAnode(_cathode(config, chosen, checkpoint))
        case methods.FlowMatching():
            method = FlowMatchingTemplate(
                oversampling=chosen.oversampling,
                validation_oversampling=chosen.validation_oversampling,
                bin_width=width,
                sqrt_s=sqrt_s,
            )
            method.density.checkpoint = checkpoint
            return method
        case methods.Cwola():
            return Cwola(chosen.width, bin_width=width, sqrt_s=sqrt_s)
        case methods.Curtains():
            return Curtains(
                chosen.variant,
                base=build_density(chosen, checkpoint),
                flow=replace(Curtains().flow, checkpoint=_second(checkpoint)),
                oversampling=chosen.oversampling,
                validation_oversampling=chosen.validation_oversampling,
                bin_width=width,
                sqrt_s=sqrt_s,
            )
        case methods.Feta():
            return Feta(
                chosen.variant,
                base=Density(members=chosen.ensemble, checkpoint=checkpoint),
                flow=replace(Feta().flow, checkpoint=_second(checkpoint)),
                bin_width=width,
                sqrt_s=sqrt_s,
            )
        case methods.Salad():
            return Salad(bin_width=width, sqrt_s=sqrt_s)
        case methods.Idealized() | methods.Supervised():
            return Idealized(reference, bin_width=width, sqrt_s=sqrt_s)


def density_of(method: Method) -> Density | None:
    """Return the density of the background that a method trained; None of a method without one."""
    match method:
        case Cathode() | FlowMatchingTemplate():
            return method.density
        case LaCathode() | Anode() | RAnode():
            return method.cathode.density
        case _:
            return None


def _second(checkpoint: Path | None) -> Path | None:
    """Return where a method keeps its second training."""
    return (
        None if checkpoint is None else checkpoint.with_name(f"{checkpoint.stem}-second{checkpoint.suffix}")
    )


def _cathode(config: Config, chosen: methods.Splines, checkpoint: Path | None) -> Cathode:
    return Cathode(
        build_density(chosen, checkpoint),
        oversampling=chosen.oversampling,
        validation_oversampling=chosen.validation_oversampling,
        bin_width=config.fit.bin_width,
        sqrt_s=config.fit.sqrt_s,
    )


def build_density(chosen: methods.Splines, checkpoint: Path | None = None) -> Density:
    """Return the density of the sidebands, untrained, on which several methods build."""
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
    return Density(architecture, plan, members=chosen.ensemble, checkpoint=checkpoint)


def build_classifier(config: Config) -> Classifier:
    """Return the classifier, untrained."""
    chosen = config.classifier
    if isinstance(chosen, Trees):
        return BoostedTrees(
            members=chosen.ensemble,
            max_iter=chosen.max_iter,
            max_leaf_nodes=chosen.max_leaf_nodes,
            min_samples_leaf=chosen.min_samples_leaf,
            learning_rate=chosen.learning_rate,
        )
    return NeuralNetwork(members=chosen.ensemble, hidden=chosen.hidden)


def signal_template(
    signal: Sample,
    edges: FloatArray,
    config: Config,
    variations: Mapping[str, tuple[Sample, Sample]] | None = None,
) -> SignalTemplate:
    """Return the histogram of the signal behind a cut, with the errors that the configuration gives it.

    Parameters
    ----------
    signal
        Signal events that pass, weighted to ``mu = 1``.
    edges
        Bin edges, shape ``(B + 1,)``, GeV.
    config
        The analysis, with the errors of mass scale, resolution and luminosity.
    variations
        The signal events that pass with each systematic effect, up and down (`Cut.variations`).
    """
    mean = float(np.average(signal.mass, weights=signal.weight))
    template = _with_shape_errors(partial(SignalTemplate.of, signal), mean, config)(edges)
    for name, (up, down) in (variations or {}).items():
        template = with_samples(template, edges, name, up, down)
    error = config.fit.luminosity_error
    return with_luminosity(template, error) if error else template


def peak_template(mass: float, width: float, edges: FloatArray, config: Config) -> SignalTemplate:
    """Return one event of a Gaussian peak, with the errors of mass scale and resolution.

    Parameters
    ----------
    mass, width
        Mean and standard deviation, GeV.
    edges
        Bin edges, shape ``(B + 1,)``, GeV.
    config
        The analysis. Its error of the luminosity is of a cross-section, and not of a number of events.
    """
    return _with_shape_errors(partial(gaussian_signal, mass=mass, width=width), mass, config)(edges)


def _with_shape_errors(shape: SignalShape, mean: float, config: Config) -> SignalShape:
    """Return a signal's shape with the errors that move or widen it; `mean` is that of its mass, GeV."""
    errors = config.fit
    if errors.mass_scale_error:
        shape = with_mass_scale(shape, errors.mass_scale_error)
    if errors.resolution_error:
        shape = with_resolution(shape, errors.resolution_error, mean)
    return shape


def _columns(value: str | tuple[str, ...]) -> str | list[str]:
    return value if isinstance(value, str) else list(value)
