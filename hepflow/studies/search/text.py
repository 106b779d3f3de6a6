"""The table at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepflow.studies.search.answers import lines as other_answers
from hepflow.text import aligned, number, with_error

if TYPE_CHECKING:
    from hepflow.results import CutResult, Results

HEADINGS = ("cut", "threshold", "n_obs", "n_exp", "Z", "p0", "mu_hat", "mu_up obs", "mu_up exp (68 %)")
TRUTH = ("eff. S", "SIC")
EXPECTED = "Z exp"
BLINDED = "blinded"
NOISY = "*"


def text(results: Results) -> str:
    """Return the results of a run as a few lines."""
    low, high = results.regions["signal"]
    lines = [f"{results.name}: {results.method}, signal region {low:g}-{high:g} GeV, seed {results.seed}"]
    auc = results.closure.get("auc")
    if auc is not None:
        lines.append(f"closure of the template: AUC {with_error(auc, results.closure.get('auc_error'))}")
    cuts = (results.inclusive, *results.cuts)
    truth = any(cut.sic is not None for cut in cuts)
    rows = [[*HEADINGS, *(TRUTH if truth else ()), *([EXPECTED] if results.blind else ())]]
    least = 0.0 if results.truth is None else results.truth.minimum_background_efficiency
    noisy = [truth and (cut.true_background_efficiency or 0.0) < least for cut in cuts]
    for cut, noise in zip(cuts, noisy, strict=True):
        expected = [number(cut.z_expected, ".2f")] if results.blind else []
        rows.append([_name(cut), *_cells(cut, truth, noise), *expected])
    lines += ["", *aligned(rows)]
    if any(noisy):
        lines += [f"{NOISY} fewer than 25 background events pass: mostly chance"]
    toys = [f"{_name(cut)} ({cut.calculator_reason})" for cut in cuts if cut.calculator == "toys"]
    lines += [f"Z, p0 and limits from toys: {'; '.join(toys)}"] if toys else []
    lines += other_answers(results)
    for one in results.unblinded:
        lines += ["", f"unblinded by {one.by}, {one.at}, configuration {one.config_hash}"]
    if results.blind:
        lines += [
            "",
            f"{BLINDED}: no data of the signal region behind a cut; {EXPECTED}: significance expected for mu = 1",
            "`hepflow run CONFIG --unblind` shows the data, and records who asked",
        ]
        return "\n".join(lines)
    return "\n".join([*lines, *_largest(results, cuts)])


def _name(cut: CutResult) -> str:
    return "inclusive" if cut.background_efficiency == 1 else f"eps_B {cut.background_efficiency:g}"


def _largest(results: Results, cuts: tuple[CutResult, ...]) -> list[str]:
    found = [(cut.z, _name(cut)) for cut in cuts if cut.z is not None]
    if not found:
        return []
    z, name = max(found, key=lambda one: one[0])
    lines = ["", f"largest local significance: Z = {z:.2f} ({name})"]
    trials = results.trials
    if trials is not None:
        extrapolated = ", extrapolated from toys" if trials["extrapolated"] else ""
        lines += [
            f"with the trials of {len(cuts)} selections (factor {trials['factor']:.2g}{extrapolated}): "
            f"Z = {trials['z']:.2f}, p = {with_error(trials['p'], trials['p_error'])}"
        ]
    return lines


def _cells(cut: CutResult, truth: bool, noisy: bool) -> list[str]:
    low, median, high = cut.mu_up_exp[1:4]
    cells = [
        number(cut.threshold),
        BLINDED if cut.blind else number(cut.n_obs, ",.0f"),
        with_error(cut.n_exp, cut.n_exp_error),
        number(cut.z, ".2f"),
        number(cut.p0, ".2g"),
        number(cut.mu_hat),
        number(cut.mu_up_obs),
        "-" if median is None else f"{number(median)} ({number(low)}-{number(high)})",
    ]
    if not truth:
        return cells
    return [*cells, number(cut.signal_efficiency), number(cut.sic, ".1f") + (NOISY if noisy else "")]
