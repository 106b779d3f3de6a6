"""What stands below each figure of a run, and what it says to those who do not see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from hepflow.report import numbers
from hepflow.report.texts import behind, cut_name, in_symbols, readable, seen, selections
from hepflow.results import CutResult, Results

Words: TypeAlias = tuple[str, str]  # caption, alternative text


def words(name: str, results: Results) -> Words:
    """Return caption and alternative text of the figure of this name, as `plots.run.figures` has them."""
    spectra = {f"spectrum_{cut.name}": cut for cut in selections(results)}
    if name in spectra:
        return _spectrum(spectra[name], results)
    if name.startswith("closure_"):
        return _closure(name.removeprefix("closure_").replace("_", " "), results)
    return WORDS[name](results)


def _spectrum(cut: CutResult, results: Results) -> Words:
    where = behind(cut)
    mass = results.resonance.heading
    caption = (
        f"{mass} {where}: data, expected background with its error, and signed significance of each bin."
    )
    other = cut.other
    if other is not None and other.expected:
        caption += f" Dashed: the background that was not chosen ({other.background})."
    region = numbers.window(results.regions["signal"])
    return (
        caption,
        f"{mass} spectrum {where}. In the signal region, {region}: {seen(cut)}{_mark(results, cut)}.",
    )


def _mark(results: Results, cut: CutResult) -> str:
    return " (failed a check)" if results.doubts(cut) else ""


def _spectra(results: Results) -> Words:
    found = "; ".join(f"{cut_name(cut)}: {seen(cut)}{_mark(results, cut)}" for cut in selections(results))
    return (
        "All selections in one frame, and the signed significance of each bin below.",
        f"{results.resonance.heading} spectra of all selections. {found}.",
    )


def _significance(results: Results) -> Words:
    found = "; ".join(
        f"{cut_name(cut)}: {numbers.sigma(cut.z)}"
        + _mark(results, cut)
        + ("" if cut.z_expected is None else f", expected {numbers.sigma(cut.z_expected)}")
        for cut in selections(results)
    )
    return (
        "Local significance against the background efficiency of the cut, and observed over expected events.",
        f"Local significance of each selection. {found}.",
    )


def _limits(results: Results) -> Words:
    found = "; ".join(
        f"{cut_name(cut)}: observed {numbers.plain(cut.mu_up_obs)}, expected {numbers.band(cut.mu_up_exp)}"
        for cut in selections(results)
    )
    return (
        f"95% CLs upper limits on the signal strength; μ = 1: {results.signal_unit}.",
        f"Upper limits on the signal strength. {found}.",
    )


def _cross_sections(results: Results) -> Words:
    told = results.cross_section
    what = "a cross-section" if told is None else in_symbols(told.quantity)
    found = "; ".join(
        f"{cut_name(cut)}: observed {numbers.plain(cut.cross_section_obs)}, "
        f"expected {numbers.band(cut.cross_section_exp)}"
        for cut in selections(results)
    )
    meaning = "" if told is None else f": {told.meaning}"
    return f"95% CLs upper limits on {what}{meaning}.", f"Upper limits on {what} in fb. {found}."


def _closure(where: str, results: Results) -> Words:
    features = [readable(one.label) for one in results.features if one.where == where]
    found = results.closure
    told = (
        numbers.measured(found.auc, found.auc_error)
        if where == "sidebands"
        else numbers.measured(found.auc_signal_region, found.auc_signal_region_error)
    )
    against = "data" if where == "sidebands" else "true background"
    return (
        f"Template against {against}, {where}, with their ratio; the band is the template's statistical error.",
        f"Distributions of {', '.join(features)} of template and {against}, {where}. "
        f"A classifier tells them apart with an AUC of {told}; 0.5 is perfect closure.",
    )


def _scores(results: Results) -> Words:
    cuts = ", ".join(f"{cut_name(cut)} above {numbers.plain(cut.threshold)}" for cut in results.cuts)
    where = results.scores.where
    return (
        f"The classifier's score, {where}: data against template, the cuts marked.",
        f"Distribution of the classifier's score in data and template, {where}. Cuts: {cuts or 'none'}.",
    )


def _losses(results: Results) -> Words:
    last = [one["validation"][-1] for one in results.losses if one.get("validation")]
    found = (
        f", at the end {numbers.plain(min(last))} to {numbers.plain(max(last))} in validation" if last else ""
    )
    return (
        "Training (dashed) and validation loss (solid) of every network.",
        f"Losses of {len(results.losses)} networks, epoch by epoch{found}.",
    )


def _improvement(results: Results) -> Words:
    found = "; ".join(f"{cut_name(cut)}: {numbers.plain(cut.sic)}" for cut in results.cuts)
    return (
        "Significance improvement: signal efficiency over the root of the background efficiency, by truth labels.",
        f"Significance improvement against efficiency. Of the cuts: {found or 'none'}.",
    )


def _rejection(results: Results) -> Words:
    area = None if results.truth is None else results.truth.auc
    return (
        "Background rejection, one over the background efficiency, against signal efficiency, by truth labels.",
        f"Background rejection against signal efficiency; the area under the ROC curve is {numbers.plain(area)}.",
    )


WORDS: dict[str, Callable[[Results], Words]] = {
    "spectra": _spectra,
    "significance": _significance,
    "limits": _limits,
    "cross_sections": _cross_sections,
    "scores": _scores,
    "losses": _losses,
    "sic": _improvement,
    "rejection": _rejection,
}
