"""The tables of limits with retraining, from their record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hepflow.report import numbers
from hepflow.report.blocks import Table
from hepflow.report.texts import CUT, QUANTILES, cut_name
from hepflow.studies.limits.record import CutLimits, RetrainedLimits

DOUBTED = " (failed a check)"


def observed(cut: CutLimits, value: float | None, limits: RetrainedLimits) -> str:
    """Return an observed number of a cut, or that it is blinded."""
    return "blinded" if limits.blind and cut.passing_observed is None else numbers.plain(value)


def name(cut: CutLimits, limits: RetrainedLimits) -> str:
    """Return the name of a cut, marked where what it rests on failed a check."""
    return cut_name(cut) + (DOUBTED if limits.doubts(cut) else "")


def over(values: Sequence[float | None], unit: float) -> tuple[float | None, ...]:
    """Return limits in other units; None stays None."""
    return tuple(None if value is None else value / unit for value in values)


def beside(limits: RetrainedLimits) -> Table:
    """Return the limits of every cut beside those that are not retrained."""
    return _compared(limits, f"{numbers.percent(limits.level)} CLs upper limits on signal events", 1.0)


def strengths(limits: RetrainedLimits) -> Table | None:
    """Return the same in units of the signal that the configuration has."""
    if not limits.nominal:
        return None
    table = _compared(limits, "The same as limits on the signal strength μ", limits.nominal)
    return replace(table, note=f"μ = 1: {numbers.count(limits.nominal)} signal events.")


def _compared(limits: RetrainedLimits, caption: str, unit: float) -> Table:
    def cells(cut: CutLimits, seen: float | None, expected: Sequence[float | None]) -> tuple[str, str]:
        return observed(cut, over((seen,), unit)[0], limits), numbers.band(over(expected, unit))

    return Table(
        caption=caption,
        headings=(
            CUT,
            "observed",
            "expected (68%)",
            "observed, not retrained",
            "expected, not retrained (68%)",
        ),
        rows=tuple(
            (
                name(cut, limits),
                *cells(cut, cut.observed, cut.expected),
                *cells(cut, cut.fixed_observed, cut.fixed_expected),
            )
            for cut in limits.cuts
        ),
        note="Not retrained: with the efficiency of the data as they are, too weak where it rises with the signal."
        + _beyond(limits),
    )


def _beyond(limits: RetrainedLimits) -> str:
    """Return what a missing limit means, if one is missing though its events behind the cut are known."""
    missing = any(
        limit is None and events is not None
        for cut in limits.cuts
        for limit, events in zip(
            (*cut.observed_band, *cut.expected),
            (cut.passing_observed, cut.passing_observed, *cut.passing_expected),
            strict=True,
        )
    )
    return f" {numbers.MISSING}: none up to the largest injection." if missing else ""


def bands(limits: RetrainedLimits) -> Table:
    """Return the limits with both bands, and what the error of the efficiency makes of the observed one."""
    rows = tuple(
        (
            name(cut, limits),
            observed(cut, cut.observed, limits),
            numbers.between(*cut.observed_band),
            *map(numbers.plain, cut.expected),
        )
        for cut in limits.cuts
    )
    headings = (CUT, "observed", "by the efficiency", *QUANTILES)
    note = "By the efficiency: the observed limit with an efficiency one standard deviation up and down."
    return Table(
        "Signal events: observed, and expected with both bands", headings, rows, note + _beyond(limits)
    )


def passing(limits: RetrainedLimits) -> Table:
    """Return the limits behind the cut, which know nothing of its efficiency."""
    rows = tuple(
        (
            name(cut, limits),
            observed(cut, cut.passing_observed, limits),
            *map(numbers.plain, cut.passing_expected),
        )
        for cut in limits.cuts
    )
    caption = "Upper limits on signal events in the signal region behind the cut"
    return Table(caption, (CUT, "observed", *QUANTILES), rows, folded=True)


def efficiency(limits: RetrainedLimits) -> Table:
    """Return the efficiencies that were measured."""
    injected = sorted({one.injected for cut in limits.cuts for one in cut.points})
    measured = {
        name(cut, limits): {one.injected: numbers.measured(one.value, one.error) for one in cut.points}
        for cut in limits.cuts
    }
    trainings = sorted({one.trainings for cut in limits.cuts for one in cut.points})
    return Table(
        caption="Signal efficiency against the signal events in the data",
        headings=(CUT, *(f"{numbers.count(events)} injected" for events in injected)),
        rows=tuple(
            (one, *(at.get(events, numbers.MISSING) for events in injected)) for one, at in measured.items()
        ),
        note="Share of the signal events that were not injected; mean and error over "
        f"{' or '.join(map(str, trainings))} training{'s' * (trainings != [1])}.",
    )
