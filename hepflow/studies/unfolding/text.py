"""An unfolding as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepflow.text import aligned, number, with_error

if TYPE_CHECKING:
    from hepflow.studies.unfolding.record import (
        Beside,
        CoverageRecord,
        ObservableRecord,
        UnfoldingRecord,
        Weights,
    )

FAILED = "FAILED CHECKS; the result is not to be believed as it is:"
NO_VALUE = "left out: a column is NaN or infinite"
NO_COUNTERPART = "has no counterpart at detector level: no reference, refolding or bottom line"


def text(found: UnfoldingRecord) -> str:
    """Return yields with their errors, iterations and checks; what failed stands first and last."""
    failed = [FAILED, *(f"- {verdict.sentence}" for verdict in found.failed)] if found.failed else []
    reference = "" if found.reference is None else f", {found.reference} beside it"
    lines = [
        f"{found.name}: {found.events['data']:,} events of data unfolded by {found.method}, {found.replicas} "
        f"replicas{reference}, seed {found.seed}",
        f"{found.events['pairs']:,} simulated pairs, efficiency {100 * found.efficiency:.3g} %, fakes "
        f"{100 * found.fake_share:.3g} %",
        *(f"{sentence}, and are missing in the yields" for sentence in left_out(found)),
    ]
    if found.weights is not None:
        lines += ["", *iterations(found.weights)]
    for one in found.observables:
        lines += ["", *observable(one)]
    if found.coverage is not None:
        lines += ["", coverage(found.coverage)]
    return "\n".join([*failed, *lines, *failed])


def left_out(found: UnfoldingRecord) -> list[str]:
    """Return how many events of the data have no value, if some have none."""
    lost = dict(found.cutflows.get("data", ())).get(NO_VALUE, 0)
    return [f"{lost:,} events of the data have a column that is NaN or infinite"] if lost else []


def iterations(found: Weights) -> list[str]:
    """Return what each iteration did, and what the weighted events are worth."""
    rows: list[tuple[str, ...]] = [("iteration", "distance", "change", "spread", "worth", "total")]
    for at, one in enumerate(found.steps, 1):
        rows.append(
            (
                f"{at}{' (chosen)' if at == found.chosen else ''}",
                *(number(each) for each in (one.distance, one.change, one.spread)),
                f"{one.effective_size:,.0f}",
                number(one.total, ".6g"),
            )
        )
    return [
        f"yield {with_error(found.total, found.error)}; the weighted events are worth {found.effective_size:,.0f} of "
        f"equal weight, {100 * found.share:.3g} % of what they were",
        *aligned(rows),
    ]


def observable(found: ObservableRecord) -> list[str]:
    """Return a line for each bin, and what checks say."""
    unfolded = found.unfolded
    head = [found.quantity.plain, "unfolded", "statistical"]
    head += [one.name for one in found.systematics]
    head += ["simulation", *(["reference"] if found.reference is not None else [])]
    rows = [head]
    for at, (low, high) in enumerate(zip(unfolded.edges[:-1], unfolded.edges[1:], strict=True)):
        row = [f"{number(low)} to {number(high)}", with_error(unfolded.values[at], found.error[at])]
        row += [number(unfolded.error[at]), *(f"{one.shift[at]:+.3g}" for one in found.systematics)]
        row.append(number(unfolded.prior[at], ".6g"))
        if found.reference is not None:
            row.append(with_error(found.reference.values[at], found.reference.error[at]))
        rows.append(row)
    lines = aligned(rows)
    if found.seen is None:
        lines.append(f"{found.quantity.name} {NO_COUNTERPART}")
    if found.no_reference:
        lines.append(f"no reference: {found.no_reference}")
    if found.seen is not None and found.seen.refolded is not None:
        lines.append(_compared("refolding", found.seen.refolded))
    if found.closure is not None:
        lines.append(_compared("closure", found.closure))
    lines += [_compared(f"stress {one.name}", one) for one in found.stress]
    lines += [
        f"bottom line {one.model}: chi2 {number(one.before)} / {one.bins[0]} before, {number(one.after)} / "
        f"{one.bins[1]} after"
        for one in found.lines
    ]
    return lines


def _compared(what: str, found: Beside) -> str:
    if found.chi2 is None:
        return f"{what}: no chi2, the covariance has no inverse"
    return f"{what}: chi2 {number(found.chi2)} / {found.bins}, p {number(found.p_value)}"


def coverage(found: CoverageRecord) -> str:
    """Return by how much intervals of posteriors are off."""
    return (
        f"coverage of posteriors: off by {number(found.largest_error)} at most in {found.events:,} events; with "
        f"halved errors (control) {number(found.largest_of_control)}"
    )
