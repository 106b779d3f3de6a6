"""The table at the end of a run, from the values of ``results.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hepflow.text import aligned, number, with_error

HEADINGS = ("cut", "threshold", "n_obs", "n_exp", "Z", "p0", "mu_hat", "mu_up obs", "mu_up exp (68 %)")
TRUTH = ("eff. S", "SIC")
EXPECTED = "Z exp"
BLINDED = "blinded"
NOISY = "*"


def summary(results: Mapping[str, Any]) -> str:
    """Return the results of a run (schema ``hepflow-results-1``) as a few lines of plain text."""
    low, high = results["regions"]["signal"]
    lines = [
        f"{results['name']}: {results['method']}, signal region {low:g}-{high:g} GeV, seed {results['seed']}"
    ]
    closure = results.get("closure") or {}
    if closure.get("auc") is not None:
        lines.append(f"closure of the template: AUC {with_error(closure['auc'], closure.get('auc_error'))}")
    cuts = [("inclusive", results["inclusive"])] if results.get("inclusive") else []
    cuts += [(f"eps_B {cut['background_efficiency']:g}", cut) for cut in results["cuts"]]
    truth = any(cut.get("sic") is not None for _, cut in cuts)
    blind = any(cut.get("blind") for _, cut in cuts)
    rows = [[*HEADINGS, *(TRUTH if truth else ()), *([EXPECTED] if blind else ())]]
    least = (results.get("truth") or {}).get("minimum_background_efficiency") or 0.0
    noisy = [truth and (cut.get("true_background_efficiency") or 0.0) < least for _, cut in cuts]
    for (name, cut), noise in zip(cuts, noisy, strict=True):
        expected = [number(cut.get("z_expected"), ".2f")] if blind else []
        rows.append([name, *_cells(cut, truth, noise), *expected])
    lines += ["", *aligned(rows)]
    if any(noisy):
        lines += [f"{NOISY} fewer than 25 background events pass: mostly chance"]
    lines += _toys(cuts)
    for one in results.get("unblinded", ()):
        lines += ["", f"unblinded by {one['by']}, {one['at']}, configuration {one['config_hash']}"]
    if blind:
        lines += [
            "",
            f"{BLINDED}: no data of the signal region behind a cut; {EXPECTED}: significance expected for mu = 1",
            "`hepflow run CONFIG --unblind` shows the data, and records who asked",
        ]
        return "\n".join(lines)
    lines += _largest(cuts, results.get("trials"))
    return "\n".join(lines)


def _toys(cuts: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Say which numbers come from toys, and why."""
    named = [f"{name} ({cut['calculator_reason']})" for name, cut in cuts if cut.get("calculator") == "toys"]
    return [f"Z, p0 and limits from toys: {'; '.join(named)}"] if named else []


def _largest(cuts: Sequence[tuple[str, Mapping[str, Any]]], trials: Mapping[str, Any] | None) -> list[str]:
    best = max(cuts, key=lambda named: _number(named[1].get("z")), default=None)
    if best is None or best[1].get("z") is None:
        return []
    lines = ["", f"largest local significance: Z = {best[1]['z']:.2f} ({best[0]})"]
    if trials is not None:
        lines += [
            f"with the trials of {len(cuts)} selections (factor {trials['factor']:.2g}): Z = {trials['z']:.2f}, "
            f"p = {with_error(trials['p'], trials['p_error'])}"
        ]
    return lines


def _cells(cut: Mapping[str, Any], truth: bool, noisy: bool) -> list[str]:
    expected = cut.get("mu_up_exp") or [None] * 5
    band = (
        f"{number(expected[2])} ({number(expected[1])}-{number(expected[3])})"
        if expected[2] is not None
        else "-"
    )
    cells = [
        number(cut.get("threshold")),
        BLINDED if cut.get("blind") else number(cut.get("n_obs"), ",.0f"),
        with_error(cut["n_exp"], cut.get("n_exp_error")),
        number(cut.get("z"), ".2f"),
        number(cut.get("p0"), ".2g"),
        number(cut.get("mu_hat")),
        number(cut.get("mu_up_obs")),
        band,
    ]
    if not truth:
        return cells
    return [
        *cells,
        number(cut.get("signal_efficiency")),
        number(cut.get("sic"), ".1f") + (NOISY if noisy else ""),
    ]


def _number(value: Any) -> float:
    return float("-inf") if value is None else float(value)
