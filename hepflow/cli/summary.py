"""The table at the end of a run, from the values of ``results.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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
        lines.append(
            f"closure of the template: AUC {_plus_minus(closure['auc'], closure.get('auc_error'), '.3f')}"
        )
    cuts = [("inclusive", results["inclusive"])] if results.get("inclusive") else []
    cuts += [(f"eps_B {cut['background_efficiency']:g}", cut) for cut in results["cuts"]]
    truth = any(cut.get("sic") is not None for _, cut in cuts)
    blind = any(cut.get("blind") for _, cut in cuts)
    rows = [[*HEADINGS, *(TRUTH if truth else ()), *([EXPECTED] if blind else ())]]
    least = (results.get("truth") or {}).get("minimum_background_efficiency") or 0.0
    noisy = [truth and (cut.get("true_background_efficiency") or 0.0) < least for _, cut in cuts]
    for (name, cut), noise in zip(cuts, noisy, strict=True):
        expected = [_text(cut.get("z_expected"), ".2f")] if blind else []
        rows.append([name, *_cells(cut, truth, noise), *expected])
    lines += ["", *_aligned(rows)]
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
            f"p = {_plus_minus(trials['p'], trials['p_error'], '.2g')}"
        ]
    return lines


def _cells(cut: Mapping[str, Any], truth: bool, noisy: bool) -> list[str]:
    expected = cut.get("mu_up_exp") or [None] * 5
    band = (
        f"{_text(expected[2])} ({_text(expected[1])}-{_text(expected[3])})"
        if expected[2] is not None
        else "-"
    )
    cells = [
        _text(cut.get("threshold")),
        BLINDED if cut.get("blind") else _text(cut.get("n_obs"), ",.0f"),
        _plus_minus(cut.get("n_exp"), cut.get("n_exp_error"), ",.1f"),
        _text(cut.get("z"), ".2f"),
        _text(cut.get("p0"), ".2g"),
        _text(cut.get("mu_hat")),
        _text(cut.get("mu_up_obs")),
        band,
    ]
    if not truth:
        return cells
    return [
        *cells,
        _text(cut.get("signal_efficiency")),
        _text(cut.get("sic"), ".1f") + (NOISY if noisy else ""),
    ]


def _number(value: Any) -> float:
    return float("-inf") if value is None else float(value)


def _text(value: Any, style: str = ".3g") -> str:
    return "-" if value is None else format(value, style)


def _plus_minus(value: Any, error: Any, style: str) -> str:
    return _text(value, style) + ("" if error is None else f" +- {format(error, style)}")


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows with their columns aligned: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
