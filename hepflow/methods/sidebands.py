"""What the methods take from the sidebands' m_jj spectrum: yields, masses, and the weights that follow them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hepflow.errors import ConfigError, InputError
from hepflow.importance import effective_size
from hepflow.regions import Windows
from hepflow.sample import FloatArray, Sample
from hepflow.smooth import SQRT_S, SmoothFit, fit_smooth

LEAST_EFFECTIVE = 1000.0  # events that a weighted template must be worth


def fit_sidebands(data: Sample, windows: Windows, bin_width: float, sqrt_s: float = SQRT_S) -> SmoothFit:
    """Fit the dijet function to the sidebands' m_jj spectrum, in bins of about `bin_width` GeV.

    Events are counted, as they are in every spectrum of data.

    Raises
    ------
    ConfigError
        If the weights in the sidebands differ from event to event, or are not above zero: a count is no yield then.
        If the signal region is wider than the sidebands.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> mass = 2500 + random.exponential(600.0, 15_000)
    >>> data = hf.Sample(mass, random.normal(size=(15_000, 1)), ("x",))
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2500, 3300), (3700, 4500)])
    >>> smooth = hf.methods.fit_sidebands(data, windows, bin_width=100)
    >>> expected, error = smooth.yield_in(*windows.signal)
    >>> bool(abs(windows.in_signal(mass).sum() - expected) < 5 * np.hypot(error, np.sqrt(expected)))
    True
    """
    windows.check_sidebands()
    weight = data.weight[windows.in_sidebands(data.mass)]
    if len(weight) and not 0 < weight.min() == weight.max():
        raise ConfigError(
            f"the events of the data carry different weights, {weight.min():g} to {weight.max():g} in the sidebands, "
            "but the expected yield counts events; expected one weight above zero: leave `weight` of inputs.data out"
        )
    edges = windows.edges(bin_width)
    counts, _ = np.histogram(data.mass, edges)
    centres = 0.5 * (edges[1:] + edges[:-1])
    return fit_smooth(edges, counts, windows.in_sidebands(centres), sqrt_s=sqrt_s)


def at_bin_centres(sample: Sample, edges: FloatArray) -> Sample:
    """Return a sample without truth, each mass moved to the centre of its bin.

    A bin is finer than the resolution of m_jj, and a network loses nothing. But the same event, read from momenta in
    one file and from angles in another, has masses that differ in the last digit, and a training would make another
    network of that.
    """
    centres = 0.5 * (edges[1:] + edges[:-1])
    place = np.clip(np.searchsorted(edges, sample.mass, side="right") - 1, 0, len(centres) - 1)
    return replace(sample.without_truth(), mass=centres[place])


def draw_masses(
    smooth: SmoothFit, windows: Windows, inside: float, beside: float, random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw the masses of a template from the fit: first those of the signal region, then each sideband's.

    Parameters
    ----------
    smooth, windows
        The fit and the regions.
    inside, beside
        Events per expected event in the signal region and in the sidebands.
    random
        Where the draws come from.

    Returns
    -------
    mass, weight
        In GeV, and such that the weights of a region add up to its yield; shapes ``(N,)``.
    """
    masses, weights = [], []
    for window in (windows.signal, *windows.sidebands):
        times = inside if window == windows.signal else beside
        events = round(times * smooth.yield_in(*window)[0])
        masses.append(smooth.draw_masses(*window, events, random))
        weights.append(np.full(events, 1 / times))
    return np.concatenate(masses), np.concatenate(weights)


def follow(events: Sample, smooth: SmoothFit, windows: Windows, bin_width: float, what: str) -> Sample:
    """Return events with weights scaled, bin by bin, to the m_jj spectrum of the sideband fit.

    Parameters
    ----------
    events
        Those of a template in all regions, weights in any unit.
    smooth, windows, bin_width
        The fit, the regions, and the width of the bins in GeV.
    what
        Names the template in an error.

    Raises
    ------
    InputError
        If a weight is negative or not finite, a region holds no event, or those in the signal region are worth fewer
        than a thousand: ``sum(w)^2 / sum(w^2)``.
    """
    if not np.all(np.isfinite(events.weight) & (events.weight >= 0)):
        raise InputError(f"{what}: some weights are negative or not finite; expected zero or more")
    edges = windows.edges(bin_width)
    centres = 0.5 * (edges[1:] + edges[:-1])
    place = np.clip(np.searchsorted(edges, events.mass, side="right") - 1, 0, len(centres) - 1)
    present = np.bincount(place, events.weight, minlength=len(centres))
    expected = smooth.expected(edges)
    scale = np.divide(expected, present, out=np.zeros_like(expected), where=present > 0)
    weight = scale[place] * events.weight
    for low, high in (windows.signal, *windows.sidebands):
        here = (events.mass >= low) & (events.mass < high)
        if not np.any(weight[here] > 0):
            raise InputError(
                f"{what}: no event in {low:g}-{high:g} GeV, where the data have some; give more of them"
            )
        weight[here] *= smooth.yield_in(low, high)[0] / weight[here].sum()  # for bins without events
    followed = replace(events, weight=weight)
    check_effective_size(followed.select(windows.in_signal(events.mass)), what)
    return followed


def check_effective_size(template: Sample, what: str) -> None:
    """Refuse a template that is worth too few events, ``sum(w)^2 / sum(w^2)`` under a thousand.

    Raises
    ------
    InputError
        With that number.
    """
    worth = effective_size(template.weight)
    if worth < LEAST_EFFECTIVE:
        raise InputError(
            f"{what}: the {len(template):,} events in the signal region are worth {worth:,.0f} of equal weight; "
            f"expected at least {LEAST_EFFECTIVE:,.0f}: give more of them, or choose a method that needs no weights"
        )
