"""The table at the end of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from textwrap import wrap
from typing import TYPE_CHECKING

from hepflow.studies.search.answers import lines as other_answers
from hepflow.text import aligned, number, with_error
from hepflow.verdicts import CLOSURE, NON_CLOSURE, NON_CLOSURE_SIMULATION, SCULPTING, SIDEBAND_FACTOR

if TYPE_CHECKING:
    from hepflow.results import CutResult, Results

HEADINGS = ("cut", "threshold", "n_obs", "n_exp", "Z", "p0", "mu_hat", "mu_up obs", "mu_up exp (68 %)")
TRUTH = ("eff. S", "SIC")
EXPECTED = "Z exp"
BLINDED, WITHHELD = "blinded", "withheld"
NOISY, FAILED = "*", "!"
WIDTH = 118


def text(results: Results) -> str:
    """Return the results of a run as a few lines; checks that failed stand first and last."""
    failed, results = _failed(results), results.shown()
    lines = [*failed, ""] if failed else []
    lines += [*_found(results), *([""] if failed or results.verdicts or results.warnings else [])]
    if results.verdicts and not failed:
        lines.append(f"all {len(results.verdicts)} checks passed")
    return "\n".join([*lines, *failed, *_listed("warning: ", results.warnings)])


def _failed(results: Results) -> list[str]:
    failed = results.failed
    if not failed:
        return []
    effect = (
        "no significance and no limit is given"
        if results.withheld
        else f"what is marked {FAILED} is not to be trusted"
    )
    heading = f"FAILED {len(failed)} of {len(results.verdicts)} checks: {effect}"
    return [heading, *_listed("- ", (verdict.sentence for verdict in failed))]


def _listed(mark: str, sentences: Iterable[str]) -> list[str]:
    """Return sentences as lines that fit, each with a mark before it."""
    return [
        line
        for sentence in sentences
        for line in wrap(sentence, WIDTH, initial_indent=mark, subsequent_indent=" " * len(mark))
    ]


def _found(results: Results) -> list[str]:
    low, high = results.regions["signal"]
    lines = [f"{results.name}: {results.method}, signal region {low:g}-{high:g} GeV, seed {results.seed}"]
    lines.append(f"n_exp: before the fit to the signal region (pre-fit); mu = 1: {results.signal_unit}")
    closure = results.closure
    if closure.auc is not None:
        told = with_error(closure.auc, closure.auc_error)
        mark = FAILED * any(verdict.check == CLOSURE for verdict in results.failed)
        lines.append(f"closure of the template: AUC {told}{mark}")
    lines += _score(results)
    lines += _validation(results)
    cuts = (results.inclusive, *results.cuts)
    truth = any(cut.sic is not None for cut in cuts)
    rows = [[*HEADINGS, *(TRUTH if truth else ()), *([EXPECTED] if results.blind else ())]]
    least = 0.0 if results.truth is None else results.truth.minimum_background_efficiency
    noisy = [truth and (cut.true_background_efficiency or 0.0) < least for cut in cuts]
    for cut, noise in zip(cuts, noisy, strict=True):
        expected = [_marked(results, cut, cut.z_expected)] if results.blind else []
        observed = WITHHELD if results.withheld else _marked(results, cut, cut.z)
        rows.append([_name(cut), *_cells(cut, observed, truth, noise), *expected])
    lines += ["", *aligned(rows)]
    if any(noisy):
        lines += [f"{NOISY} fewer than 25 background events pass: mostly chance"]
    toys = [f"{_name(cut)} ({cut.calculator_reason})" for cut in cuts if cut.calculator == "toys"]
    lines += [f"Z, p0 and limits from toys: {'; '.join(toys)}"] if toys else []
    lines += other_answers(results)
    lines += _cross_sections(results)
    for one in results.unblinded:
        lines += ["", f"unblinded by {one.by}, {one.at}, configuration {one.config_hash}"]
    if results.blind:
        lines += [
            "",
            f"{BLINDED}: no data of the signal region behind a cut; {EXPECTED}: significance expected for mu = 1",
            "`hepflow run CONFIG --unblind` shows the data, and records who asked",
        ]
        return lines
    return [*lines, *_largest(results)]


def _cross_sections(results: Results) -> list[str]:
    """Return the limits as cross-sections, and of which; nothing without a luminosity."""
    told = results.cross_section
    if told is None or results.withheld:
        return []
    measured = any(cut.signal_selected is not None for cut in results.cuts)
    rows = [["cut", *(["signal passing"] if measured else ()), "observed", "expected (68 %)"]]
    for cut in (results.inclusive, *results.cuts):
        share = [_measured(cut.signal_selected, cut.signal_selected_error)] if measured else []
        low, median, high = cut.cross_section_exp[1:4]
        expected = "-" if median is None else f"{number(median)} ({number(low)}-{number(high)})"
        doubted = FAILED * (median is not None and bool(results.doubts(cut)))
        rows.append([_name(cut), *share, number(cut.cross_section_obs), expected + doubted])
    besides = "" if told.efficiency == 1 else f", efficiency {told.efficiency:g}"
    lines = [
        "",
        f"95 % CLs limits on {told.quantity}, fb ({told.luminosity:g} fb^-1{besides}):",
        *aligned(rows),
    ]
    lines += wrap(f"{told.quantity}: {told.meaning}", WIDTH, subsequent_indent="  ")
    if told.theory is not None:
        lines.append(f"theory: {number(told.theory)} fb at {told.theory_mass:g} GeV ({told.theory_file})")
    return lines


def _score(results: Results) -> list[str]:
    """Return in which coordinates outliers were looked for, and how the score moves with the resonant variable."""
    score = results.score
    if score is None or not score.coordinates:
        return []
    told = "-"
    if score.mass_correlation is not None:
        told = with_error(score.mass_correlation, score.mass_correlation_error)
    sentence = f"outliers by {score.what} in {score.coordinates}; "
    sentence += f"rank correlation with {results.resonance.plain} {told}"
    return wrap(sentence, WIDTH, subsequent_indent="  ")


def _validation(results: Results) -> list[str]:
    """Return what sidebands, validation bands and simulation say of each cut, as far as there are any."""
    rows = [["cut"], *([_name(cut)] for cut in results.cuts)]
    for check, told in MEASURED.items():
        cells = [told(cut) for cut in results.cuts]
        if any(cell != "-" for cell in cells):
            failed = [any(one.check == check for one in results.doubts(cut)) for cut in results.cuts]
            rows[0].append(f"{check} p" if check == SCULPTING else check)
            for row, cell, mark in zip(rows[1:], cells, failed, strict=True):
                row.append(cell + FAILED * mark)
    return ["", *aligned(rows)] if len(rows[0]) > 1 else []


def _measured(value: float | None, error: float | None) -> str:
    return "-" if value is None else with_error(value, error)


CORRECTION = "corrected by"
MEASURED: dict[str, Callable[[CutResult], str]] = {
    SIDEBAND_FACTOR: lambda cut: _measured(cut.sideband_factor, cut.sideband_factor_error),
    NON_CLOSURE: lambda cut: _measured(cut.non_closure, cut.non_closure_error),
    NON_CLOSURE_SIMULATION: lambda cut: _measured(
        cut.non_closure_simulation, cut.non_closure_simulation_error
    ),
    CORRECTION: lambda cut: _measured(cut.correction, cut.correction_error),
    SCULPTING: lambda cut: number(cut.sculpting_p, ".2g"),
}


def _marked(results: Results, cut: CutResult, z: float | None) -> str:
    return number(z, ".2f") + FAILED * (z is not None and bool(results.doubts(cut)))


def _name(cut: CutResult) -> str:
    return "inclusive" if cut.background_efficiency == 1 else f"eps_B {cut.background_efficiency:.12g}"


def _largest(results: Results) -> list[str]:
    """Return the largest excess of the selections that can be trusted, with their trials."""
    cuts = results.trusted
    found = [(cut.z, _name(cut)) for cut in cuts if cut.z is not None]
    if not found:
        return []
    z, name = max(found, key=lambda one: one[0])
    lines = ["", f"largest local significance: Z = {z:.2f} ({name})"]
    trials = results.trials
    if trials is not None:
        extrapolated = ", extrapolated from toys" if trials.extrapolated else ""
        passed = " that passed" if results.failed else ""
        lines += [
            f"with the trials of {len(cuts)} selections{passed} (factor {trials.factor:.2g}{extrapolated}): "
            f"Z = {trials.z:.2f}, p = {with_error(trials.p, trials.p_error)}"
        ]
    return lines


def _cells(cut: CutResult, significance: str, truth: bool, noisy: bool) -> list[str]:
    low, median, high = cut.mu_up_exp[1:4]
    cells = [
        number(cut.threshold),
        BLINDED if cut.blind else number(cut.n_obs, ",.0f"),
        with_error(cut.n_exp, cut.n_exp_error),
        significance,
        number(cut.p0, ".2g"),
        number(cut.mu_hat),
        number(cut.mu_up_obs),
        "-" if median is None else f"{number(median)} ({number(low)}-{number(high)})",
    ]
    if not truth:
        return cells
    return [*cells, number(cut.signal_efficiency), number(cut.sic, ".1f") + (NOISY if noisy else "")]
