r"""What is to be pasted in a paper: sentences and tables in LaTeX, made of the numbers, and the papers to cite."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

import yaml

from hepflow.catalogue import CLASSIFIERS, bibtex, method_title, papers_of
from hepflow.parts import TrialsRecord
from hepflow.quantity import Quantity
from hepflow.report import numbers
from hepflow.report.blocks import Table
from hepflow.report.origin import read
from hepflow.report.texts import Selected, Tested, counted, largest, selections
from hepflow.results import CutResult, Results

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
SYMBOLS = {
    "†": r"^{\dagger}",
    "±": r"\pm",
    "×": r"\times",
    "σ": r"\sigma",
    "\u202f": r"\,",
    ",": "{,}",
    "%": r"\%",
}
MISSING = "--"
STATISTICS = ("asymptotic_formulae",)


def escaped(text: str) -> str:
    """Return text that LaTeX prints as it is."""
    return "".join(SPECIAL.get(character, character) for character in text)


def mathematical(number: str) -> str:
    r"""Return a number of `report.numbers` as LaTeX: ``3.1 × 10⁻³`` is ``$3.1 \times 10^{-3}$``."""
    if not re.search(r"\d", number):  # a word that stands for it
        return MISSING if number == numbers.MISSING else escaped(number)
    number = number.replace(" to ", r"~\mathrm{to}~").replace(numbers.MISSING, rf"\textrm{{{MISSING}}}")
    number = re.sub(r"[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda found: f"^{{{_lowered(found[0])}}}", number)
    return f"${''.join(SYMBOLS.get(character, character) for character in number)}$"


def _lowered(raised: str) -> str:
    return raised.translate({high: low for low, high in numbers.RAISED.items()})


def classifier(folder: Path) -> str | None:
    """Return the name of the run's classifier, as its ``config.yaml`` has it; None where none is to be read."""
    try:
        name = yaml.safe_load(read(folder / "config.yaml"))["classifier"]["name"]
        return name if name in CLASSIFIERS else None
    except (yaml.YAMLError, KeyError, TypeError):
        return None


def references(version: str, *made_of: str | None) -> str:
    """Return the BibTeX of hepflow, of the statistics, and of these methods and classifiers."""
    papers = papers_of(*(name for name in made_of if name is not None))
    return bibtex(version, [*papers, *STATISTICS])


def paragraph(results: Results, classifier: str | None) -> str:
    """Return method and results of a run as LaTeX, a sentence a line; checks that failed stand first and last."""
    results = results.shown()
    failed = _failed(results)
    reasons = [f"{_sentence(verdict.sentence, results.resonance)}." for verdict in results.failed]
    found = [] if results.withheld else _results(results)
    return "\n".join([*failed, *reasons, *_method(results, classifier), *found, *failed]) + "\n"


def _failed(results: Results) -> list[str]:
    """Return the sentence that takes back what failed its checks."""
    if results.withheld:
        return [r"\textbf{This search failed its checks: it claims no significance and sets no limit.}"]
    if not results.failed:
        return []
    doubted = {cut.background_efficiency for cut in results.cuts if results.doubts(cut)}
    doubted.update(  # cuts that were left out among them
        one.background_efficiency for one in results.failed if one.background_efficiency is not None
    )
    names = [mathematical(numbers.percent(efficiency)) for efficiency in sorted(doubted, reverse=True)]
    return [
        rf"\textbf{{Nothing is claimed of the selections at background efficiencies of {_listed(names)}, which "
        "failed their checks.}"
    ]


def _sentence(text: str, resonance: Quantity) -> str:
    """Return a plain sentence as LaTeX."""
    text = escaped(text[:1].upper() + text[1:])
    return (
        text.replace("+-", r"$\pm$")
        .replace("<", "$<$")
        .replace(escaped(resonance.name), f"${resonance.math}$")
    )


def _method(results: Results, classifier: str | None) -> list[str]:
    low, high = results.regions["signal"]
    sidebands = " and ".join(f"${low:g}$--${high:g}$" for low, high in results.regions["sidebands"])
    lines = [
        rf"Resonances are searched for in the {escaped(results.resonance.words)} spectrum, in a signal region of "
        rf"${low:g} < {results.resonance.math} < {high:g}$~GeV with sidebands at {sidebands}~GeV.",
        *selection(results.method, (cut.background_efficiency for cut in results.cuts), classifier),
    ]
    found = r"significances and 95\% CL$_\mathrm{s}$ limits"
    return [*lines, statistics(found, {cut.calculator for cut in selections(results)})]


def selection(method: str, efficiencies: Iterable[float], classifier: str | None) -> list[str]:
    """Return how the background is estimated, and at which efficiencies events are selected, a sentence a line."""
    title = escaped(method_title(method))
    lines = [
        rf"The features of the background in the signal region are estimated with {title}{cite(method)} "
        r"as implemented in \textsc{hepflow}~\cite{hepflow}."
    ]
    cuts = [mathematical(numbers.percent(efficiency)) for efficiency in efficiencies if efficiency < 1]
    if cuts:
        by = f" by {CLASSIFIERS[classifier].title}{cite(classifier)}" if classifier else ""
        lines.append(
            f"Events that look least like this background are selected{by}, at background efficiencies of "
            f"{_listed(cuts)}."
        )
    return lines


def statistics(found: str, calculators: Collection[str]) -> str:
    """Return the sentence on the fits, from which this is found, by "asymptotic" formulae or "toys"."""
    toys = " or, where few events are expected, toys" if "toys" in calculators else ""
    return (
        rf"The spectra are fitted with \textsc{{pyhf}}~\cite{{pyhf_joss}}; {found} come from asymptotic "
        rf"formulae{toys}~\cite{{asymptotic_formulae}}."
    )


def _results(results: Results) -> list[str]:
    if results.blind:
        lines = [
            f"The data of the signal region are blinded behind the cuts; {_expected(cut)}."
            for cut in results.cuts[-1:]
        ]
        lines += [line for cut in results.cuts[-1:] for line in _other(cut)]
        return [*lines, *_unit(results)]
    best = largest(results)
    if best is None:
        return [f"No selection{' that passed its checks' if results.failed else ''} could be fitted."]
    lines = [f"The largest local excess is found {behind(best)}: {seen(best)}."]
    if results.trials is not None:
        p = numbers.p_value(results.trials.p, results.trials.p_error)
        lines.append(
            f"With the trials of {counted(results)}, its significance is "
            f"{mathematical(numbers.sigma(results.trials.z))} ($p = {mathematical(p)[1:-1]}$)"
            f"{_extrapolated(results.trials)}."
        )
    if best.mu_up_obs is not None:
        lines.append(
            r"The observed (expected) 95\% CL$_\mathrm{s}$ upper limit on the signal strength is "
            f"{mathematical(numbers.plain(best.mu_up_obs))} ({mathematical(numbers.plain(best.mu_up_exp[2]))})."
        )
    return [*lines, *_other(best), *_unit(results)]


def _other(cut: CutResult) -> list[str]:
    """Return what the other background says of a selection: of template and smooth function, the one not chosen."""
    other = cut.other
    if other is None or other.n_exp is None or other.usable is False:
        why = "" if cut.smooth is None else escaped(cut.smooth.reason)
        return [f"No smooth function is fitted to the sidebands {behind(cut)}: {why}."] if why else []
    names = {"dijet": "a smooth function fitted to the sidebands", "template": "the template"}
    title, instead = (
        names[other.background],
        "the template" if other.background == "dijet" else "the function",
    )
    events = mathematical(numbers.measured(other.n_exp, other.n_exp_error))
    found = (
        "" if other.z is None else f", and the local significance is {mathematical(numbers.sigma(other.z))}"
    )
    return [f"With {title} in place of {instead}, {events} events are expected {behind(cut)}{found}."]


def _extrapolated(trials: TrialsRecord) -> str:
    """Return what is to be said of a trials factor that toys do not reach."""
    if not trials.extrapolated:
        return ""
    factor = mathematical(numbers.plain(trials.factor, 2))
    return f"; the trials factor of {factor} is extrapolated from toys, by their correlations"


def _unit(results: Results) -> list[str]:
    return [rf"A signal strength of $\mu = 1$ stands for {escaped(results.signal_unit)}."]


def seen(cut: Tested) -> str:
    """Return what a selection found."""
    events, z = mathematical(numbers.count(cut.n_obs)), mathematical(numbers.sigma(cut.z))
    p = mathematical(numbers.p_value(cut.p0, cut.p0_error))[1:-1]
    found = f"{events} events are observed where {_events(cut)} are expected"
    return f"{found}, a local significance of {z} ($p_0 = {p}$)"


def _expected(cut: CutResult) -> str:
    found = f"{_events(cut)} events are expected {behind(cut)}"
    if cut.z_expected is None:
        return found
    return (
        f"{found}, and a median significance of {mathematical(numbers.sigma(cut.z_expected))} for $\\mu = 1$"
    )


def _events(cut: Tested) -> str:
    return mathematical(numbers.measured(cut.n_exp, cut.n_exp_error))


def behind(cut: Selected) -> str:
    """Return the name of a selection in a sentence."""
    if cut.background_efficiency == 1:
        return "without a cut"
    return f"at a background efficiency of {mathematical(numbers.percent(cut.background_efficiency))}"


def cite(name: str) -> str:
    """Return the citation of a method or classifier; nothing where no paper is known."""
    papers = papers_of(name)
    return rf"~\cite{{{','.join(papers)}}}" if papers else ""


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def tabular(table: Table) -> str:
    """Return a table as LaTeX (booktabs)."""
    rows = [" & ".join((escaped(row[0]), *map(mathematical, row[1:]))) + r" \\" for row in table.rows]
    headings = " & ".join(map(escaped, table.headings)) + r" \\"
    return (
        "\n".join(
            [
                rf"\begin{{tabular}}{{l{'r' * (len(table.headings) - 1)}}}",
                r"  \toprule",
                f"  {headings}",
                r"  \midrule",
                *(f"  {row}" for row in rows),
                r"  \bottomrule",
                r"\end{tabular}",
            ]
        )
        + "\n"
    )
