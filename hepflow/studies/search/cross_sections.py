"""The limits of a run as limits on a cross-section: which one, and how many events strength one stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hepflow.errors import InputError
from hepflow.importance import effective_size
from hepflow.parts import CrossSection
from hepflow.results import CutResult, Results
from hepflow.sample import Sample
from hepflow.stats import curve_at, read_curve
from hepflow.studies.analysis.fits import Fitted

PROCESS = "sigma x B"
ACCEPTED = "sigma x B x A"
VISIBLE = "sigma x B x A x eff"
MEANINGS = {
    PROCESS: "cross-section times branching ratio of the process that inputs.signal simulates, its scale included; "
    "what of it is read and passes a cut is measured in this run",
    ACCEPTED: "cross-section times branching ratio times acceptance, the share of all signal events that hepflow "
    "reads of the signal sample; what of these passes a cut is measured in this run",
    VISIBLE: "cross-section times branching ratio times acceptance times the efficiency of the cut (visible): "
    "without a signal sample nothing says what passes",
}


def theory_at(path: str | Path, mass: float) -> float:
    """Return the cross-section (fb) that a file has at a mass (GeV).

    Raises
    ------
    InputError
        If the file cannot be read, or does not reach to this mass.
    """
    masses, values = read_curve(path)
    found = float(curve_at((masses, values), mass))
    if np.isnan(found):
        raise InputError(
            f"{path}: no cross-section at {mass:g} GeV, it has {masses[0]:g} to {masses[-1]:g}; say with "
            "`cross_section.mass` where to read it"
        )
    return found


def in_femtobarn(
    results: Results, settings: Mapping[str, Any] | None, signal: Sample | None, fitted: Sequence[Fitted]
) -> Results:
    r"""Return the results with their limits as cross-sections.

    Strength one stands for `n` signal events before a cut on the score, or behind it where no signal sample tells
    what passes; then :math:`\sigma B A = \mu n / (L \epsilon)`.

    Parameters
    ----------
    results
        With limits on the strength.
    settings
        Luminosity, efficiency, theory and what else decides, as `Search` has them; None without a luminosity.
    signal
        The signal sample as it was read, weighted to strength one.
    fitted
        The selections, the inclusive one first.
    """
    if settings is None:
        return results
    predicted, luminosity, efficiency = (settings[key] for key in ("predicted", "luminosity", "efficiency"))
    quantity = VISIBLE if signal is None else ACCEPTED if predicted is None else PROCESS
    shares = [_selected(one, signal) for one in fitted]

    def converted(cut: CutResult, selected: tuple[float, float] | None) -> CutResult:
        if signal is None or selected is None:
            events = 1.0  # of a peak, or counted, behind the cut
        elif settings["resonance"]:
            events = 1.0 / selected[0] if selected[0] else np.nan
        else:
            events = float(signal.weight.sum())
        factor = (events / luminosity if predicted is None else predicted) / efficiency
        share, error = selected or (None, None)
        return replace(
            cut,
            cross_section_obs=_times(factor, cut.mu_up_obs),
            cross_section_exp=tuple(_times(factor, limit) for limit in cut.mu_up_exp),
            signal_selected=share,
            signal_selected_error=error,
        )

    inclusive, *cuts = (
        converted(cut, share) for cut, share in zip((results.inclusive, *results.cuts), shares, strict=True)
    )
    path, mass = settings["theory"], settings["mass"]
    told = CrossSection(
        quantity=quantity,
        meaning=MEANINGS[quantity],
        luminosity=luminosity,
        efficiency=efficiency,
        theory=None if path is None else theory_at(path, mass),
        theory_mass=None if path is None else mass,
        theory_file=settings["theory_file"],
    )
    return replace(results, inclusive=inclusive, cuts=tuple(cuts), cross_section=told)


def _selected(one: Fitted, signal: Sample | None) -> tuple[float, float] | None:
    """Return the share of the signal sample that passes a cut, with its error."""
    total = 0.0 if signal is None else float(signal.weight.sum())
    if signal is None or one.cut.signal is None or not total > 0:
        return None
    share = float(one.cut.signal.weight.sum()) / total
    return share, float(np.sqrt(max(share * (1 - share), 0.0) / effective_size(signal.weight)))


def _times(factor: float, limit: float | None) -> float | None:
    return None if limit is None or not np.isfinite(factor * limit) else factor * limit
