"""Limits with retraining as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepflow.text import aligned, band, number, with_error

if TYPE_CHECKING:
    from hepflow.studies.limits.record import CutLimits, RetrainedLimits

MARK = "!"


def text(limits: RetrainedLimits) -> str:
    """Return the limits behind every cut as a table, and the efficiencies that they come from as another."""
    low, high = limits.signal
    nominal = f"; at strength one, {limits.nominal:.6g} events" if limits.nominal else ""
    lines = [
        f"{limits.name}: {limits.method}, signal region {low:g}-{high:g} GeV, seed {limits.seed}",
        f"{100 * limits.level:g} % CLs upper limits on signal events of any mass and score{nominal}",
        "",
    ]
    rows = [["cut", "observed", "expected (68 %)", "not retrained: observed", "expected (68 %)"]]
    for cut in limits.cuts:
        fixed = (number(cut.fixed_observed), band([_nan(one) for one in cut.fixed_expected]))
        observed = "blinded" if limits.blind and cut.passing_observed is None else number(cut.observed)
        rows.append([_marked(cut, limits), observed, band([_nan(one) for one in cut.expected]), *fixed])
    lines += [*aligned(rows), "", "signal efficiency"]
    injected = sorted({one.injected for cut in limits.cuts for one in cut.points})
    rows = [["cut", *(f"{events} injected" for events in injected)]]
    for cut in limits.cuts:
        at = {one.injected: with_error(one.value, one.error) for one in cut.points}
        rows.append([_name(cut), *(at.get(events, "-") for events in injected)])
    failed = [
        f"FAILED CHECKS, and what rests on them is marked {MARK}:",
        *(f"- {one.sentence}" for one in limits.failed),
    ]
    failed = failed if limits.failed else []
    return "\n".join([*failed, *lines, *aligned(rows), *failed])


def _marked(cut: CutLimits, limits: RetrainedLimits) -> str:
    return _name(cut) + (MARK if limits.doubts(cut) else "")


def _name(cut: CutLimits) -> str:
    return "inclusive" if cut.background_efficiency == 1 else f"eps_B {cut.background_efficiency:.12g}"


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value
