"""The report of limits with retraining, from their folder: the limits, and the efficiencies behind them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from hepflow.catalogue import method_title
from hepflow.plots.label import Label
from hepflow.report import numbers, origin, paper
from hepflow.report.blocks import Block, Fact, Facts, Listing, Notes, Page, Section, Text
from hepflow.report.pictures import gallery, picture
from hepflow.report.texts import behind, cut_name
from hepflow.studies.limits.figures import figures
from hepflow.studies.limits.record import CutLimits, RetrainedLimits
from hepflow.studies.limits.tables import bands, beside, efficiency, observed, over, passing, strengths

FAILED = "Checks that failed"


def page(folder: Path, label: Label | str = "hepflow") -> Page:
    """Return the report of limits with retraining.

    Parameters
    ----------
    folder
        With their ``limits.json``.
    label
        What stands above the corners of its figures.

    Raises
    ------
    InputError
        If the file is not JSON, or is of another schema.
    """
    limits = RetrainedLimits.from_json(folder / "limits.json")
    drawn = {name: picture(figure, *_words(name, limits)) for name, figure in figures(limits, label=label)}

    shown = partial(gallery, drawn)
    failed = tuple(verdict.sentence.replace("+-", "±") for verdict in limits.failed)
    problems = (*limits.problems, *(f"{cut_name(cut)}: {one}" for cut in limits.cuts for one in cut.problems))
    return Page(
        title=limits.name,
        about=f"{method_title(limits.method)}, limits with retraining, signal region "
        f"{numbers.window(limits.signal)}, seed {limits.seed}",
        sections=(
            Section.of("failed", FAILED, Notes(failed, grave=True) if failed else None),
            Section.of("found", "What was found", *_found(limits), beside(limits), shown("limits")),
            Section.of("limits", "Limits", strengths(limits), bands(limits), passing(limits)),
            Section.of("efficiency", "Signal efficiency", efficiency(limits), shown("efficiency")),
            Section.of("blinding", "Blinding", _blinding(limits)),
            Section.warnings(problems),
            origin.section(limits, folder, limits.seed),
            Section.of("paper", "To paste in a paper", *_paper(limits, folder)),
            Section.of("again", f"{FAILED}, once more", Notes(failed) if failed else None),
        ),
    )


def _words(name: str, limits: RetrainedLimits) -> tuple[str, str]:
    """Return caption and alternative text of the figure of this name, as `figures` has them."""
    if name == "efficiency":
        ends = "; ".join(
            f"{cut_name(cut)} from {numbers.percent(cut.points[0].value)} to {numbers.percent(cut.points[-1].value)}"
            for cut in limits.cuts
        )
        return (
            "Signal efficiency of each cut, trained with so many signal events in the data. The expected limit is "
            "where the curve meets the dashed one, which brings as many events behind the cut as are excluded.",
            f"Signal efficiency of each cut, from no injected event to the most. {ends}.",
        )
    told = "; ".join(
        f"{cut_name(cut)}: observed {observed(cut, cut.observed, limits)}, expected {numbers.band(cut.expected)}, "
        f"not retrained {numbers.plain(cut.fixed_expected[2])}"
        for cut in limits.cuts
    )
    level = numbers.percent(limits.level)
    return (
        f"{level} CLs upper limits on signal events, cut by cut; diamonds are expected limits with the efficiency "
        "in the data as they are.",
        f"{level} CLs upper limits on signal events. {told}.",
    )


def _best(limits: RetrainedLimits) -> CutLimits | None:
    """Return the cut with the strongest expected limit of those that passed their checks; no data choose it."""
    found = [(cut.expected[2], cut) for cut in limits.cuts if not limits.doubts(cut)]
    return min(((n, cut) for n, cut in found if n is not None), key=lambda one: one[0], default=(0, None))[1]


def _found(limits: RetrainedLimits) -> list[Block]:
    """Return the strongest limit, beside that without retraining."""
    best = _best(limits)
    if best is None:
        where = " behind a cut that passed its checks" if limits.failed else ""
        return [
            Text(f"No expected limit could be set{where}; the section on warnings and problems says why.")
        ]
    level, median = numbers.percent(limits.level), best.expected[2]
    spread = numbers.between(best.expected[1], best.expected[3])
    facts = [Fact(f"Expected {level} CLs limit", numbers.plain(median), f"signal events; 68%: {spread}")]
    if best.observed is not None:
        spread = numbers.between(*best.observed_band)
        facts.append(Fact("Observed limit", numbers.plain(best.observed), f"{spread} by the efficiency"))
    if limits.nominal:
        strength, expected = map(numbers.plain, over((best.observed, median), limits.nominal))
        value, note = (expected, "expected") if best.observed is None else (strength, f"{expected} expected")
        facts.append(Fact("Limit on the strength μ", value, note))
    fixed = numbers.plain(best.fixed_expected[2])
    facts.append(Fact("Expected, not retrained", fixed, "with the efficiency of the data as they are"))
    return [
        Facts(tuple(facts)),
        Text(
            f"The strongest limit is expected {behind(best)}. Limits are on signal events before any selection, with "
            "the efficiency that the cut has once it is trained with so many of them in the data."
        ),
    ]


def _blinding(limits: RetrainedLimits) -> Text:
    if limits.blind:
        return Text(
            "Blinded: no data of the signal region were looked at behind the cuts; their limits are expected."
        )
    return Text("These limits were not blinded: the data of the signal region are behind every observed one.")


def _paper(limits: RetrainedLimits, folder: Path) -> list[Block]:
    classifier = paper.classifier(folder)
    table = beside(limits)
    plain = replace(table, headings=("Cut", *table.headings[1:]))
    return [
        Listing("LaTeX", "\n".join(_latex(limits, classifier)) + "\n", folded=False),
        Listing("LaTeX, table of limits", paper.tabular(plain)),
        Listing(
            "BibTeX",
            paper.references(limits.versions.get("hepflow", ""), limits.method, classifier, "limits"),
        ),
    ]


def _latex(limits: RetrainedLimits, classifier: str | None) -> list[str]:
    low, high = limits.signal
    level = rf"{paper.mathematical(numbers.percent(limits.level))} CL$_\mathrm{{s}}$"
    lines = [
        f"Limits are set on a resonance in the {paper.escaped(limits.resonance.words)} spectrum, in a signal region "
        rf"of ${low:g} < {limits.resonance.math} < {high:g}$~GeV.",
        *paper.selection(limits.method, (cut.background_efficiency for cut in limits.cuts), classifier),
        "The signal efficiency of such a selection depends on the signal in the data: it is measured by training "
        rf"the whole analysis again with injected signal{paper.cite('limits')}, and interpolated in the limit.",
        rf"Limits are set at {level} with \textsc{{pyhf}}~\cite{{pyhf_joss,asymptotic_formulae}}.",
    ]
    doubted = [paper.behind(cut) for cut in limits.cuts if limits.doubts(cut)]
    claimed = (
        [rf"\textbf{{No limit is claimed {', '.join(doubted)}, where checks failed.}}"] if doubted else []
    )
    best = _best(limits)
    if best is None:
        return [*lines, *claimed, "No expected limit could be set."]
    expected = paper.mathematical(numbers.plain(best.expected[2]))
    if best.observed is None:
        found = f"expected upper limit {paper.behind(best)} is {expected}"
    else:
        seen = paper.mathematical(numbers.plain(best.observed))
        found = f"observed (expected) upper limit {paper.behind(best)} is {seen} ({expected})"
    lines.append(f"The {found} signal events before any selection.")
    lines += claimed
    if limits.nominal:
        lines.append(
            rf"A signal strength of $\mu = 1$ stands for {paper.mathematical(numbers.count(limits.nominal))} of them."
        )
    return lines
