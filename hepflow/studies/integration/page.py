"""The report of an integral: its value, whether to believe it, and what its events are worth."""

from __future__ import annotations

import math

from hepflow.integration import Integral
from hepflow.integration.integral import OVERWEIGHT
from hepflow.plots.label import Label
from hepflow.report import numbers
from hepflow.report.blocks import Block, Fact, Facts, Notes, Page, Section, Table, Text
from hepflow.report.pictures import gallery, picture
from hepflow.studies.integration.figures import AXES, figures

CHI2 = 3.0  # a degree of freedom, above which iterations do not agree
LEAST = 0.01  # efficiency at 0.1 % overweight, below which events cost too many calls
CAPTIONS = {
    "iterations": "Values of equal parts of the calls, and their mean.",
    "weights": "Weights over their mean, and those from which events are always kept.",
    "marginals": "The integrand, and points as the proposals draw them.",
}


def page(found: Integral, title: str, seed: int, label: Label | str = "hepflow") -> Page:
    """Return the report of an integral.

    Parameters
    ----------
    found
        The integral.
    title
        What was integrated.
    seed
        Of all random numbers.
    label
        What stands above the corners of its figures.
    """
    drawn = {
        name: picture(figure, CAPTIONS[name], CAPTIONS[name]) for name, figure in figures(found, label=label)
    }
    notes = doubts(found)
    axes = len(found.sampler.integrand.box)
    more = Text(f"Of {axes} axes the first {AXES} are drawn.") if axes > AXES else None
    return Page(
        title=title,
        about=f"{found.calls:,} calls behind the value, {found.training_calls:,} of training, seed {seed}",
        sections=(
            Section.of("doubts", "What puts it in doubt", Notes(notes, grave=True) if notes else None),
            Section.of("found", "What was found", _facts(found), *_told(found)),
            Section.of("figures", "Iterations and weights", gallery(drawn, "iterations", "weights")),
            Section.of("marginals", "Integrand and proposals", gallery(drawn, "marginals"), more),
            Section.of("iterations", "Iterations", _iterations(found)),
        ),
    )


def doubts(found: Integral) -> tuple[str, ...]:
    """Return what puts value or events in doubt, in sentences."""
    notes = []
    if found.dof and found.chi2 > CHI2 * found.dof:
        notes.append(
            f"The iterations do not agree: chi2 is {found.chi2:.1f} for {found.dof} degrees of freedom. Rare points "
            "of large weight make the value and its error; map the peaks by channels, or give more calls."
        )
    efficiency = found.efficiency(OVERWEIGHT)
    if efficiency < LEAST:
        notes.append(
            f"Of 1,000 points {1000 * efficiency:.2g} stay as events of equal weight at 0.1 % overweight: the "
            "proposals have not learned the integrand. Give more calls, or channels that map its peaks."
        )
    return tuple(notes)


def _facts(found: Integral) -> Facts:
    relative = found.error / abs(found.value) if found.value else math.inf
    facts = [
        Fact("Integral", numbers.measured(found.value, found.error), f"relative error {relative:.2g}"),
        Fact("Chi2 of iterations", f"{found.chi2:.1f} / {found.dof}", "degrees of freedom"),
        Fact("Sigma of a call", numbers.plain(found.relative_sigma), "relative"),
        Fact("Worth", numbers.count(found.effective_size), "events of equal weight"),
        Fact(
            "Unweighting efficiency",
            numbers.percent(found.efficiency(OVERWEIGHT)),
            f"at 0.1% overweight; {numbers.percent(found.efficiency())} at none",
        ),
    ]
    if found.negative_share > 0:
        facts.append(Fact("Negative", numbers.percent(found.negative_share), "of the integral of |f|"))
    return Facts(tuple(facts))


def _told(found: Integral) -> list[Block]:
    lines = [f"How: {found.described}."] if found.described else []
    if len(found.names) > 1:
        lines.append(f"Channels: {', '.join(found.names)}.")
    if found.dropped:
        lines.append(f"Left out, since they have nearly no share: {', '.join(found.dropped)}.")
    return [Text(line) for line in lines]


def _iterations(found: Integral) -> Table:
    rows = tuple(
        (str(at), numbers.measured(float(value), float(error)))
        for at, (value, error) in enumerate(found.iterations, 1)
    )
    return Table("Values of the iterations", ("iteration", "integral"), rows, folded=True)
