"""Phrases of reports that stand in more than one place."""

from __future__ import annotations

import re
from typing import Protocol

from markupsafe import Markup

from hepflow.report import numbers
from hepflow.results import CutResult, Results

CUT = Markup("Cut, <i>ε<sub>B</sub></i>")
OBSERVED, EXPECTED = Markup("<i>n</i><sub>obs</sub>"), Markup("<i>n</i><sub>exp</sub>")
QUANTILES = ("−2 σ", "−1 σ", "median", "+1 σ", "+2 σ")
Z, Z_EXPECTED, P0 = Markup("<i>Z</i>"), Markup("<i>Z</i><sub>exp</sub>"), Markup("<i>p</i><sub>0</sub>")
GREEK = {
    r"\alpha": "α",
    r"\epsilon": "ε",
    r"\eta": "η",
    r"\mu": "μ",
    r"\phi": "φ",
    r"\sigma": "σ",
    r"\tau": "τ",
    r"\Delta": "Δ",
}


def in_symbols(quantity: str) -> str:
    """Return factors of a cross-section as people write them: of "sigma x B x A", σ × B × A."""
    return quantity.replace("sigma", "σ").replace(" x ", " × ").replace("eff", "ε")


class Selected(Protocol):
    """A record of one selection: of a run, a window, or limits."""

    @property
    def background_efficiency(self) -> float:
        """Share of the background template that passes; 1 for no cut."""


class Tested(Selected, Protocol):
    """A record of one selection whose excess was tested."""

    @property
    def n_obs(self) -> float | None:
        """Events observed in the signal region; None where they are blinded."""

    @property
    def n_exp(self) -> float:
        """Events expected there."""

    @property
    def n_exp_error(self) -> float:
        """The error of that."""

    @property
    def z(self) -> float | None:
        """Local significance."""

    @property
    def p0(self) -> float | None:
        """Local p-value."""

    @property
    def p0_error(self) -> float | None:
        """The error of that, where toys gave it."""


def selections(results: Results) -> tuple[CutResult, ...]:
    """Return the inclusive selection and the cuts."""
    return (results.inclusive, *results.cuts)


def largest(results: Results) -> CutResult | None:
    """Return the selection with the largest local significance of those that no failed verdict concerns.

    None where all are blinded, withheld or without a fit.
    """
    fitted = [cut for cut in results.trusted if cut.z is not None]
    return max(fitted, key=lambda cut: cut.z or 0.0, default=None)


def counted(results: Results) -> str:
    """Return of which selections a trials factor counts the looks: ``all 4 selections``."""
    everything = len(selections(results))
    if not results.failed:
        return f"all {everything} selections"
    return f"the {len(results.trusted)} of {everything} selections that passed their checks"


EXACT = 12  # digits of an efficiency, which was chosen: those that differ are two cuts


def cut_name(cut: Selected) -> str:
    """Return the name of a selection in a table: ``no cut``, or its background efficiency, ``1%``."""
    return "no cut" if cut.background_efficiency == 1 else numbers.percent(cut.background_efficiency, EXACT)


def behind(cut: Selected) -> str:
    """Return the name of a selection in a sentence."""
    if cut.background_efficiency == 1:
        return "without a cut"
    return f"behind the cut at a background efficiency of {numbers.percent(cut.background_efficiency, EXACT)}"


def seen(cut: Tested) -> str:
    """Return what a selection found: ``245 events observed, 152 ± 57 expected, Z = 7.0 σ``."""
    expected = numbers.measured(cut.n_exp, cut.n_exp_error)
    if cut.n_obs is None:
        return f"{expected} events expected; the data are blinded"
    found = f"{numbers.count(cut.n_obs)} events observed, {expected} expected"
    return found if cut.z is None else f"{found}, Z = {numbers.sigma(cut.z)}"


def readable(label: str) -> str:
    r"""Return an axis label in LaTeX as plain text: ``$\tau_{21}^{J_1}$`` is ``τ_21^J_1``."""
    for name, letter in GREEK.items():
        label = label.replace(name, letter)
    return re.sub(r"\\mathrm|\\hat|[${}\\]", "", label).strip()
