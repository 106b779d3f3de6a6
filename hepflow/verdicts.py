"""Verdicts: whether what a search rests on is good enough to trust its numbers. Each is a pure function of numbers.

What is measured with an error fails only where it is beyond its limit by more than two errors: small samples are not
blamed for their chance. None of this looks at the data of the signal region.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import fmean, variance

from hepflow.text import number, with_error

SIDEBAND_FIT, CLOSURE, TRAINING, TEMPLATE = "sideband fit", "closure", "training", "template"
SIDEBAND_FACTOR, SCULPTING = "sideband factor", "sculpting"
NON_CLOSURE, NON_CLOSURE_SIMULATION = "non-closure", "non-closure in simulation"
CUT = "cut"

# The limits. A p-value: one good search in a thousand fails it, and no fit or shape that is plainly wrong passes.
LEAST_P = 1e-3
# Of the AUC above a half. Densities whose ratio spreads by 3.5 % have it; published templates close within 0.003 to
# 0.011 (arXiv:2212.11285).
MOST_AUC = 0.01
# Of data over template, from one. The fit corrects by this factor, but takes it to be the same in the signal region.
MOST_FACTOR = 0.15
# Published templates are off by 6 % and 16 % at efficiencies of 1e-2 and 1e-3, by 71 % at 1e-4 (arXiv:2411.00085).
MOST_NON_CLOSURE = 0.2
# Events of equal weight. Methods with weights refuse a template below the first themselves; at the second its
# statistical error is a fifth, and the threshold of the cut is known no better.
LEAST_TEMPLATE, LEAST_BEHIND_CUT = 1000.0, 25.0
# Share of all that a training gained that its last fifth may bring: a loss that falls on a line brings a fifth.
MOST_LATE_GAIN, LATE = 0.05, 0.2
ERRORS = 2.0  # by so many must a value be beyond its limit


@dataclass(frozen=True)
class Verdict:
    """One check of a search, and whether it passed.

    Parameters
    ----------
    check
        What was judged, such as ``sideband fit`` or ``sculpting``.
    value, error
        What was found, and its statistical error; None where it has none.
    limit
        The value, or its distance from where it should be, that it may have at most, or must have at least.
    expected
        That in words, such as ``at least 0.001``.
    passed
        Whether the value is within the limit, or beyond it by no more than two errors.
    sentence
        The value, what was expected and, of what failed, what to do.
    background_efficiency
        Of the cut that was judged; None where it is the whole search.
    """

    check: str
    value: float
    error: float | None
    limit: float
    expected: str
    passed: bool
    sentence: str
    background_efficiency: float | None = None

    @property
    def name(self) -> str:
        """What was judged, and behind which cut."""
        return (
            self.check
            if self.background_efficiency is None
            else f"{self.check} at eps_B {self.background_efficiency:.12g}"
        )

    @property
    def is_p_value(self) -> bool:
        """Whether the value is a p-value."""
        return self.check in (SIDEBAND_FIT, SCULPTING)

    def concerns(self, background_efficiency: float) -> bool:
        """Return whether it says something of the selection at this efficiency, 1 for no cut.

        A verdict on the sideband fit of everything concerns all selections; others on the whole search are about the
        template, which no number before the cuts depends on.
        """
        if self.background_efficiency is not None:
            return self.background_efficiency == background_efficiency
        return self.check == SIDEBAND_FIT or background_efficiency != 1


def sideband_fit(
    chi2: float, ndf: int, p_value: float, background_efficiency: float | None = None
) -> Verdict:
    """Judge the goodness of fit of the smooth function in the sidebands, before a cut or behind one."""
    return _p_value(
        SIDEBAND_FIT,
        p_value,
        f"the dijet function has chi2/ndf {chi2:.1f}/{ndf} in the sidebands, p",
        "it does not describe them, and what it expects in the signal region cannot be trusted: narrow the "
        "sidebands, or start above the trigger's turn-on",
        background_efficiency,
    )


def sculpting(p_value: float, background_efficiency: float, resonance: str = "m_jj") -> Verdict:
    """Judge whether the sidebands behind a cut have the shape of the resonant variable that the template says."""
    return _p_value(
        SCULPTING,
        p_value,
        f"data and template have the same shape of {resonance} in the sidebands with p",
        "the cut shapes the spectrum otherwise than the template says: take features that depend less on "
        f"{resonance}, or a looser cut",
        background_efficiency,
    )


def closure(auc: float, error: float) -> Verdict:
    """Judge the AUC of a classifier that tells data from template in the sidebands; below a half is chance."""
    limit = 0.5 + MOST_AUC
    return _at_most(
        CLOSURE,
        auc,
        error,
        auc,
        limit,
        f"at most {limit:g}",
        "a classifier tells data from template in the sidebands with an AUC of",
        "and so will the one that searches: train for more epochs (method.epochs), on more data, or with another "
        "method",
    )


def sideband_factor(factor: float, error: float, background_efficiency: float) -> Verdict:
    """Judge data over template in the sidebands behind a cut."""
    return _at_most(
        SIDEBAND_FACTOR,
        factor,
        error,
        abs(factor - 1),
        MOST_FACTOR,
        f"1 within {MOST_FACTOR:g}",
        "data over template in the sidebands is",
        "what is that wrong there need not be corrected by the same factor in the signal region: train the template "
        "longer (method.epochs), or loosen the cut",
        background_efficiency,
    )


def non_closure(
    value: float, error: float, background_efficiency: float, *, simulation: bool = False
) -> Verdict:
    """Judge by how much the method misses, relative, in the validation bands or in simulation."""
    return _at_most(
        NON_CLOSURE_SIMULATION if simulation else NON_CLOSURE,
        value,
        error,
        abs(value),
        MOST_NON_CLOSURE,
        f"0 within {MOST_NON_CLOSURE:g}",
        f"the method, tried {'in simulation' if simulation else 'in the validation bands'}, misses the background by "
        "a share of",
        "an error as large as that is no measurement of the background: train the template longer (method.epochs), "
        f"loosen the cut{'' if simulation else ', or widen the signal region if signal leaks into the bands'}",
        background_efficiency,
    )


def template_size(size: float, background_efficiency: float | None = None) -> Verdict:
    """Judge how many events of equal weight the template is worth, all of it or what passes a cut."""
    least = LEAST_TEMPLATE if background_efficiency is None else LEAST_BEHIND_CUT
    passed = size >= least
    advice = (
        "" if passed else ": raise the method's oversampling, give more data or simulation, or loosen the cut"
    )
    return Verdict(
        TEMPLATE,
        size,
        None,
        least,
        f"at least {least:,.0f}",
        passed,
        f"{_where(background_efficiency)}the template of the signal region is worth {size:,.0f} events of equal "
        f"weight; expected at least {least:,.0f}{advice}",
        background_efficiency,
    )


def not_made(reason: str, background_efficiency: float) -> Verdict:
    """Say of a cut why it has no numbers."""
    return Verdict(
        CUT,
        0.0,
        None,
        1.0,
        "a fit",
        False,
        f"a cut is left out: {reason}",
        background_efficiency,
    )


def training(losses: Sequence[Sequence[float]]) -> Verdict | None:
    """Judge whether trainings were over: what the last fifth of their epochs still gained.

    Parameters
    ----------
    losses
        Validation loss per epoch of each network.

    Returns
    -------
    Verdict or None
        None where no network was trained for two epochs.

    Notes
    -----
    The gain is that of the lowest loss so far, relative to the whole gain since the first epoch, in the mean over
    networks. Its error holds their spread, and the rises from one epoch to the next, which are noise.
    """
    found = [_late_gain(one) for one in losses if len(one) > 1]
    if not found:
        return None
    gains = [gain for gain, _ in found]
    spread = variance(gains) if len(gains) > 1 else 0.0
    error = sqrt((spread + fmean(noise**2 for _, noise in found)) / len(found))
    return _at_most(
        TRAINING,
        fmean(gains),
        error,
        fmean(gains),
        MOST_LATE_GAIN,
        f"at most {MOST_LATE_GAIN:g}",
        "of all that the validation loss gained, the last fifth of the epochs brought a share of",
        "the networks still learn: train for more epochs (method.epochs)",
    )


def _late_gain(losses: Sequence[float]) -> tuple[float, float]:
    """Return the relative gain of the last epochs of one network, and its noise."""
    whole = losses[0] - min(losses)
    if whole <= 0:
        return 0.0, 0.0
    late = max(round(LATE * (len(losses) - 1)), 1)
    gain = min(losses[:-late]) - min(losses)
    rises = [after - before for before, after in pairwise(losses) if after > before]
    noise = sqrt(fmean(rise**2 for rise in rises)) if rises else 0.0
    return gain / whole, noise / whole


def _p_value(
    check: str, p_value: float, found: str, advice: str, background_efficiency: float | None
) -> Verdict:
    passed = p_value >= LEAST_P
    p = f"= {number(p_value, '.2g')}" if p_value > 0 else "< 1e-300"  # which no double holds
    return Verdict(
        check,
        p_value,
        None,
        LEAST_P,
        f"at least {LEAST_P:g}",
        passed,
        f"{_where(background_efficiency)}{found} {p}; expected at least {LEAST_P:g}"
        f"{'' if passed else f': {advice}'}",
        background_efficiency,
    )


def _at_most(
    check: str,
    value: float,
    error: float,
    distance: float,
    limit: float,
    expected: str,
    found: str,
    advice: str,
    background_efficiency: float | None = None,
) -> Verdict:
    """Judge a value whose distance from where it should be has a limit."""
    passed = distance - limit <= ERRORS * error
    return Verdict(
        check,
        value,
        error,
        limit,
        expected,
        passed,
        f"{_where(background_efficiency)}{found} {with_error(value, error)}; expected {expected}"
        f"{'' if passed else f': {advice}'}",
        background_efficiency,
    )


def _where(background_efficiency: float | None) -> str:
    return (
        ""
        if background_efficiency is None
        else f"at a background efficiency of {background_efficiency:.12g}, "
    )
