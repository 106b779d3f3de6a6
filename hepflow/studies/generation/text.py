"""Generated events as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepflow.text import aligned, number, with_error

if TYPE_CHECKING:
    from hepflow.studies.generation.record import GenerationRecord, JudgementRecord, LimitsRecord

FAILED = "FAILED CHECKS; the events cannot stand for real ones as they are:"
WRONG = "staterror alone"  # what stands over limits without the error of the training
POWERLESS = (
    "the classifier sees nothing of any planted difference: it proves nothing of the generated events, either; "
    "hold out more"
)
KS = "Kolmogorov-Smirnov"  # which is said of the column that is farthest off


def text(found: GenerationRecord) -> str:
    """Return what tells the events from real ones, and what limits they allow; what failed stands first and last."""
    failed = [FAILED, *(f"- {verdict.sentence}" for verdict in found.failed)] if found.failed else []
    bias = "" if found.bias is None else f", bias from {found.bias}"
    lines = [
        f"{found.name}: {found.generated:,} events in {found.output}, from {found.replicas} replicas "
        f"({found.posterior}) of {found.architecture}{bias}, seed {found.seed}",
        f"learned from {found.trained:,} events, held against {found.held_out:,} others",
        "",
        *judged(found.judgement),
    ]
    if found.limits is not None:
        lines += ["", *limits(found.limits)]
    return "\n".join([*failed, *lines, *failed])


def judged(found: JudgementRecord) -> list[str]:
    """Return the classifier beside its floor and what it sees of planted differences, closeness and tails."""
    rows = [["classifier AUC", "seen", "best possible"], ["generated", with_error(*found.auc), "?"]]
    rows += [["two real samples", with_error(*found.floor), "0.5"]]
    rows += [
        [f"planted {number + 1}", with_error(one.seen, one.error), f"{one.best:.3f}"]
        for number, one in enumerate(found.planted)
    ]
    near = found.closeness
    lines = [
        *aligned(rows),
        *([POWERLESS] if found.powerless else []),
        "",
        f"nearer to the training than to others: {with_error(near.nearer, near.error)} (0.5 without memory), "
        f"{near.copies:,} copies",
    ]
    if found.tails:
        worst = max(found.tails, key=lambda one: abs(one.ratio - 1) / one.error)
        lines.append(
            f"farthest tail: {with_error(worst.ratio, worst.error)} times the real events beyond quantile "
            f"{worst.quantile:g} of {worst.name}"
        )
    each = [one for one in found.tests if one.feature is not None and one.test == KS]
    if each:
        far = max(each, key=lambda one: (one.value - one.same) / one.error if one.error > 0 else 0.0)
        lines.append(
            f"farthest column: {far.feature}, {KS} distance {with_error(far.value, far.error)} "
            f"({number(far.same)} without a difference)"
        )
    return lines


def limits(found: LimitsRecord) -> list[str]:
    """Return a table of limits, a number of generated events a line."""
    head = ["generated events"]
    for uncertainty in found.uncertainties:
        head += [f"{uncertainty:.0%}", WRONG]
    rows = [head]
    for index, events in enumerate(found.generated):
        row = [f"{events:,}"]
        for uncertainty in found.uncertainties:
            for training in (True, False):
                row.append(number(found.curve(uncertainty, training=training).limits[index]))
        rows.append(row)
    rows.append(
        [
            f"the {found.trained:,} of the training",
            *(cell for one in found.plain for cell in (number(one), "-")),
        ]
    )
    return [
        f"expected 95 % CLs limit on mu, from {found.observable.name} in {len(found.background)} bins, by the "
        "uncertainty of the background's yield:",
        *aligned(rows),
        f"{WRONG!r} takes the generated events for simulated ones and leaves out what their training does not "
        "know; it is wrong, and shown for comparison",
    ]
