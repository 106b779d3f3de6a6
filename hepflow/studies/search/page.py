"""The report of a run, from its folder: what was found first, how it was made last."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from hepflow.catalogue import method_title
from hepflow.plots.label import Label
from hepflow.report import numbers, origin, paper
from hepflow.report.blocks import Block, Fact, Facts, Listing, Notes, Page, Section, Text
from hepflow.report.pictures import gallery, picture
from hepflow.report.texts import behind, counted, cut_name, largest, seen, selections
from hepflow.results import Results
from hepflow.studies.search import tables
from hepflow.studies.search.captions import words
from hepflow.studies.search.figures import figures

FAILED = "Checks that failed"


def page(folder: Path, label: Label | str = "hepflow") -> Page:
    """Return the report of a run.

    Parameters
    ----------
    folder
        With its ``results.json``.
    label
        What stands above the corners of its figures.

    Raises
    ------
    InputError
        If the file is not JSON, or is of another schema.
    """
    results = Results.from_json(folder / "results.json").shown()
    failed = tuple(verdict.sentence.replace("+-", "±") for verdict in results.failed)
    drawn = {name: picture(figure, *words(name, results)) for name, figure in figures(results, label=label)}

    shown = partial(gallery, drawn)
    return Page(
        title=results.name,
        about=f"{method_title(results.method)}, signal region "
        f"{numbers.window(results.regions['signal'])}, seed {results.seed}",
        sections=(
            Section.of("failed", FAILED, Notes(failed, grave=True) if failed else None),
            Section.of(
                "found",
                "What was found",
                *_found(results),
                tables.found(results),
                tables.answers(results),
                shown("significance", "spectra"),
            ),
            Section.of("spectra", "Spectra", shown("spectrum")),
            Section.of(
                "limits",
                "Limits",
                tables.limits(results),
                shown("limits"),
                tables.cross_sections(results),
                shown("cross_sections"),
            ),
            Section.of(
                "closure",
                "Closure and validation",
                _closure(results),
                _score(results),
                tables.validation(results),
                tables.sideband_fit(results),
                tables.verdicts(results),
                tables.smooth(results),
            ),
            Section.of("features", "Features and score", shown("closure", "scores", "losses")),
            Section.of("truth", "By truth labels", tables.truth(results), shown("sic", "rejection")),
            Section.of(
                "cutflow",
                "Cutflow",
                tables.cutflow(results),
                tables.counts(results),
                tables.skipped(results),
            ),
            Section.of("blinding", "Blinding", *_blinding(results)),
            Section.warnings(_warnings(results)),
            origin.section(results, folder, results.seed, origin.timing(results.timing)),
            Section.of("paper", "To paste in a paper", *_paper(results, folder)),
            Section.of("again", f"{FAILED}, once more", Notes(failed) if failed else None),
        ),
    )


def _found(results: Results) -> list[Block]:
    """Return the numbers that the reader came for, and the sentence that goes with them."""
    best = largest(results)
    if results.blind:
        facts = [
            Fact(f"Expected events, {cut_name(cut)}", numbers.measured(cut.n_exp, cut.n_exp_error))
            for cut in results.cuts
        ]
        return [
            Text(
                "The data of the signal region are blinded behind the cuts: of these, only what is expected is shown."
            ),
            Facts(tuple(facts)),
        ]
    if results.withheld:
        return [Text("The search failed its checks: no significance and no limit is given.")]
    if best is None:
        which = "No selection that passed its checks" if results.failed else "No selection"
        return [Text(f"{which} could be fitted; the section on warnings and problems says why.")]
    facts = [Fact("Largest local significance", numbers.sigma(best.z), f"p₀ = {numbers.p_value(best.p0)}")]
    trials = results.trials
    if trials is not None:
        p = numbers.p_value(trials.p, trials.p_error)
        extrapolated = ", extrapolated" if trials.extrapolated else ""
        facts.append(Fact("Global significance", numbers.sigma(trials.z), f"p = {p}{extrapolated}"))
    expected = numbers.measured(best.n_exp, best.n_exp_error)
    facts.append(Fact("Observed events", numbers.count(best.n_obs), f"{expected} expected"))
    if best.mu_up_obs is not None:
        median = f"{numbers.plain(best.mu_up_exp[2])} expected"
        facts.append(Fact("95% CLs limit on μ", f"μ < {numbers.plain(best.mu_up_obs)}", median))
    sentences = f"The largest local excess is found {behind(best)}: {seen(best)}."
    if trials is not None:
        sentences += (
            f" The global significance counts the trials of {counted(results)} "
            f"(factor {numbers.plain(trials.factor, 2)}, {numbers.count(trials.toys)} toys)."
        )
        if trials.extrapolated:
            sentences += " Too few toys reach the excess: the factor is extrapolated by their correlations."
    return [Facts(tuple(facts)), Text(sentences), *_by_toys(results)]


def _by_toys(results: Results) -> list[Block]:
    named = [
        f"{cut_name(cut)} ({cut.calculator_reason})"
        for cut in selections(results)
        if cut.calculator == "toys"
    ]
    return [Text(f"Z, p₀ and limits come from toys: {'; '.join(named)}.")] if named else []


def _closure(results: Results) -> Text:
    told = numbers.measured(results.closure.auc, results.closure.auc_error)
    sentences = (
        f"In the sidebands, a classifier tells template from data with an AUC of {told} (0.5 is perfect)"
    )
    if results.closure.auc_signal_region is not None:
        told = numbers.measured(results.closure.auc_signal_region, results.closure.auc_signal_region_error)
        sentences += f"; in the signal region, from true background, {told}"
    return Text(f"{sentences}.")


def _score(results: Results) -> Text | None:
    """Return what the score is, and how it moves with the resonant variable."""
    score = results.score
    if score is None or score.mass_correlation is None:
        return None
    told = numbers.measured(score.mass_correlation, score.mass_correlation_error)
    where = f": outliers in {score.coordinates}" if score.coordinates else ""
    return Text(
        f"The score ({score.what}{where}) has a rank correlation of {told} with {results.resonance.name} in the data "
        "of the sidebands."
    )


def _blinding(results: Results) -> list[Block]:
    hidden = [cut_name(cut) for cut in selections(results) if cut.blind]
    looks = origin.unblindings(results.unblinded)
    found: list[Block] = [] if looks is None else [looks]
    if hidden:
        told = f"Blinded: no data of the signal region were looked at behind the cuts {', '.join(hidden)}."
        return [Text(told), *found]
    return found or [
        Text("This run was not blinded: the data of the signal region were shown from the start.")
    ]


def _warnings(results: Results) -> list[str]:
    problems = [(cut, problem) for cut in selections(results) for problem in cut.problems]
    untold = [
        f"{cut_name(cut)}: {problem}"
        for cut, problem in problems
        if not any(problem in warning for warning in results.warnings)
    ]
    return [*results.warnings, *untold]


def _paper(results: Results, folder: Path) -> list[Block]:
    classifier = paper.classifier(folder)
    version = results.versions.get("hepflow", "")
    return [
        Listing("LaTeX", paper.paragraph(results, classifier), folded=False),
        Listing("BibTeX", paper.references(version, results.method, classifier)),
    ]
