"""What the other background says of each cut, at the end of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hepflow.text import aligned, number, with_error

if TYPE_CHECKING:
    from hepflow.results import CutResult, Results

HEADINGS = ("the other background", "", "n_exp", "Z", "mu_hat", "mu_up obs", "dijet usable")
BLIND_HEADINGS = ("the other background", "", "n_exp", "Z exp", "mu_up exp", "dijet usable")


def lines(results: Results) -> list[str]:
    """Return both answers as lines: a table, and why the smooth function may not be used."""
    cuts = [cut for cut in results.cuts if cut.other is not None]
    if not cuts:
        return []
    table = [BLIND_HEADINGS if results.blind else HEADINGS, *(_row(cut, results.blind) for cut in cuts)]
    return [
        "",
        *aligned(table),
        *(f"{_name(cut)}: dijet not usable: {why}" for cut, why in unusable(results)),
    ]


def unusable(results: Results) -> list[tuple[CutResult, str]]:
    """Return the cuts behind which the smooth function may not be used, and why."""
    return [
        (cut, cut.smooth.reason) for cut in results.cuts if cut.smooth is not None and not cut.smooth.usable
    ]


def _row(cut: CutResult, blind: bool) -> list[str]:
    other, smooth = cut.other, cut.smooth
    assert other is not None
    expected = "-" if other.n_exp is None else with_error(other.n_exp, other.n_exp_error)
    found = (
        (number(other.z_expected, ".2f"), number(other.mu_up_exp[2]))
        if blind
        else (number(other.z, ".2f"), number(other.mu_hat), number(other.mu_up_obs))
    )
    usable = "-" if smooth is None else "yes" if smooth.usable else "no"
    return [_name(cut), other.background, expected, *found, usable]


def _name(cut: CutResult) -> str:
    return f"eps_B {cut.background_efficiency:.12g}"
