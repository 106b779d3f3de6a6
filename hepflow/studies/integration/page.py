"""The report of an integral, from its folder: its value, whether to believe it, and what its events are worth."""

from __future__ import annotations

import math
from pathlib import Path

from hepflow.plots.label import Label
from hepflow.report import numbers, origin, paper
from hepflow.report.blocks import Block, Fact, Facts, Listing, Notes, Page, Section, Table, Text
from hepflow.report.pictures import gallery, picture
from hepflow.studies.integration.figures import figures
from hepflow.studies.integration.record import IntegrationRecord

CAPTIONS = {
    "iterations": "Values of equal parts of the calls, and their mean.",
    "weights": "Weights over their mean, and those from which events are always kept.",
    "marginals": "The integrand, and points as the proposals draw them.",
}


def page(folder: Path, label: Label | str = "hepflow") -> Page:
    """Return the report of an integral.

    Parameters
    ----------
    folder
        With its ``integration.json``.
    label
        What stands above the corners of its figures.

    Raises
    ------
    InputError
        If the file is not JSON, or is of another schema.
    """
    found = IntegrationRecord.from_json(folder / "integration.json")
    drawn = {
        name: picture(figure, CAPTIONS[name], CAPTIONS[name]) for name, figure in figures(found, label=label)
    }
    axes, shown = len(found.bounds), len(found.marginals)
    more = Text(f"Of {axes} axes the first {shown} are drawn.") if axes > shown else None
    doubts = Notes(found.warnings, grave=True) if found.warnings else None
    return Page(
        title=found.name,
        about=f"{found.function}: {found.calls:,} calls behind the value, {found.training_calls:,} of training, "
        f"seed {found.seed}",
        sections=(
            Section.of("doubts", "What puts it in doubt", doubts),
            Section.of("found", "What was found", _facts(found), *_told(found)),
            Section.of("figures", "Iterations and weights", gallery(drawn, "iterations", "weights")),
            Section.of("marginals", "Integrand and proposals", gallery(drawn, "marginals"), more),
            Section.of("iterations", "Iterations", _iterations(found)),
            origin.section(found, folder, found.seed),
            Section.of("paper", "To paste in a paper", *_paper(found)),
        ),
    )


def _facts(found: IntegrationRecord) -> Facts:
    relative = found.error / abs(found.value) if found.value else math.inf
    facts = [
        Fact("Integral", numbers.measured(found.value, found.error), f"relative error {relative:.2g}"),
        Fact("Chi2 of iterations", f"{found.chi2:.1f} / {found.dof}", "degrees of freedom"),
        Fact(
            "Sigma of a call",
            "-" if found.relative_sigma is None else numbers.plain(found.relative_sigma),
            "relative",
        ),
        Fact("Worth", numbers.count(found.effective_size), "events of equal weight"),
        Fact(
            "Unweighting efficiency",
            numbers.percent(found.efficiency_overweight),
            f"at 0.1% overweight; {numbers.percent(found.efficiency)} at none",
        ),
    ]
    if found.negative_share > 0:
        facts.append(Fact("Negative", numbers.percent(found.negative_share), "of the integral of |f|"))
    return Facts(tuple(facts))


def _told(found: IntegrationRecord) -> list[Block]:
    lines = [f"How: {found.how}."] if found.how else []
    if len(found.channels) > 1:
        lines.append(f"Channels: {', '.join(found.channels)}.")
    if found.dropped:
        lines.append(f"Left out, since they have nearly no share: {', '.join(found.dropped)}.")
    return [Text(line) for line in lines]


def _iterations(found: IntegrationRecord) -> Table:
    rows = tuple(
        (str(at), numbers.measured(value, error)) for at, (value, error) in enumerate(found.iterations, 1)
    )
    return Table("Values of the iterations", ("iteration", "integral"), rows, folded=True)


def _paper(found: IntegrationRecord) -> list[Block]:
    doubtful = r"\textbf{The value is in doubt, see the report.}" if found.warnings else ""
    sentence = (
        rf"Integrals are computed with \textsc{{hepflow}}~\cite{{hepflow}} by neural importance "
        rf"sampling{paper.cite('integrate')} from {found.calls:,} calls of the integrand, after "
        f"{found.training_calls:,} of the training.\n"
    )
    return [
        Listing("LaTeX", "\n".join(filter(None, (doubtful, sentence))), folded=False),
        Listing("BibTeX", paper.references(found.versions.get("hepflow", ""), "integrate"), folded=False),
    ]
