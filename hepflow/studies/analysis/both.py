"""Both backgrounds behind a cut, template and smooth function: which is fitted, and what the other one says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hepflow.answers import Answers, OtherAnswer, SmoothAnswer
from hepflow.config.blocks import Fit
from hepflow.errors import HepflowError
from hepflow.parts import OrderRecord
from hepflow.selection import Cut
from hepflow.selection.cuts import TRAINING
from hepflow.spectrum import Spectrum
from hepflow.stats import SignalTemplate, SmoothBehindCut, bump_hunt, smooth_behind_cut

TEMPLATE, DIJET = "template", "dijet"
SECOND = "the second answer, for which no toys are thrown"
NUMBERS = ("n_exp", "n_exp_error", "pull", "z", "p0", "z_expected", "mu_hat", "mu_hat_error", "mu_up_obs")


@dataclass(frozen=True, eq=False)
class Backgrounds:
    """The spectra behind a cut, with the background chosen and with the other one.

    Parameters
    ----------
    background, spectrum
        That which is fitted: the one chosen or, where no smooth function can be fitted, the template.
    beside
        The other spectrum; None where there is none.
    smooth
        The smooth function; None where nobody asked for it.
    problems
        What speaks against the numbers.
    """

    background: str
    spectrum: Spectrum
    beside: Spectrum | None = None
    smooth: SmoothBehindCut | None = None
    problems: tuple[str, ...] = ()


def backgrounds(cut: Cut, signal: SignalTemplate | None, fit: Fit, *, both: bool) -> Backgrounds:
    """Return the spectra behind a cut; the inclusive selection has one, with the dijet function.

    Parameters
    ----------
    cut, signal
        The selection, and the signal behind it.
    fit
        Which background is chosen; the data of the signal region stay hidden where it says so.
    both
        Whether the smooth function is fitted where the template is chosen.
    """
    if cut.threshold is None:
        return Backgrounds(DIJET, cut.spectrum)
    spectrum = cut.spectrum.blinded() if fit.blind else cut.spectrum
    if fit.background == TEMPLATE and not both:
        return Backgrounds(TEMPLATE, spectrum)
    # the correction raises the signal region alone, which would look like sculpting
    template = cut.uncorrected.blinded() if fit.blind else cut.uncorrected
    training = [mode for name, mode in template.modes.items() if name.startswith(TRAINING)]
    smooth = smooth_behind_cut(
        template, signal, sculpting_p=cut.sculpting_p, template_modes=training, sqrt_s=fit.sqrt_s
    )
    fitted = smooth.spectrum
    if fitted is not None and fit.blind:
        fitted = fitted.blinded()
    if fit.background == TEMPLATE:
        return Backgrounds(TEMPLATE, spectrum, fitted, smooth)
    against = "; ".join(smooth.reasons)
    if fitted is None:
        problem = f"no dijet function behind this cut: {against}. Its numbers are those of the template"
        return Backgrounds(TEMPLATE, spectrum, None, smooth, (problem,))
    problems = () if smooth.usable else (f"the dijet function may not be used behind this cut: {against}",)
    return Backgrounds(DIJET, fitted, spectrum, smooth, problems)


def answers(found: Backgrounds, signal: SignalTemplate | None, *, limits: bool) -> Answers | None:
    """Return what the other background says, by asymptotic formulae; None where only one was made."""
    smooth = found.smooth
    if smooth is None:
        return None
    judged = _smooth(smooth)
    name = DIJET if found.background == TEMPLATE else TEMPLATE
    usable, reason = (judged.usable, judged.reason) if name == DIJET else (None, "")
    other = OtherAnswer(name, usable, reason, calculator_reason=SECOND)
    if found.beside is not None:
        other = _fitted(other, found.beside, signal, limits)
    return Answers(found.background, other, judged)


def _fitted(
    other: OtherAnswer, spectrum: Spectrum, signal: SignalTemplate | None, limits: bool
) -> OtherAnswer:
    """Return an answer with the numbers of its spectrum, as far as they can be had."""
    expected, error = spectrum.corrected()
    content = {**vars(other), "expected": tuple(expected.tolist()), "expected_error": tuple(error.tolist())}
    try:
        hunt = bump_hunt(spectrum, signal, calculator="asymptotic", limits=limits)
    except HepflowError as problem:
        content["n_exp"], content["n_exp_error"] = spectrum.expected_in_signal()
        return OtherAnswer(**content | {"problems": (str(problem),)})
    numbers = {name: getattr(hunt, name) for name in NUMBERS}
    numbers["mu_up_exp"] = tuple(limit if np.isfinite(limit) else None for limit in hunt.mu_up_exp)
    return OtherAnswer(**content | numbers | {"problems": hunt.problems})


def _smooth(smooth: SmoothBehindCut) -> SmoothAnswer:
    """Return the record of a smooth function behind a cut."""
    found = SmoothAnswer(smooth.usable, "; ".join(smooth.reasons))
    fit, template = smooth.fit, smooth.template
    if fit is None:
        return found
    return SmoothAnswer(
        usable=found.usable,
        reason=found.reason,
        function=fit.function.name,
        shape_parameters=fit.n_shape,
        chi2=fit.chi2,
        ndf=fit.ndf,
        p_value=fit.p_value,
        tests=tuple(OrderRecord(**vars(test)) for test in fit.tests),
        template_shape_parameters=None if template is None else template.n_shape,
        template_p=None if template is None else template.p_value,
        template_bias=smooth.template_bias,
        template_bias_error=smooth.template_bias_error,
        bias=dict(smooth.bias),
        spurious=smooth.spurious,
    )
