"""Verdicts on generated events, each a pure function of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot, isfinite

from scipy.stats import norm

from hepflow.studies.generation.record import JudgementRecord, LimitsRecord
from hepflow.text import with_error
from hepflow.verdicts import ERRORS, Verdict

# Of the area under the curve above that of two real samples: half the way to what a planted difference of 0.58 has.
MOST_ABOVE_FLOOR = 0.04
MOST_NEARER = 3.0  # standard deviations: one good generation in seven hundred fails it
MOST_TAIL = 3.0  # standard deviations of one tail, raised by how many are looked at
MOST_FALL = 0.05  # of a limit, from the last number of events but one to the last


def judged(judgement: JudgementRecord, limits: LimitsRecord | None) -> Iterator[Verdict]:
    """Yield the verdicts on the events, and on the limits where there are some."""
    yield classifier(judgement)
    yield memory(judgement)
    if judgement.tails:
        yield tails(judgement)
    if limits is not None and len(limits.generated) > 1:
        yield from plateaus(limits)


def classifier(judgement: JudgementRecord) -> Verdict:
    """Judge by how much a classifier tells generated from real events better than real ones from each other."""
    (auc, error), (floor, own) = judgement.auc, judgement.floor
    above, both = auc - floor, hypot(error, own)
    passed = above - MOST_ABOVE_FLOOR <= ERRORS * both
    advice = ": train longer (model.epochs), on more events, or with another architecture"
    return Verdict(
        "classifier",
        above,
        both,
        MOST_ABOVE_FLOOR,
        f"at most {MOST_ABOVE_FLOOR:g}",
        passed,
        f"a classifier tells generated from real events with an AUC of {with_error(auc, error)}, "
        f"{with_error(above, both)} above that of two real samples; expected at most {MOST_ABOVE_FLOOR:g}"
        f"{'' if passed else advice}",
    )


def memory(judgement: JudgementRecord) -> Verdict:
    """Judge whether generated events stand nearer to those that were learned from than to others."""
    near = judgement.closeness
    passed = near.z <= MOST_NEARER
    advice = (
        ": the flows learned events by heart; train for fewer epochs, with smaller flows, or on more events"
    )
    return Verdict(
        "closeness",
        near.nearer,
        near.error,
        MOST_NEARER,
        f"at most {MOST_NEARER:g} errors above one half",
        passed,
        f"of {near.events:,} generated events a share of {with_error(near.nearer, near.error)} is nearer to an event "
        f"of the training than to one that was held out, {near.z:.1f} errors from one half; expected at most "
        f"{MOST_NEARER:g}{'' if passed else advice}",
    )


def tails(judgement: JudgementRecord) -> Verdict:
    """Judge the tail that is farthest off, among as many as there are."""
    worst = max(judgement.tails, key=lambda one: abs(one.ratio - 1) / one.error)
    limit = float(norm.isf(norm.sf(MOST_TAIL) / len(judgement.tails)))
    z = abs(worst.ratio - 1) / worst.error
    passed = z <= limit
    side = "below" if worst.quantile < 0.5 else "above"
    advice = ": look at its panel; another preprocessing (preprocessing.logarithm) or more events may help"
    return Verdict(
        "tails",
        worst.ratio,
        worst.error,
        limit,
        f"1 within {limit:.1f} errors",
        passed,
        f"{side} the quantile {worst.quantile:g} of {worst.name} stand {with_error(worst.ratio, worst.error)} times "
        f"as many generated as real events, the farthest of {len(judgement.tails)} tails; expected 1 within "
        f"{limit:.1f} errors{'' if passed else advice}",
    )


def plateaus(limits: LimitsRecord) -> Iterator[Verdict]:
    """Judge whether limits still fall with more generated events, or could not be found."""
    before, last = limits.generated[-2:]
    for uncertainty in limits.uncertainties:
        *_, earlier, end = limits.curve(uncertainty, training=True).limits
        known = earlier is not None and end is not None and isfinite(earlier) and isfinite(end)
        fall = earlier / end - 1 if known and earlier is not None and end else float("inf")
        passed = fall <= MOST_FALL
        found = (
            f"the limit falls by {fall:.1%} from {before:,} to {last:,} generated events"
            if known
            else f"there is no limit at {before:,} or {last:,} generated events"
        )
        advice = ": ask for more (limits.events)" if known else ": take fewer bins, or wider ones (limits)"
        yield Verdict(
            f"plateau at {uncertainty:.0%}",
            fall if known else 1.0,
            None,
            MOST_FALL,
            f"at most {MOST_FALL:.0%}",
            passed,
            f"with an uncertainty of {uncertainty:.0%} {found}; expected at most {MOST_FALL:.0%}"
            f"{'' if passed else advice}",
        )
