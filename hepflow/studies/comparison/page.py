"""The report of a comparison, from its folder: tables over methods, their curves, and how far they agree."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from hepflow.plots.label import Label
from hepflow.report import numbers, origin, paper
from hepflow.report.blocks import Listing, Page, Section, Table, Text
from hepflow.report.pictures import gallery, picture
from hepflow.studies.comparison.columns import Column, columns
from hepflow.studies.comparison.figures import figures
from hepflow.studies.comparison.record import Comparison, Estimate
from hepflow.studies.comparison.summary import Summary

TRUTH, DOUBTED = "*", "!"
CAPTIONS = {  # kind of figure -> what it shows
    "sic_curves": "Significance improvement against the efficiencies of background and signal, mean over seeds",
    "sic_by_method": "Significance improvement at fixed background efficiencies, and its largest",
    "closure_bands": "AUC of a classifier that tells template from background, band by band; 0.5 is perfect",
    "correlation": "Rank correlation of the scores of background events",
    "overlap": "Overlap of the selected events",
    "injection_scan": "Significance improvement and local significance against signal over background",
}


def page(folder: Path, label: Label | str = "hepflow") -> Page:
    """Return the report of a comparison.

    Parameters
    ----------
    folder
        With its ``comparison.json``.
    label
        What stands above the corners of its figures.

    Raises
    ------
    InputError
        If the file is not JSON, or is of another schema.
    """
    comparison = Comparison.from_json(folder / "comparison.json")
    drawn = {
        name: picture(figure, *_words(name, comparison)) for name, figure in figures(comparison, label=label)
    }

    shown = partial(gallery, drawn)
    summaries = comparison.summary()
    methods = list(dict.fromkeys(one.method for one in summaries))
    return Page(
        title=comparison.name,
        about=f"Comparison of {len(methods)} methods, signal region "
        f"{numbers.window(comparison.regions['signal'])}",
        sections=(
            Section.of("found", "What was found", *_tables(comparison), _marks(summaries)),
            Section.of("sic", "Significance improvement", shown("sic_by_method", "sic_curves")),
            Section.of("injection", "Against the signal in the data", shown("injection_scan")),
            Section.of("closure", "Closure", *_closures(comparison), shown("closure_bands")),
            Section.of("agreement", "How far the methods agree", shown("correlation", "overlap")),
            Section.warnings(_warnings(comparison)),
            origin.section(comparison, folder, None, _trainings(comparison)),
            Section.of(
                "paper",
                "To paste in a paper",
                *(_latex(comparison, injected) for injected in comparison.injections),
                Listing("BibTeX", paper.references(comparison.versions.get("hepflow", ""), *methods)),
            ),
        ),
    )


def _words(name: str, comparison: Comparison) -> tuple[str, str]:
    """Return caption and alternative text of the figure of this name, as `figures` has them."""
    kind = next(kind for kind in CAPTIONS if name.startswith(kind))
    matched = re.fullmatch(r"_(\d+)(?:_eps(.+))?", name.removeprefix(kind))
    if matched is None:
        where, injected = "", comparison.injections[-1]
    else:
        injected = int(matched[1])
        cut = (
            ""
            if matched[2] is None
            else f" at a background efficiency of {numbers.percent(float(matched[2]))}"
        )
        where = f"{cut}, {numbers.count(injected)} signal events injected"
    caption = f"{CAPTIONS[kind]}{where}."
    same = _at(comparison, injected)
    quantity = "closure SR" if kind == "closure_bands" else "max_sic"
    found = "; ".join(f"{one.title} {_number(one.mean[quantity])}" for one in same if quantity in one.mean)
    said = {"closure_bands": "In the signal region", "correlation": "", "overlap": ""}.get(
        kind, "Largest values"
    )
    return caption, f"{caption} {said}: {found}." if said and found else caption


def _at(comparison: Comparison, injected: int) -> list[Summary]:
    return [one for one in comparison.summary() if one.injected == injected]


def _number(found: Estimate | None) -> str:
    return numbers.MISSING if found is None else numbers.measured(found.value, found.error)


def _cell(column: Column, one: Summary) -> str:
    return _number(column.of(one)) + (DOUBTED if column.doubted(one) else "")


def _title(one: Summary) -> str:
    return one.title + (TRUTH if one.uses_truth else "")


def _tables(comparison: Comparison) -> list[Table]:
    """Return a table of methods for each injection."""
    return [_over_methods(_at(comparison, injected), injected) for injected in comparison.injections]


def _over_methods(same: list[Summary], injected: int) -> Table:
    shown = columns(same)
    seeds = max(one.seeds for one in same)
    return Table(
        caption=f"{numbers.count(injected)} signal events injected, {seeds} seed{'s' * (seeds != 1)}",
        headings=("Method", *(column.title for column in shown)),
        rows=tuple((_title(one), *(_cell(column, one) for column in shown)) for one in same),
        note="Mean and standard error over seeds."
        if seeds > 1
        else "Errors are statistical, of the evaluation.",
    )


def _marks(summaries: tuple[Summary, ...]) -> Text | None:
    """Return what the marks in the tables mean, where there are any."""
    told = [f"{TRUTH} looks at truth labels: a reference, not a search."] * any(
        one.uses_truth for one in summaries
    )
    told += [f"{DOUBTED} failed a check: not to be trusted."] * any(one.doubted for one in summaries)
    return Text(" ".join(told)) if told else None


def _closures(comparison: Comparison) -> list[Table]:
    """Return the closure of every method, band by band, for each injection."""
    found = []
    for injected in comparison.injections:
        same = [
            one for one in _at(comparison, injected) if any(name.startswith("closure ") for name in one.mean)
        ]
        bands = list(dict.fromkeys(name for one in same for name in one.mean if name.startswith("closure ")))
        if same:
            rows = tuple((_title(one), *(_number(one.mean.get(band)) for band in bands)) for one in same)
            headings = ("Method", *(band.removeprefix("closure ") for band in bands))
            found.append(
                Table(f"Closure AUC, {numbers.count(injected)} signal events injected", headings, rows)
            )
    return found


def _warnings(comparison: Comparison) -> list[str]:
    failed = [
        f"{one.title}, seed {one.seed}, {one.injected} injected: {verdict.sentence.replace('+-', '±')}"
        for one in comparison.results
        for verdict in one.failed
    ]
    return failed + [
        f"{one.title}, seed {one.seed}, {one.injected} injected: {note}"
        for one in comparison.results
        for note in (*one.problems, *one.warnings)
    ]


def _trainings(comparison: Comparison) -> Table:
    """Return what each method took on each data set."""
    return Table(
        caption="Each method on each data set",
        headings=("Method", "seed", "injected", "wall time"),
        rows=tuple(
            (one.title, f"{one.seed}", numbers.count(one.injected), numbers.duration(one.seconds))
            for one in comparison.results
        ),
        folded=True,
    )


def _latex(comparison: Comparison, injected: int) -> Listing:
    """Return the table of methods for a paper."""
    table = _over_methods(_at(comparison, injected), injected)
    return Listing(f"LaTeX, {table.caption}", paper.tabular(table))
