"""The tables of a run's report, from its record."""

from __future__ import annotations

import re

from markupsafe import Markup

from hepflow.answers import OtherAnswer, SmoothAnswer
from hepflow.report import numbers
from hepflow.report.blocks import Table
from hepflow.report.texts import (
    CUT,
    EXPECTED,
    OBSERVED,
    P0,
    QUANTILES,
    Z_EXPECTED,
    Z,
    cut_name,
    in_symbols,
    selections,
)
from hepflow.results import CutResult, Results

MU, MU_OBSERVED = Markup("<i>μ̂</i>"), Markup("<i>μ</i><sub>up</sub> obs")
MU_EXPECTED = Markup("<i>μ</i><sub>up</sub> exp (68%)")
FEW, DOUBTED = "*", "!"
SMOOTH_NOTE = (
    "p: of the fit to the data of the sidebands, and of one to the template in all regions. Sculpting and bias: "
    "signal that the function finds where the template, or another function, is the truth, in standard deviations."
)


def found(results: Results) -> Table:
    """Return the numbers of every selection: events, significance, strength and limits."""
    cuts = selections(results)
    aims = any(cut.z_expected is not None for cut in cuts)
    headings = [CUT, OBSERVED, EXPECTED, Z, *([Z_EXPECTED] if aims else ()), P0, MU, MU_OBSERVED, MU_EXPECTED]
    return Table(
        caption="Signal region, selection by selection",
        headings=tuple(headings),
        rows=tuple(_found(cut, aims, results) for cut in cuts),
        note="Expected background before the fit; local significance and p-value; 95% CLs limits; "
        f"μ = 1: {results.signal_unit}.{_marks(results)}",
    )


def _marks(results: Results) -> str:
    if results.withheld:
        return " Withheld: what the fits rest on failed its checks."
    return f" {DOUBTED} failed a check: not to be trusted." if results.failed else ""


def _found(cut: CutResult, aims: bool, results: Results) -> tuple[str, ...]:
    doubted = bool(results.doubts(cut))
    z, z_expected = (
        numbers.sigma(one) + (DOUBTED if doubted and one is not None else "")
        for one in (cut.z, cut.z_expected)
    )
    return (
        cut_name(cut),
        "blinded" if cut.blind else numbers.count(cut.n_obs),
        numbers.measured(cut.n_exp, cut.n_exp_error),
        "withheld" if results.withheld else z,
        *([z_expected] if aims else ()),
        numbers.p_value(cut.p0, cut.p0_error),
        numbers.measured(cut.mu_hat, cut.mu_hat_error),
        numbers.plain(cut.mu_up_obs),
        numbers.band(cut.mu_up_exp),
    )


def limits(results: Results) -> Table:
    """Return observed and expected limits with their bands."""
    return Table(
        caption="95% CLs upper limits on the signal strength μ",
        headings=(CUT, "observed", *QUANTILES),
        rows=tuple(
            (cut_name(cut), numbers.plain(cut.mu_up_obs), *map(numbers.plain, cut.mu_up_exp))
            for cut in selections(results)
        ),
        note=f"μ = 1: {results.signal_unit}.",
    )


def cross_sections(results: Results) -> Table | None:
    """Return the limits as limits on a cross-section; None without a luminosity."""
    told = results.cross_section
    if told is None:
        return None
    measured = any(cut.signal_selected is not None for cut in results.cuts)
    note = f"{in_symbols(told.quantity)}: {told.meaning}. Luminosity {told.luminosity:g} fb⁻¹"
    note += "." if told.efficiency == 1 else f", efficiency {told.efficiency:g}."
    if told.theory is not None:
        note += (
            f" Theory: {numbers.plain(told.theory)} fb at {told.theory_mass:g} GeV, from {told.theory_file}."
        )
    return Table(
        caption=f"95% CLs upper limits on {in_symbols(told.quantity)}, fb",
        headings=(CUT, *(["signal passing"] if measured else ()), "observed", *QUANTILES),
        rows=tuple(
            (
                cut_name(cut),
                *([numbers.measured(cut.signal_selected, cut.signal_selected_error)] if measured else ()),
                numbers.plain(cut.cross_section_obs),
                *map(numbers.plain, cut.cross_section_exp),
            )
            for cut in selections(results)
        ),
        note=note,
    )


def validation(results: Results) -> Table | None:
    """Return what sidebands, validation bands and simulation say of each cut, as far as there are any."""
    columns: dict[str, list[str]] = {
        "data / template, sidebands": [
            numbers.measured(cut.sideband_factor, cut.sideband_factor_error) for cut in results.cuts
        ],
        "non-closure, validation bands": [
            numbers.measured(cut.non_closure, cut.non_closure_error) for cut in results.cuts
        ],
        "non-closure, simulation": [
            numbers.measured(cut.non_closure_simulation, cut.non_closure_simulation_error)
            for cut in results.cuts
        ],
        "expectation corrected by": [
            numbers.measured(cut.correction, cut.correction_error) for cut in results.cuts
        ],
        "uncorrected": [numbers.plain(uncorrected(cut)) for cut in results.cuts],
        "p of no sculpting": [numbers.p_value(cut.sculpting_p) for cut in results.cuts],
    }
    shown = {name: cells for name, cells in columns.items() if any(cell != numbers.MISSING for cell in cells)}
    if not shown:
        return None
    return Table(
        caption="The method, tried where there is no signal",
        headings=(CUT, *shown),
        rows=tuple(zip(map(cut_name, results.cuts), *shown.values(), strict=True)),
        note="Non-closure: relative difference of data and expectation behind the cut. The expectation in the signal "
        "region is raised by half of what the bands show, whose gap is wider, or by all of what simulation shows; "
        "the error of this correction is part of its error. Uncorrected: events that would be expected without it.",
    )


def uncorrected(cut: CutResult) -> float | None:
    """Return the events that were expected without a correction for non-closure; None where there is none."""
    return None if not cut.correction else cut.n_exp / (1 + cut.correction)


def verdicts(results: Results) -> Table | None:
    """Return every check, with what was found and what was expected."""
    return Table(
        caption="Checks: whether the numbers can be trusted",
        headings=("check", CUT, "found", "expected", ""),
        rows=tuple(
            (
                one.check,
                "" if one.background_efficiency is None else numbers.percent(one.background_efficiency),
                numbers.p_value(one.value) if one.is_p_value else numbers.measured(one.value, one.error),
                one.expected,
                "passed" if one.passed else "failed",
            )
            for one in results.verdicts
        ),
    )


def sideband_fit(results: Results) -> Table | None:
    """Return the orders of the dijet function that were tried."""
    tests, taken = results.smooth.tests, results.smooth.shape_parameters
    if not tests:
        return None
    return Table(
        caption="Dijet function in the sidebands: how many parameters",
        headings=("shape parameters", "χ² / ndf", "p", "p of the F-test", ""),
        rows=tuple(
            (
                f"{test.n_shape}",
                f"{test.chi2:.1f} / {test.ndf}",
                numbers.p_value(test.p_value),
                numbers.p_value(test.f_p_value),
                "taken" if test.n_shape == taken else "",
            )
            for test in tests
        ),
    )


def answers(results: Results) -> Table | None:
    """Return what either background says of each cut."""
    rows: list[tuple[str, ...]] = []
    for cut in results.cuts:
        if cut.other is not None:
            rows += [
                _answer(cut, cut, f"{cut.background}, chosen"),
                _answer(cut, cut.other, cut.other.background),
            ]
    if not rows:
        return None
    return Table(
        caption="Behind each cut, with either background",
        headings=(
            CUT,
            "background",
            EXPECTED,
            Z,
            Z_EXPECTED,
            P0,
            MU,
            MU_OBSERVED,
            MU_EXPECTED,
            "may be used",
        ),
        rows=tuple(rows),
        note="Template: of the method, scaled by the sidebands. Dijet: a smooth function fitted to the sidebands "
        "behind the cut. Of the one that was not chosen, all is asymptotic.",
    )


def _answer(cut: CutResult, answer: CutResult | OtherAnswer, name: str) -> tuple[str, ...]:
    smooth = cut.smooth if answer.background == "dijet" else None  # the tests do not judge the template
    return (
        cut_name(cut),
        name,
        numbers.measured(answer.n_exp, answer.n_exp_error),
        numbers.sigma(answer.z),
        numbers.sigma(answer.z_expected),
        numbers.p_value(answer.p0),
        numbers.measured(answer.mu_hat, answer.mu_hat_error),
        numbers.plain(answer.mu_up_obs),
        numbers.band(answer.mu_up_exp),
        numbers.MISSING if smooth is None else "yes" if smooth.usable else "no",
    )


def smooth(results: Results) -> Table | None:
    """Return the smooth function behind each cut, and the tests that say whether it may be used."""
    fitted = [(cut, cut.smooth) for cut in results.cuts if cut.smooth is not None]
    if not fitted:
        return None
    unusable = [f"{cut_name(cut)}: not to be used: {one.reason}." for cut, one in fitted if not one.usable]
    return Table(
        caption="Dijet function behind each cut, and whether it may be used",
        headings=(
            CUT,
            "shape parameters",
            "χ² / ndf",
            "p",
            "p of the template",
            "sculpting, σ",
            "largest bias, σ",
            "may be used",
        ),
        rows=tuple(
            (
                cut_name(cut),
                numbers.MISSING if one.shape_parameters is None else f"{one.shape_parameters}",
                numbers.MISSING if one.chi2 is None else f"{one.chi2:.1f} / {one.ndf}",
                numbers.p_value(one.p_value),
                numbers.p_value(one.template_p),
                numbers.measured(one.template_bias, one.template_bias_error),
                _bias(one),
                "yes" if one.usable else "no",
            )
            for cut, one in fitted
        ),
        note=" ".join([SMOOTH_NOTE, *unusable]),
    )


def _bias(smooth: SmoothAnswer) -> str:
    if not smooth.bias:
        return numbers.MISSING
    name, size = max(smooth.bias.items(), key=lambda one: abs(one[1]))
    return f"{size:+.2f} ({name})"


def truth(results: Results) -> Table | None:
    """Return efficiencies and significance improvement by truth labels."""
    judged = [cut for cut in results.cuts if cut.signal_efficiency is not None]
    if results.truth is None or not judged:
        return None
    least = results.truth.minimum_background_efficiency
    few = [(cut.true_background_efficiency or 0.0) < least for cut in judged]
    return Table(
        caption="By truth labels, in the signal region",
        headings=(CUT, Markup("true <i>ε<sub>B</sub></i>"), Markup("<i>ε<sub>S</sub></i>"), "SIC"),
        rows=tuple(
            (
                cut_name(cut),
                numbers.percent(cut.true_background_efficiency),
                numbers.percent(cut.signal_efficiency),
                numbers.plain(cut.sic) + (FEW if noisy else ""),
            )
            for cut, noisy in zip(judged, few, strict=True)
        ),
        note=f"{FEW} fewer than 25 background events pass: mostly chance." if any(few) else "",
    )


def cutflow(results: Results) -> Table:
    """Return what became of the events that were read."""
    read = results.cutflow[0][1] if results.cutflow else 0
    return Table(
        caption="Cutflow of the data",
        headings=("", "events", "share"),
        rows=tuple(
            (cause, numbers.count(events), numbers.percent(events / read if read else None))
            for cause, events in results.cutflow
        ),
    )


def counts(results: Results) -> Table:
    """Return the numbers of events that the analysis worked with."""
    rows = []
    for name, events in results.counts.items():
        if not name.endswith("_error"):
            shown = re.sub(" (signal region|sidebands)$", r", \1", name.replace("_", " "))
            error = results.counts.get(f"{name}_error")
            rows.append((shown, numbers.count(events) if error is None else numbers.measured(events, error)))
    return Table("Events in the analysis", ("", "events"), tuple(rows))


def skipped(results: Results) -> Table | None:
    """Return the input files that were left out, and why."""
    if not results.skipped_files:
        return None
    return Table(
        caption=f"Damaged files that were skipped ({len(results.skipped_files)})",
        headings=("file", "cause", "events"),
        rows=tuple((one.file, one.cause, numbers.count(one.events)) for one in results.skipped_files),
    )
