"""A comparison as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepflow.text import aligned, with_error

if TYPE_CHECKING:
    from hepflow.studies.comparison.record import Comparison, Estimate
    from hepflow.studies.comparison.summary import Summary

TRUTH, DOUBTED = "*", "!"


def text(comparison: Comparison) -> str:
    """Return a comparison as a table for each injection, a method a line: means and errors over seeds."""
    low, high = comparison.regions["signal"]
    lines = [f"{comparison.name}: signal region {low:g}-{high:g} GeV"]
    summaries = comparison.summary()
    for injected in comparison.injections:
        same = [one for one in summaries if one.injected == injected]
        seeds = max(one.seeds for one in same)
        lines += ["", f"{injected} signal events injected, {seeds} seed{'s' if seeds > 1 else ''}"]
        lines += aligned(_rows(same))
    if comparison.failed:
        lines += [f"{DOUBTED} failed a check:", *(f"- {one}" for one in comparison.failed)]
    if any(one.uses_truth for one in summaries):
        lines += [f"{TRUTH} looks at truth labels: a reference, not a search"]
    lines += [
        f"{one.title}, seed {one.seed}, {one.injected} injected: {problem}"
        for one in comparison.results
        for problem in one.problems
    ]
    return "\n".join(lines)


def _rows(summaries: list[Summary]) -> list[list[str]]:
    """Return the heading and one row a method."""
    from hepflow.studies.comparison.columns import columns

    shown = columns(summaries)
    rows = [["method", *(column.title for column in shown)]]
    for one in summaries:
        cells = [_cell(column.of(one), column.doubted(one)) for column in shown]
        rows.append([one.title + (TRUTH if one.uses_truth else ""), *cells])
    return rows


def _cell(found: Estimate | None, doubted: bool) -> str:
    return "-" if found is None else with_error(found.value, found.error) + (DOUBTED if doubted else "")
