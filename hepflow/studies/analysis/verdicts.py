"""The numbers of an analysis that verdicts are made of: of its background, and of each selection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hepflow import verdicts
from hepflow.importance import effective_size
from hepflow.selection import Closure, Scores
from hepflow.smooth.goodness import Goodness
from hepflow.spectrum import Spectrum
from hepflow.studies.analysis.fits import Fitted
from hepflow.verdicts import Verdict


def judged(scores: Scores, closure: Closure, fitted: Sequence[Fitted]) -> Iterator[Verdict]:
    """Yield the verdicts of an analysis: of all of it first, then of each selection.

    The template is judged where it stands in a fit, and not where it only chooses the threshold.

    Parameters
    ----------
    scores
        Of all samples; those of data in the signal region are not looked at.
    closure
        In the sidebands.
    fitted
        The selections, the inclusive one among them.
    """
    smooth = scores.background.smooth
    yield verdicts.sideband_fit(smooth.chi2, smooth.ndf, smooth.p_value)
    cuts = [one for one in fitted if one.cut.threshold is not None]
    if any(_spectrum(one).sidebands_in_fit for one in cuts):
        yield verdicts.closure(closure.auc, closure.error)
        yield verdicts.template_size(effective_size(scores.template.sample.weight))
        trained = verdicts.training([losses.validation for losses in scores.background.losses])
        if trained is not None:
            yield trained
    for one in cuts:
        yield from of_fit(one)
        if _spectrum(one).sidebands_in_fit and one.cut.threshold is not None:
            passing = scores.template.above(one.cut.threshold)
            yield verdicts.template_size(effective_size(passing.weight), one.cut.background_efficiency)


def of_fit(one: Fitted) -> Iterator[Verdict]:
    """Yield the verdicts that a selection and its fit tell, without the events behind them."""
    cut, spectrum = one.cut, _spectrum(one)
    efficiency = cut.background_efficiency
    if not spectrum.sidebands_in_fit:
        yield _of_smooth(spectrum, None if cut.threshold is None else efficiency)
        return
    factor, error = spectrum.sideband_factor()
    yield verdicts.sideband_factor(factor, error, efficiency)
    if cut.non_closure is not None:
        yield verdicts.non_closure(cut.non_closure.value, cut.non_closure.error, efficiency)
    simulated = cut.non_closure_simulation
    if simulated is not None:
        yield verdicts.non_closure(simulated.value, simulated.error, efficiency, simulation=True)
    yield verdicts.sculpting(cut.sculpting_p, efficiency, cut.spectrum.resonance.name)


def _of_smooth(spectrum: Spectrum, efficiency: float | None) -> Verdict:
    """Judge the function that was fitted to the sidebands, whose parameters are the modes of the spectrum."""
    bands = spectrum.in_sidebands
    found = Goodness.of(
        spectrum.observed[None, bands], spectrum.expected[None, bands], len(spectrum.modes) - 1
    )
    chi2, ndf, p_value = (float(each[0]) for each in (found.chi2, found.ndf, found.p_value))
    return verdicts.sideband_fit(chi2, int(ndf), p_value, efficiency)


def _spectrum(one: Fitted) -> Spectrum:
    return one.cut.spectrum if one.hunt.spectrum is None else one.hunt.spectrum
