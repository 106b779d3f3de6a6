"""The report of a search in many windows, from its folder: the largest excess, and every window."""

from __future__ import annotations

from pathlib import Path

from hepflow.catalogue import method_title
from hepflow.plots.label import Label
from hepflow.report import numbers, origin, paper, texts
from hepflow.report.blocks import Block, Fact, Facts, Listing, Notes, Page, Section, Table, Text
from hepflow.report.pictures import gallery, picture
from hepflow.report.texts import behind, cut_name, seen
from hepflow.results import cut_name as name_in_files
from hepflow.studies.windows.figures import figures
from hepflow.studies.windows.record import Excess, WindowCut, WindowResult, WindowScan

WINDOW = "Signal region [GeV]"
MARK, DOUBTED = "†", "!"
FAILED = "Checks that failed"
EXTRAPOLATED = ", extrapolated from toys"


def page(folder: Path, label: Label | str = "hepflow") -> Page:
    """Return the report of a search in many windows.

    Parameters
    ----------
    folder
        With its ``scan.json``.
    label
        What stands above the corners of its figures.

    Raises
    ------
    InputError
        If the file is not JSON, or is of another schema.
    """
    scan = WindowScan.from_json(folder / "scan.json")
    drawn = {
        name: picture(figure, *(_words(scan) if name == "p_values" else _words_of_limits(scan, name)))
        for name, figure in figures(scan, label=label)
    }

    return Page(
        title=scan.name,
        about=f"{method_title(scan.method)}, {_searched(scan)}, seed {scan.seed}",
        sections=(
            Section.of("failed", FAILED, _failed(scan, grave=True)),
            Section.of("found", "What was found", *_found(scan), gallery(drawn, "p_values")),
            Section.of("windows", "Windows", _significances(scan), _events(scan)),
            Section.of(
                "limits",
                "Limits",
                _limits(scan),
                gallery(drawn, *(name for name in drawn if name != "p_values")),
            ),
            Section.of("blinding", "Blinding", *_blinding(scan)),
            Section.warnings(scan.problems),
            origin.section(scan, folder, scan.seed, _regions(scan)),
            Section.of("paper", "To paste in a paper", *_paper(scan, folder)),
            Section.of("again", f"{FAILED}, once more", _failed(scan)),
        ),
    )


def _sigma(window: WindowResult, cut: WindowCut) -> str:
    """Return a significance, marked or withheld where what it rests on failed."""
    if window.withheld:
        return "withheld"
    return numbers.sigma(cut.z) + (DOUBTED if cut.z is not None and not window.trusts(cut) else "")


def _failed(scan: WindowScan, *, grave: bool = False) -> Notes | None:
    """Return what failed in which window, and what to do."""
    notes = [
        f"{numbers.window(one.signal)}: {verdict.sentence.replace('+-', '±')}"
        for one in scan.windows
        for verdict in one.failed
    ]
    return Notes(tuple(notes), grave) if notes else None


def _windows(count: int) -> str:
    return f"{count} window{'s' * (count != 1)}"


def _searched(scan: WindowScan) -> str:
    """Return how many windows there are, and from where to where their signal regions reach."""
    edges = [edge for one in scan.windows for edge in one.signal]
    where = f" from {numbers.window((min(edges), max(edges)))}" if edges else ""
    return f"{_windows(len(scan.windows))}{where}"


def _words(scan: WindowScan) -> tuple[str, str]:
    """Return caption and alternative text of the p-values."""
    mark = "" if scan.excess is None else "; the circle marks the largest excess"
    smallest = []
    for efficiency in scan.background_efficiencies:
        found = [
            (cut.p0, one.signal, cut)
            for one in scan.windows
            for cut in one.cuts
            if cut.background_efficiency == efficiency and cut.p0 is not None and one.trusts(cut)
        ]
        if found:
            p0, signal, cut = min(found, key=lambda one: one[0])
            smallest.append(f"{cut_name(cut)} {numbers.p_value(p0)} in {numbers.window(signal)}")
    return (
        f"Local p-value of every window, cut by cut; bars are as wide as the signal regions{mark}.",
        f"Local p-values of {_searched(scan)}. The smallest: {'; '.join(smallest)}.",
    )


def _found(scan: WindowScan) -> list[Block]:
    """Return what the largest excess is worth, alone, among its cuts, and among all windows."""
    searched = Fact(
        "Windows searched", f"{sum(bool(one.cuts) for one in scan.windows)} of {len(scan.windows)}"
    )
    found = scan.excess
    if scan.blind:
        told = "The data of the signal regions are blinded behind the cuts: of these, only what is expected is shown."
        return [Text(told), Facts((searched,))]
    if found is None:
        told = "No window has a p-value to compare; the section on warnings and problems says why."
        return [Text(told), Facts((searched,))]
    cuts = numbers.p_value(found.p_window)
    upper, lower = numbers.p_value(found.p_global), numbers.p_value(found.p_least)
    extrapolated = EXTRAPOLATED * found.extrapolated
    facts = (
        Fact("Largest local significance", numbers.sigma(found.z), f"p₀ = {numbers.p_value(found.p0)}"),
        Fact("p with the trials of cuts", cuts, f"in {numbers.window(found.signal)}{extrapolated}"),
        Fact("Global significance", f"≥ {numbers.sigma(found.z_global)}", f"p ≤ {upper}"),
        searched,
    )
    largest = _largest(scan, found)
    what = "" if largest is None else f": {seen(largest)}"
    return [
        Facts(facts),
        Text(
            f"The largest local excess is found in the window {numbers.window(found.signal)}, {behind(found)}{what}."
        ),
        Text(
            f"With the trials of the cuts in this window its p-value is {cuts}{extrapolated}. "
            "With those of "
            f"{_windows(found.windows)} it is {upper} at most, whatever they have in common (Bonferroni; the one to "
            f"quote): at least {numbers.sigma(found.z_global)}. In {_windows(found.disjoint)} without overlap it "
            f"would be {lower} (Šidák): at most {numbers.sigma(found.z_least)}."
        ),
    ]


def _largest(scan: WindowScan, found: Excess) -> WindowCut | None:
    """Return the cut of the largest excess."""
    cuts = (cut for one in scan.windows if one.signal == found.signal for cut in one.cuts)
    return next((cut for cut in cuts if cut.background_efficiency == found.background_efficiency), None)


def _significances(scan: WindowScan) -> Table:
    """Return the local significances, a window a line; its headings are plain, for LaTeX, too."""
    efficiencies = scan.background_efficiencies
    names = {cut.background_efficiency: cut_name(cut) for one in scan.windows for cut in one.cuts}
    return Table(
        caption="Local significance of every window behind every cut",
        headings=(
            WINDOW,
            *(names[efficiency] for efficiency in efficiencies),
            "smallest p",
            "trials factor",
            "p with trials",
        ),
        rows=tuple(_significance(one, efficiencies) for one in scan.windows),
        note="Cuts by their background efficiency. Trials factor: how many times likelier an excess is behind any of "
        f"them than behind one{f'; {MARK} extrapolated from toys' * _any_extrapolated(scan)}"
        f"{f'; {DOUBTED} failed a check: not to be trusted' * bool(scan.failed)}.",
    )


def _any_extrapolated(scan: WindowScan) -> bool:
    return any(one.extrapolated for one in scan.windows)


def _significance(window: WindowResult, efficiencies: tuple[float, ...]) -> tuple[str, ...]:
    z = {cut.background_efficiency: _sigma(window, cut) for cut in window.cuts}
    best = window.best
    return (
        numbers.mass_range(window.signal),
        *(z.get(efficiency, numbers.MISSING) for efficiency in efficiencies),
        numbers.MISSING if best is None else numbers.p_value(best.p0, best.p0_error),
        f"{numbers.plain(window.factor, 2)}{MARK * window.extrapolated}",
        numbers.p_value(window.p),
    )


def _events(scan: WindowScan) -> Table:
    """Return the events behind every cut of every window."""
    return Table(
        caption="Events in the signal region of every window",
        headings=(WINDOW, texts.CUT, texts.OBSERVED, texts.EXPECTED, texts.Z, texts.P0, "from"),
        rows=tuple(
            (
                numbers.mass_range(one.signal),
                cut_name(cut),
                "blinded" if scan.blind and cut.n_obs is None else numbers.count(cut.n_obs),
                numbers.measured(cut.n_exp, cut.n_exp_error),
                _sigma(one, cut),
                numbers.MISSING if one.withheld else numbers.p_value(cut.p0, cut.p0_error),
                "toys" if cut.calculator == "toys" else "asymptotic formulae",
            )
            for one in scan.windows
            for cut in one.cuts
        ),
        folded=True,
    )


def _limits(scan: WindowScan) -> Table | None:
    """Return the limits as limits on a cross-section; None where none are asked for."""
    told = scan.cross_section
    if told is None:
        return None
    note = f"{texts.in_symbols(told.quantity)}: {told.meaning}. Luminosity {told.luminosity:g} fb⁻¹"
    note += "." if told.efficiency == 1 else f", efficiency {told.efficiency:g}."
    if told.theory_file is not None:
        note += f" Theory: in the middle of each window, from {told.theory_file}."
    return Table(
        caption=f"95% CLs upper limits on {texts.in_symbols(told.quantity)}, fb",
        headings=(WINDOW, texts.CUT, "observed", *texts.QUANTILES, "theory"),
        rows=tuple(
            (
                numbers.mass_range(one.signal),
                cut_name(cut),
                numbers.plain(cut.cross_section_obs),
                *map(numbers.plain, cut.cross_section_exp),
                numbers.plain(one.theory),
            )
            for one in scan.windows
            for cut in one.cuts
            if one.trusts(cut)
        ),
        note=note,
    )


def _words_of_limits(scan: WindowScan, name: str) -> tuple[str, str]:
    """Return caption and alternative text of the limits behind a cut."""
    efficiency = next(one for one in scan.background_efficiencies if name == f"limits_{name_in_files(one)}")
    found = scan.limited(efficiency)
    where = "without a cut" if efficiency == 1 else f"at background efficiency {numbers.percent(efficiency)}"
    what = "a cross-section" if scan.cross_section is None else texts.in_symbols(scan.cross_section.quantity)
    told = "; ".join(
        f"{numbers.window(one.signal)} observed {numbers.plain(cut.cross_section_obs)}, expected "
        f"{numbers.band(cut.cross_section_exp)}"
        for one, cut in found
    )
    return (
        f"95% CLs upper limits on {what} in every window, {where}.",
        f"Upper limits on {what} in fb, {where}. {told}.",
    )


def _regions(scan: WindowScan) -> Table:
    """Return the regions of every window."""
    return Table(
        caption="Regions",
        headings=(WINDOW, "Sidebands [GeV]"),
        rows=tuple(
            (
                numbers.mass_range(one.signal),
                ", ".join(map(numbers.mass_range, one.sidebands)) or numbers.MISSING,
            )
            for one in scan.windows
        ),
        folded=True,
    )


def _blinding(scan: WindowScan) -> list[Block]:
    looks = origin.unblindings(scan.unblinded)
    found: list[Block] = [] if looks is None else [looks]
    if scan.blind:
        return [Text("Blinded: no data of the signal regions were looked at behind a cut."), *found]
    return found or [
        Text("This scan was not blinded: the data of the signal regions were shown from the start.")
    ]


def _paper(scan: WindowScan, folder: Path) -> list[Block]:
    classifier = paper.classifier(folder)
    failed = _withdrawn(scan)
    lines = [
        *failed,
        f"Resonances are searched for in the {paper.escaped(scan.resonance.words)} spectrum, in "
        f"{_searched(scan).replace(' GeV', '~GeV')}, each with a background, a classifier and a fit of its own.",
        *paper.selection(scan.method, scan.background_efficiencies, classifier),
        paper.statistics("local significances", {cut.calculator for one in scan.windows for cut in one.cuts}),
        *_latex(scan),
    ]
    if _any_extrapolated(scan):
        lines.append(rf"Trials factors marked ${paper.SYMBOLS[MARK]}$ are extrapolated from toys.")
    lines += failed
    return [
        Listing("LaTeX", "\n".join(lines) + "\n", folded=False),
        Listing("LaTeX, table of windows", paper.tabular(_significances(scan))),
        Listing("BibTeX", paper.references(scan.versions.get("hepflow", ""), scan.method, classifier)),
    ]


def _withdrawn(scan: WindowScan) -> list[str]:
    """Return the sentence that takes back what failed its checks."""
    if not scan.failed:
        return []
    where = "; ".join(map(paper.escaped, scan.failed))
    return [rf"\textbf{{Nothing is claimed of what failed its checks ({where}).}}"]


def _latex(scan: WindowScan) -> list[str]:
    found = scan.excess
    if scan.blind:
        return ["The data of the signal regions are blinded behind the cuts."]
    largest = None if found is None else _largest(scan, found)
    if found is None or largest is None:
        return ["No window could be judged."]
    low, high = found.signal
    cuts, upper, lower = (
        paper.mathematical(numbers.p_value(p)) for p in (found.p_window, found.p_global, found.p_least)
    )
    z = paper.mathematical(numbers.sigma(found.z_global))
    return [
        rf"The largest local excess is found in ${low:g} < {scan.resonance.math} < {high:g}$~GeV "
        f"{paper.behind(found)}: {paper.seen(largest)}.",
        f"With the trials of the cuts in this window its $p$-value is {cuts}{EXTRAPOLATED * found.extrapolated}.",
        f"With those of {_windows(found.windows)} it is at most {upper} (Bonferroni), a global significance of at "
        f"least {z}; in {_windows(found.disjoint)} without overlap it would be {lower}.",
    ]
