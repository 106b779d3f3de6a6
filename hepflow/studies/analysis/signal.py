"""Signal templates as the settings of a fit have them: of a sample, or of a peak, with their errors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from hepflow.config.blocks import Fit
from hepflow.regions import Window
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


def signal_template(
    signal: Sample,
    edges: FloatArray,
    fit: Fit,
    variations: Mapping[str, tuple[Sample, Sample]] | None = None,
) -> SignalTemplate:
    """Return the histogram of the signal behind a cut, with the errors that the configuration gives it.

    Parameters
    ----------
    signal
        Signal events that pass, weighted to ``mu = 1``.
    edges
        Bin edges, shape ``(B + 1,)``, GeV.
    fit
        The errors of mass scale, resolution and luminosity.
    variations
        The signal events that pass with each systematic effect, up and down (`Cut.variations`).
    """
    mean = float(np.average(signal.mass, weights=signal.weight))
    template = _with_shape_errors(partial(SignalTemplate.of, signal), mean, fit)(edges)
    for name, (up, down) in (variations or {}).items():
        template = with_samples(template, edges, name, up, down)
    error = fit.luminosity_error
    return with_luminosity(template, error) if error else template


def peak_template(mass: float, width: float, edges: FloatArray, fit: Fit) -> SignalTemplate:
    """Return one event of a Gaussian peak, with the errors of mass scale and resolution.

    Parameters
    ----------
    mass, width
        Mean and standard deviation, GeV.
    edges
        Bin edges, shape ``(B + 1,)``, GeV.
    fit
        The errors. That of the luminosity is of a cross-section, and not of a number of events.
    """
    return _with_shape_errors(partial(gaussian_signal, mass=mass, width=width), mass, fit)(edges)


def peak(resonance: float, window: Window) -> tuple[float, float]:
    """Return mean and standard deviation (GeV) of the resonance that `fit.resonance` puts into a signal region."""
    low, high = window
    return 0.5 * (low + high), resonance * (high - low)


def _with_shape_errors(shape: SignalShape, mean: float, fit: Fit) -> SignalShape:
    """Return a signal's shape with the errors that move or widen it; `mean` is that of its mass, GeV."""
    if fit.mass_scale_error:
        shape = with_mass_scale(shape, fit.mass_scale_error)
    if fit.resolution_error:
        shape = with_resolution(shape, fit.resolution_error, mean)
    return shape
