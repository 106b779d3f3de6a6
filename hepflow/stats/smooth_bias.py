"""How much signal a smooth function, fitted to the sidebands alone, takes for one where there is none.

The truths are the template behind a cut, and other functions that describe the sidebands. Each takes the place of the
data: the function is fitted to its sidebands, with the same number of parameters, and what it then misses in the
signal region is the spurious signal (ATLAS, Phys. Lett. B 716 (2012) 1, sec. 5), here in units of the error of the
signal strength, as CMS has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from hepflow.errors import HepflowError
from hepflow.sample import FloatArray
from hepflow.smooth import FUNCTIONS, SmoothFit, fit_smooth, refit
from hepflow.spectrum import Spectrum
from hepflow.stats.bias import NEGLIGIBLE
from hepflow.stats.model import EMPTY

LEVEL = 0.01  # p-value below which something is not described
CERTAIN = 2.0  # errors of the template that its own bias must exceed


@dataclass(frozen=True, eq=False)
class Strength:
    """The signal strength that best describes small differences from an expected background, linear in them.

    With the covariance ``V`` of the data around the expectation (Poisson, and what the function's fit leaves) it is
    ``s V^-1 d / (s V^-1 s)`` for differences `d`, with the error ``(s V^-1 s)^-1/2``: the fit of the likelihood where
    it is parabolic.
    """

    inside: NDArray[np.bool_]
    weights: FloatArray
    error: float

    @classmethod
    def of(cls, spectrum: Spectrum, signal: FloatArray) -> Strength:
        """Return that of a signal (B,) over the background of a spectrum."""
        inside = spectrum.in_signal
        shifts = np.array([mode[inside] for mode in spectrum.modes.values()])
        covariance = np.diag(np.maximum(spectrum.expected[inside], EMPTY)) + shifts.T @ shifts
        weighted = linalg.solve(covariance, signal[inside], assume_a="pos")
        information = float(weighted @ signal[inside])
        return cls(inside, weighted / information, 1 / float(np.sqrt(information)))

    def __call__(self, difference: FloatArray) -> float:
        """Return the strength of differences (B,) in units of its error."""
        return float(self.weights @ difference[self.inside]) / self.error


def template_bias(
    cut: Spectrum, fit: SmoothFit, finds: Strength, modes: Sequence[FloatArray]
) -> tuple[SmoothFit | None, float | None, float | None, list[str]]:
    """Return the fit to the whole template, the signal found in it with its error, and what that says against it.

    The template is scaled to the data, and counts as many events as it was made of.
    """
    bands, everywhere = cut.in_sidebands, cut.in_sidebands | cut.in_signal
    try:
        factor, _ = cut.sideband_factor()
        counts, exposure = _exposure(cut) * cut.expected, _exposure(cut) / factor
        whole = fit_smooth(
            cut.edges, counts, everywhere, sqrt_s=fit.sqrt_s, function=fit.function, exposure=exposure
        )
        beside = refit(fit, cut.edges, counts, bands, exposure)
    except HepflowError as error:
        return None, None, None, [f"whether the cut sculpts {cut.resonance.name} cannot be told ({error})"]
    bias = finds(factor * cut.expected - beside.expected(cut.edges))
    shifts = [*beside.modes(cut.edges), *(factor * np.asarray(mode) for mode in modes)]
    squares = np.sum((finds.weights * factor * cut.statistical[cut.in_signal]) ** 2) / finds.error**2
    uncertain = float(np.sqrt(squares + sum(finds(shift) ** 2 for shift in shifts)))
    found = []
    if whole.p_value < LEVEL:
        found.append(
            f"the cut sculpts {cut.resonance.name}: no order of the {fit.function.name} function describes the "
            f"template (p = {whole.p_value:.1g})"
        )
    if abs(bias) >= NEGLIGIBLE and abs(bias) > CERTAIN * uncertain:
        found.append(
            f"the cut sculpts {cut.resonance.name}: the fit to the template's sidebands takes its signal region for "
            f"a signal of {bias:.1f} +- {uncertain:.1f} standard deviations"
        )
    return whole, bias, uncertain, found


def _exposure(cut: Spectrum) -> FloatArray:
    """Return how many events the template has for each one expected, region by region, shape ``(B,)``."""
    exposure = np.ones(len(cut.expected))
    for low, high in (cut.windows.signal, *cut.windows.sidebands):
        here = (cut.centres >= low) & (cut.centres < high)
        variance = float(np.sum(cut.statistical[here] ** 2))
        if variance > 0:
            exposure[here] = float(cut.expected[here].sum()) / variance
    return exposure


def alternatives_bias(cut: Spectrum, fit: SmoothFit, finds: Strength) -> tuple[dict[str, float], list[str]]:
    """Return the signal that the function finds where others are the truth, and what that says against it."""
    bands, bias = cut.in_sidebands, {}
    for name, function in FUNCTIONS.items():
        if name == fit.function.name:
            continue
        try:
            other = fit_smooth(cut.edges, cut.observed, bands, sqrt_s=fit.sqrt_s, function=function)
            truth = other.expected(cut.edges)
            if other.p_value >= LEVEL:
                bias[name] = finds(truth - refit(fit, cut.edges, truth, bands).expected(cut.edges))
        except HepflowError:
            continue
    if not bias:
        return bias, ["no other function describes the sidebands, to measure its bias with"]
    name, largest = max(bias.items(), key=lambda one: abs(one[1]))
    if abs(largest) < NEGLIGIBLE:
        return bias, []
    return bias, [
        f"its bias is {abs(largest):.1f} standard deviations where {name} is the truth; {NEGLIGIBLE:g} are allowed"
    ]
