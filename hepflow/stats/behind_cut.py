"""The smooth function behind a cut: fitted to the sidebands there, and whether it may be used.

This is the background of CMS-EXO-22-026. It is right where the cut leaves m_jj smooth, which nothing in the sidebands
alone can tell. The template knows what the cut does to m_jj in the signal region, too: it is one more spectrum that
the function has to describe. The data of the signal region have no part in any of this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hepflow.errors import HepflowError
from hepflow.sample import FloatArray
from hepflow.smooth import DIJET, SQRT_S, Function, SmoothFit, fit_smooth, refit
from hepflow.spectrum import Spectrum
from hepflow.stats.signal import SignalTemplate, counting_signal
from hepflow.stats.smooth_bias import LEVEL, Strength, alternatives_bias, template_bias
from hepflow.stats.smooth_model import SPURIOUS

FEWEST = 10  # events that a fit needs on each side of the signal region


@dataclass(frozen=True, eq=False)
class SmoothBehindCut:
    """A smooth function behind a cut. Biases are in units of the error of the signal strength.

    Parameters
    ----------
    fit, spectrum
        The fit to the sidebands' data behind the cut, and the spectrum with the background that it expects; None
        where there is none. Its errors are those of the fit and `spurious`.
    template
        The function fitted to the template in all regions, with an order of its own; None where there is none.
    template_bias, template_bias_error
        Signal that the function, fitted to the template's sidebands, finds in the template's signal region, and its
        error.
    bias
        Signal that it finds where another function is the truth, by the name of that.
    spurious
        Strength of the signal that is an error of the spectrum: the largest of these.
    reasons
        Why it may not be used, each a clause; empty where it may.
    """

    fit: SmoothFit | None = None
    spectrum: Spectrum | None = None
    template: SmoothFit | None = None
    template_bias: float | None = None
    template_bias_error: float | None = None
    bias: Mapping[str, float] = field(default_factory=dict)
    spurious: float | None = None
    reasons: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether there is no reason against it."""
        return not self.reasons


def smooth_behind_cut(
    cut: Spectrum,
    signal: SignalTemplate | None = None,
    *,
    sculpting_p: float = 1.0,
    template_modes: Sequence[FloatArray] = (),
    function: Function = DIJET,
    sqrt_s: float = SQRT_S,
) -> SmoothBehindCut:
    """Fit a smooth function to the sidebands behind a cut, and test whether it may be used.

    It may not where there are too few events, where it does not describe the sidebands or they do not follow the
    template, where it does not describe the template or misses the template's signal region (the cut sculpts), or
    where another function that describes the sidebands as well makes it find too large a signal. It has the fewest
    parameters that the F-test allows and with which no bias is too large; where there are none, those of the F-test.

    Parameters
    ----------
    cut
        Data behind the cut, and the template there, with its statistical errors. Data of the signal region are not
        looked at.
    signal
        Signal at strength one; None counts events in the signal region.
    sculpting_p
        p-value that the sidebands' data follow the template, `hepflow.selection.Cut.sculpting_p`.
    template_modes
        Other errors of the template, each a shift of its events, shape ``(B,)``: those of its training.
    function, sqrt_s
        The smooth function, and the collision energy in GeV.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> edges = np.arange(2000.0, 5001.0, 100.0)
    >>> expected = -np.diff(1e4 * (edges / 2000) ** -6)
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2000, 3300), (3700, 5000)])
    >>> cut = hf.Spectrum(
    ...     edges, expected.round(), expected, windows, statistical=np.sqrt(expected / 20), sidebands_in_fit=True
    ... )
    >>> hf.stats.smooth_behind_cut(cut).usable
    True
    """
    try:
        fit = fit_smooth(cut.edges, cut.observed, cut.in_sidebands, sqrt_s=sqrt_s, function=function)
    except HepflowError as error:
        return SmoothBehindCut(reasons=(f"it cannot be fitted ({error})",))
    against = _sidebands(cut, fit, sculpting_p)
    first = _judged(cut, signal, fit, against, template_modes)
    found, tests = first, list(fit.tests)
    while not found.usable and not against and fit.n_shape < function.highest:
        try:  # the fewest parameters that the F-test allows and that are not biased
            fit = refit(replace(fit, n_shape=fit.n_shape + 1), cut.edges, cut.observed, cut.in_sidebands)
        except HepflowError:
            break
        if fit.ndf < 1:
            break
        tests += [test for test in fit.tests if test.n_shape > tests[-1].n_shape]
        found = _judged(cut, signal, replace(fit, tests=tuple(tests)), [], template_modes)
    return found if found.usable else first


def _judged(
    cut: Spectrum,
    signal: SignalTemplate | None,
    fit: SmoothFit,
    against: Sequence[str],
    template_modes: Sequence[FloatArray],
) -> SmoothBehindCut:
    """Return the spectrum of a fit, its biases, and whether it may be used; `against` is known already."""
    modes = {f"{fit.function.name}_{k}": mode for k, mode in enumerate(fit.modes(cut.edges))}
    spectrum = Spectrum(
        cut.edges,
        cut.observed,
        fit.expected(cut.edges),
        cut.windows,
        modes,
        blind=cut.blind,
        resonance=cut.resonance,
    )
    shape = (counting_signal(spectrum) if signal is None else signal).counts
    finds = Strength.of(spectrum, shape)
    template, own, own_error, sculpted = template_bias(cut, fit, finds, template_modes)
    bias, chosen = alternatives_bias(cut, fit, finds)
    beyond = 0.0 if own is None or own_error is None else float(np.sqrt(max(own**2 - own_error**2, 0.0)))
    spurious = finds.error * max([beyond, *map(abs, bias.values())])
    spurious_mode = np.where(cut.in_signal, spurious * shape, 0.0)
    return SmoothBehindCut(
        fit=fit,
        spectrum=replace(spectrum, modes={**modes, SPURIOUS: spurious_mode}),
        template=template,
        template_bias=own,
        template_bias_error=own_error,
        bias=bias,
        spurious=spurious,
        reasons=(*against, *sculpted, *chosen),
    )


def _sidebands(cut: Spectrum, fit: SmoothFit, sculpting_p: float) -> list[str]:
    """Return what the data of the sidebands say against the fit."""
    bands = cut.in_sidebands
    low, high = cut.windows.signal
    sides = {"below": bands & (cut.centres < low), "above": bands & (cut.centres > high)}
    counts = {side: float(cut.observed[bins].sum()) for side, bins in sides.items()}
    few = [f"{events:g} {side} the signal region" for side, events in counts.items() if events < FEWEST]
    if few:
        return [f"too few events in the sidebands ({' and '.join(few)}; {FEWEST} are needed)"]
    if fit.ndf < 1:
        return [f"too few events in the sidebands ({sum(counts.values()):g}) to judge the fit"]
    found = []
    if fit.p_value < LEVEL:
        found.append(f"it does not describe the sidebands (p = {fit.p_value:.1g})")
    if sculpting_p < LEVEL:
        found.append(
            f"the sidebands do not follow the template (p = {sculpting_p:.1g}): nothing vouches for the signal region"
        )
    return found
