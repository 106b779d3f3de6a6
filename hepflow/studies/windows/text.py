"""A search in many windows as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepflow.text import aligned, band, number

if TYPE_CHECKING:
    from hepflow.studies.windows.record import WindowCut, WindowResult, WindowScan


MARK = "!"
FAILED = f"FAILED CHECKS; what is withheld or marked {MARK} takes no part in the largest excess:"


def text(scan: WindowScan) -> str:
    """Return a table of p-values, a window a line and two columns for each cut, and the largest excess below.

    Windows that failed checks stand first and last.
    """
    failed = [FAILED, *(f"- {one}" for one in scan.failed)] if scan.failed else []
    return "\n".join([*failed, *_found(scan), *failed])


def _cells(window: WindowResult, cut: WindowCut | None) -> tuple[str, str]:
    """Return p-value and significance behind a cut."""
    if cut is None:
        return "-", "-"
    if window.withheld:
        return "-", "withheld"
    mark = MARK if cut.z is not None and not window.trusts(cut) else ""
    return number(cut.p0, ".2g"), number(cut.z, ".2f") + mark


def _found(scan: WindowScan) -> list[str]:
    lines = [f"{scan.name}: {scan.method}, {len(scan.windows)} windows, seed {scan.seed}", ""]
    efficiencies = scan.background_efficiencies
    names = ["inclusive" if efficiency == 1 else f"eps_B {efficiency:.12g}" for efficiency in efficiencies]
    rows = [["window [GeV]", *(f"{name} {what}" for name in names for what in ("p0", "Z"))]]
    for one in scan.windows:
        cuts = {cut.background_efficiency: cut for cut in one.cuts}
        found = [cuts.get(efficiency) for efficiency in efficiencies]
        numbers = [text for cut in found for text in _cells(one, cut)]
        rows.append([f"{one.signal[0]:g}-{one.signal[1]:g}", *numbers])
    lines += aligned(rows)
    if scan.excess is not None:
        best = scan.excess
        behind = (
            "inclusive" if best.background_efficiency == 1 else f"eps_B {best.background_efficiency:.12g}"
        )
        lines += [
            "",
            f"largest local significance: Z = {best.z:.2f}, p0 = {best.p0:.2g} "
            f"({best.signal[0]:g}-{best.signal[1]:g} GeV, {behind})",
            f"with the trials of its cuts: p = {best.p_window:.2g}"
            f"{' (factor extrapolated from toys)' if best.extrapolated else ''}",
            f"with those of {best.windows} windows: p <= {best.p_global:.2g}, Z >= {best.z_global:.2f}; "
            f"of the {best.disjoint} without overlap alone: p >= {best.p_least:.2g}",
        ]
    lines += _cross_sections(scan)
    for entry in scan.unblinded:
        lines += ["", f"unblinded by {entry.by}, {entry.at}, configuration {entry.config_hash}"]
    if scan.blind:
        lines += [
            "",
            "blinded: no data of the signal regions behind a cut; --unblind shows them, and records who asked",
        ]
    if scan.problems:
        lines += ["", "problems:", *(f"  {problem}" for problem in scan.problems)]
    return lines


def _cross_sections(scan: WindowScan) -> list[str]:
    """Return the limits as cross-sections, a window and cut a line; nothing where none are asked for."""
    told = scan.cross_section
    if told is None:
        return []
    theory = any(one.theory is not None for one in scan.windows)
    rows = [["window [GeV]", "cut", "observed", "expected (68 %)", *(["theory"] if theory else ())]]
    for one in scan.windows:
        for cut in one.cuts:
            if one.trusts(cut):
                name = (
                    "inclusive"
                    if cut.background_efficiency == 1
                    else f"eps_B {cut.background_efficiency:.12g}"
                )
                rows.append(
                    [
                        f"{one.signal[0]:g}-{one.signal[1]:g}",
                        name,
                        number(cut.cross_section_obs),
                        band(cut.cross_section_exp),
                        *([number(one.theory)] if theory else ()),
                    ]
                )
    besides = "" if told.efficiency == 1 else f", efficiency {told.efficiency:g}"
    return [
        "",
        f"95 % CLs limits on {told.quantity}, fb ({told.luminosity:g} fb^-1{besides}):",
        *aligned(rows),
    ]
