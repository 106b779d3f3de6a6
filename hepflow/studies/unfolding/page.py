"""The report of an unfolding, from its folder: what was found, and whether to believe it."""

from __future__ import annotations

from pathlib import Path

from hepflow.plots.label import Label
from hepflow.report import numbers, origin, paper
from hepflow.report.blocks import Block, Fact, Facts, Listing, Notes, Page, Section, Table, Text
from hepflow.report.pictures import gallery, picture
from hepflow.studies.unfolding.figures import figures
from hepflow.studies.unfolding.record import Beside, ObservableRecord, UnfoldingRecord
from hepflow.studies.unfolding.text import NO_COUNTERPART, left_out

FAILED = "Checks that failed"
CAPTIONS = {
    "unfolded": "Unfolded yields with statistical (dark) and total (light) errors, beside the simulation and, "
    "where there is one, a reference in bins.",
    "correlations": "Correlations of the unfolded bins, with all errors; few replicas have them shrunk, down to "
    "zero.",
    "refolded": "Data at detector level, and the simulation with and without the unfolded weights.",
    "bottom_line": "Chi2 between models and the simulation before and after unfolding.",
    "iterations": "What each iteration changes, beside the statistical error.",
    "weights": "Factors on the simulated weights.",
    "coverage": "How often intervals of posteriors hold the truth, and the control with halved errors.",
}


def page(folder: Path, label: Label | str = "hepflow") -> Page:
    """Return the report of an unfolding.

    Parameters
    ----------
    folder
        With its ``unfolding.json``.
    label
        What stands above the corners of its figures.

    Raises
    ------
    InputError
        If the file is not JSON, or is of another schema.
    """
    found = UnfoldingRecord.from_json(folder / "unfolding.json")
    drawn = {name: picture(figure, *_said(name, found)) for name, figure in figures(found, label=label)}
    return Page(
        title=found.name,
        about=f"{found.events['data']:,} events of data unfolded by {found.method}, seed {found.seed}",
        sections=(
            Section.of("failed", FAILED, _failed(found)),
            Section.of("found", "What was found", _facts(found), Text(_told(found)), _verdicts(found)),
            *(
                Section.of(
                    f"observable-{one.quantity.name}",
                    one.quantity.plain,
                    gallery(drawn, *(f"{kind}_{one.quantity.name}" for kind in ("unfolded", "correlations"))),
                    *_observable(one, found),
                )
                for one in found.observables
            ),
            Section.of(
                "checked",
                "Whether it can be believed",
                *_checks(found),
                gallery(drawn, "refolded", "bottom_line", "coverage"),
            ),
            Section.of(
                "iterations",
                "Iterations and weights",
                *_iterations(found),
                gallery(drawn, "iterations", "weights"),
            ),
            origin.section(found, folder, found.seed, _events(found)),
            Section.of("paper", "To paste in a paper", *_paper(found)),
        ),
    )


def _failed(found: UnfoldingRecord) -> Notes | None:
    notes = tuple(verdict.sentence for verdict in found.failed)
    return Notes(notes, grave=True) if notes else None


def _facts(found: UnfoldingRecord) -> Facts:
    facts = [
        Fact("Data", numbers.count(found.events["data"]), "events"),
        Fact("Efficiency", numbers.percent(found.efficiency), f"{numbers.percent(found.fake_share)} fakes"),
    ]
    if found.weights is not None:
        one = found.weights
        facts += [
            Fact("Unfolded yield", numbers.measured(one.total, one.error), "statistical error"),
            Fact("Worth", numbers.percent(one.share), "of the simulated events"),
            Fact("Iteration", str(one.chosen), f"of {len(one.steps)}"),
        ]
    if found.coverage is not None:
        facts.append(Fact("Coverage off by", numbers.plain(found.coverage.largest_error), "at most"))
    return Facts(tuple(facts))


def _told(found: UnfoldingRecord) -> str:
    beside = "" if found.reference is None else f" A reference in bins ({found.reference}) stands beside it."
    names = ", ".join(dict.fromkeys(shift.name for one in found.observables for shift in one.systematics))
    systematic = f" Systematic variations: {names}; each shift is an error of its own." if names else ""
    weights = (
        ""
        if found.weights is None
        else f" {found.weights.file} has the weights of all generated events, and those of replicas, for any later "
        "observable."
    )
    lost = "".join(f" {sentence}: they are missing in the yields." for sentence in left_out(found))
    return (
        f"The statistical covariance is that of {found.replicas} replicas of data and simulation together."
        f"{systematic}{beside}{weights}{lost}"
    )


def _verdicts(found: UnfoldingRecord) -> Table:
    return Table(
        "Checks",
        ("check", "passed", "what was found"),
        tuple((one.check, "yes" if one.passed else "no", one.sentence) for one in found.verdicts),
        folded=True,
    )


def _observable(one: ObservableRecord, found: UnfoldingRecord) -> list[Block]:
    binned, rows = one.unfolded, []
    for at, (low, high) in enumerate(zip(binned.edges[:-1], binned.edges[1:], strict=True)):
        row = [f"{low:g} to {high:g}", numbers.measured(binned.values[at], one.error[at])]
        row += [
            numbers.plain(binned.error[at]),
            *(numbers.plain(shift.shift[at]) for shift in one.systematics),
        ]
        row.append(numbers.plain(binned.prior[at]))
        if one.reference is not None:
            row.append(numbers.measured(one.reference.values[at], one.reference.error[at]))
        rows.append(tuple(row))
    heads = ["bin", "unfolded", "statistical error", *(shift.name for shift in one.systematics), "simulation"]
    heads += [] if one.reference is None else [f"reference, {found.reference}"]
    table = Table("Yields", tuple(heads), tuple(rows), "Errors of yields are total.", folded=True)
    alone = [] if one.seen is not None else [Text(f"{one.quantity.name} {NO_COUNTERPART}.")]
    if one.no_reference:
        alone.append(Text(f"{one.quantity.name} has no reference: {one.no_reference}"))
    return [*alone, table]


def _checks(found: UnfoldingRecord) -> list[Block]:
    rows = []
    for one in found.observables:
        name = one.quantity.name
        checks = [one.closure, *one.stress, None if one.seen is None else one.seen.refolded]
        rows += [_compared(name, check) for check in checks if check is not None]
    lines = [
        (
            one.quantity.name,
            line.model,
            f"{line.before:.4g} / {line.bins[0]}",
            f"{line.after:.4g} / {line.bins[1]}",
        )
        for one in found.observables
        for line in one.lines
    ]
    tables: list[Block] = []
    if rows:
        tables.append(
            Table(
                "Closure, stress and refolding",
                ("observable", "check", "chi2 / bins", "p"),
                tuple(rows),
                "Stress tests start from a wrong simulation on purpose: what they miss is the bias of that size.",
            )
        )
    if lines:
        tables.append(Table("Bottom line", ("observable", "model", "before", "after"), tuple(lines)))
    return tables


def _compared(name: str, found: Beside) -> tuple[str, str, str, str]:
    chi2 = numbers.MISSING if found.chi2 is None else f"{found.chi2:.4g} / {found.bins}"
    return name, found.name, chi2, numbers.p_value(found.p_value)


def _iterations(found: UnfoldingRecord) -> list[Block]:
    if found.weights is None:
        return []
    rows = tuple(
        (
            f"{at}{' (chosen)' if at == found.weights.chosen else ''}",
            *(numbers.plain(each) for each in (one.distance, one.change, one.spread)),
            f"{one.effective_size:,.0f}",
            f"{one.total:,.1f}",
        )
        for at, one in enumerate(found.weights.steps, 1)
    )
    heads = ("iteration", "distance of data and simulation", "change", "error", "worth", "yield")
    return [Table("Iterations", heads, rows)]


def _events(found: UnfoldingRecord) -> Table:
    rows: list[tuple[str, str]] = []
    for name, cutflow in found.cutflows.items():
        rows += [(f"{name}: {cause}", f"{events:,}") for cause, events in cutflow]
    return Table("Events of the inputs", ("what became of them", "events"), tuple(rows), folded=True)


def _said(name: str, found: UnfoldingRecord) -> tuple[str, str]:
    """Return the caption of a figure, and what its numbers say."""
    kind = next(kind for kind in CAPTIONS if name.startswith(kind))
    caption = CAPTIONS[kind]
    return caption, f"{caption} {name.removeprefix(kind).strip('_')}".strip()


def _paper(found: UnfoldingRecord) -> list[Block]:
    withdrawn = (
        rf"\textbf{{Nothing is claimed: checks failed ({', '.join(one.name for one in found.failed)}).}}"
        if found.failed
        else ""
    )
    names = paper.escaped(", ".join(one.name for one in found.truth))
    sentence = (
        f"Data are unfolded by {paper.escaped(found.method)} in {names}. The statistical covariance is that of "
        f"{found.replicas} replicas of data and simulation together; systematic variations are unfolded alike.\n"
    )
    return [
        Listing("LaTeX", "\n".join(filter(None, (withdrawn, sentence))), folded=False),
        Listing("BibTeX", paper.references(found.versions.get("hepflow", ""), "unfold"), folded=False),
    ]
