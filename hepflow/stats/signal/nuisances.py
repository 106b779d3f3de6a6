"""Systematic errors of a signal, as what one standard deviation makes of its template.

A mass scale moves and a resolution stretches every reconstructed mass. To bin the changed masses is to bin the
unchanged ones on edges that are changed the other way, so both are exact for every `SignalShape`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from hepflow.errors import ConfigError
from hepflow.sample import FloatArray, Sample
from hepflow.stats.signal.template import SignalShape, SignalTemplate


def with_mass_scale(shape: SignalShape, relative: float, name: str = "signal_mass_scale") -> SignalShape:
    """Return the shape with an error of the mass scale: every mass times ``1 +- relative``.

    Parameters
    ----------
    shape
        Function from bin edges to the template on them.
    relative
        One standard deviation of the scale, between 0 and 1.
    name
        Name of the nuisance parameter.

    Raises
    ------
    ConfigError
        If `relative` is out of range, or, once it is binned, if the shape has a nuisance of this name.
    """
    _check_relative(name, relative)
    return _with_edges(shape, name, lambda edges, sign: edges / (1.0 + sign * relative))


def with_resolution(
    shape: SignalShape, relative: float, mass: float, name: str = "signal_resolution"
) -> SignalShape:
    """Return the shape with an error of the mass resolution: its width times ``1 +- relative``.

    Parameters
    ----------
    shape
        Function from bin edges to the template on them.
    relative
        One standard deviation of the width, as a fraction of it, between 0 and 1.
    mass
        The mass that stays where it is, GeV: that of the peak. All others move away from it, or nearer.
    name
        Name of the nuisance parameter.

    Raises
    ------
    ConfigError
        If `relative` or `mass` is out of range, or, once it is binned, if the shape has a nuisance of this name.
    """
    _check_relative(name, relative)
    if not np.isfinite(mass):
        raise ConfigError(f"nuisance {name!r} about {mass} GeV: expected the mass of the peak")
    return _with_edges(shape, name, lambda edges, sign: mass + (edges - mass) / (1.0 + sign * relative))


def with_rate(template: SignalTemplate, relative: float, name: str) -> SignalTemplate:
    """Return the template with an error of its yield, all bins alike: counts times ``1 +- relative``.

    Raises
    ------
    ConfigError
        If `relative` does not lie between 0 and 1, or the template has a nuisance of this name.
    """
    _check_relative(name, relative)
    return _varied(template, name, (1.0 + relative) * template.counts, (1.0 - relative) * template.counts)


def with_luminosity(template: SignalTemplate, relative: float) -> SignalTemplate:
    """Return the template with the error of the integrated luminosity, named "luminosity" (see `with_rate`)."""
    return with_rate(template, relative, "luminosity")


def with_samples(
    template: SignalTemplate, edges: ArrayLike, name: str, up: Sample, down: Sample
) -> SignalTemplate:
    """Return the template with a systematic effect that was simulated.

    Parameters
    ----------
    template
        The nominal one.
    edges
        Its bin edges, shape ``(B + 1,)``, GeV.
    name
        Name of the nuisance parameter.
    up, down
        The signal with the effect at plus and at minus one standard deviation, weighted as the nominal signal is,
        behind the same cuts. Either may be empty.

    Raises
    ------
    ConfigError
        If the template has a nuisance of this name.
    InputError
        If weights make a bin negative.
    """
    sides = (np.histogram(side.mass, edges, weights=side.weight)[0] for side in (up, down))
    return _varied(template, name, *sides)


def _with_edges(
    shape: SignalShape, name: str, changed: Callable[[FloatArray, float], FloatArray]
) -> SignalShape:
    def varied(edges: ArrayLike) -> SignalTemplate:
        edges = np.asarray(edges, dtype=np.float64)
        up, down = (shape(changed(edges, sign)).counts for sign in (1.0, -1.0))
        return _varied(shape(edges), name, up, down)

    return varied


def _varied(template: SignalTemplate, name: str, up: FloatArray, down: FloatArray) -> SignalTemplate:
    if name in template.variations:
        raise ConfigError(
            f"signal template {template.name!r} has a nuisance {name!r} already: name it otherwise"
        )
    return replace(template, variations={**template.variations, name: (up, down)})


def _check_relative(name: str, relative: float) -> None:
    if not 0 < relative < 1:
        raise ConfigError(
            f"nuisance {name!r} of relative size {relative}: expected a number between 0 and 1 "
            "(0.02 for two per cent)"
        )
