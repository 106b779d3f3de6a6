"""The steps of a search in many windows: what was found in each, and the record that is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hepflow.engine.job import Job, published, stored
from hepflow.engine.unblinding import Unblinding
from hepflow.parts import CrossSection
from hepflow.records import read_record, write_json
from hepflow.results import cut_name
from hepflow.stats import curve_at, read_curve, trials_of_cuts, trials_of_windows
from hepflow.stats.trials import TOYS
from hepflow.studies.analysis.fits import Fitted
from hepflow.studies.analysis.verdicts import of_fit
from hepflow.studies.windows.record import Excess, WindowCut, WindowResult, WindowScan
from hepflow.version import versions

FILE = "window.json"
VISIBLE = "sigma x B x A x eff"
MEANING = (
    "cross-section times branching ratio times acceptance times the efficiency of the cut (visible), of a Gaussian "
    "peak in the middle of the window: a signal sample is of one mass, and nothing says what passes elsewhere"
)


@stored(
    lambda folder, found: write_json(folder / FILE, found),
    lambda _, folder: read_record(folder / FILE, WindowResult),
)
def window(job: Job) -> WindowResult:
    """Return what was found in one window, and what could not be."""
    settings = job.settings
    found: list[Fitted] = []
    cuts: list[WindowCut] = []
    problems: dict[str, None] = {}  # a failure that all cuts share is told once
    for fit in settings["fits"]:
        reason = job.failure(fit)
        if reason is not None:
            problems[reason] = None
            continue
        found.append(job[fit])
        cut, one = job[fit].cut, job[fit].hunt
        problems |= dict.fromkeys(f"{cut_name(cut.background_efficiency)}: {told}" for told in one.problems)
        cuts.append(
            WindowCut(
                cut.background_efficiency,
                one.n_exp,
                one.n_exp_error,
                n_obs=one.n_obs,
                z=one.z,
                p0=one.p0,
                p0_error=one.p0_error,
                calculator=one.calculator,
                **_limits(settings["exposure"], one.mu_up_obs, one.mu_up_exp),
            )
        )
    verdicts = tuple(verdict for one in found for verdict in of_fit(one))
    doubts = [verdict for verdict in verdicts if not verdict.passed]
    hunts = [
        one.hunt
        for one in found
        if not any(verdict.concerns(one.cut.background_efficiency) for verdict in doubts)
    ]
    factor, extrapolated = None, False
    if hunts and not settings["blind"]:
        trials = trials_of_cuts(hunts, toys=settings["toys"] or TOYS, seed=settings["seed"])
        factor, extrapolated = trials.factor, trials.extrapolated
    signal, sidebands = settings["regions"]["signal"], settings["regions"]["sidebands"]
    return WindowResult(
        tuple(signal),
        tuple(tuple(band) for band in sidebands),
        tuple(cuts),
        factor,
        tuple(problems),
        extrapolated,
        verdicts,
    )


def _limits(
    exposure: float | None, observed: float | None, expected: Sequence[float | None]
) -> dict[str, Any]:
    """Return limits in events behind a cut as cross-sections; nothing without luminosity times efficiency."""
    if exposure is None:
        return {}
    return {
        "cross_section_obs": None if observed is None else observed / exposure,
        "cross_section_exp": tuple(None if one is None else one / exposure for one in expected),
    }


@published
def scan(job: Job) -> list[Path]:
    """Write ``scan.json``."""
    settings, path = job.settings, job.out / "scan.json"
    windows = []
    for (low, high), beside in settings["windows"]:
        if isinstance(beside, str):
            windows.append(WindowResult((low, high), (), problems=(beside,)))
            continue
        result = f"windows/{low:g}-{high:g}/result"
        reason = job.failure(result)
        if reason is None:
            windows.append(job[result])
        else:
            sidebands = tuple(tuple(band) for band in beside)
            windows.append(WindowResult((low, high), sidebands, problems=(reason,)))
    told = settings["cross_section"]
    if told is not None and told["theory"] is not None:
        windows = _with_theory(windows, told["theory"])
    WindowScan(
        name=settings["name"],
        method=settings["method"],
        seed=settings["seed"],
        config_hash=settings["config_hash"],
        versions=versions(),
        windows=tuple(windows),
        excess=None if settings["blind"] else largest(windows),
        blind=settings["blind"],
        unblinded=tuple(Unblinding(**one) for one in settings["unblinded"]),
        resonance=job["features"][0].resonance,
        cross_section=None if told is None else _section(told),
    ).write(path)
    return [path]


def _with_theory(windows: Sequence[WindowResult], path: str) -> list[WindowResult]:
    """Return windows with the cross-section of a theory in the middle of each, as far as its file reaches."""
    found = curve_at(read_curve(path), [one.middle for one in windows])
    return [
        replace(one, theory=None if np.isnan(value) else float(value))
        for one, value in zip(windows, found, strict=True)
    ]


def _section(told: Mapping[str, Any]) -> CrossSection:
    return CrossSection(
        VISIBLE, MEANING, told["luminosity"], told["efficiency"], theory_file=told["theory_file"]
    )


def largest(windows: Sequence[WindowResult]) -> Excess | None:
    """Return the window with the smallest p-value, and what it is worth among all."""
    tested = [(one, one.best, one.p) for one in windows]
    known = [(one, best, p) for one, best, p in tested if best is not None and p is not None]
    if not known:
        return None
    trials = trials_of_windows([one.signal for one, _, _ in known], np.array([p for _, _, p in known]))
    window, best, p = known[trials.largest]
    if best.z is None or best.p0 is None:
        return None
    return Excess(
        signal=window.signal,
        background_efficiency=best.background_efficiency,
        z=best.z,
        p0=best.p0,
        p_window=p,
        windows=trials.windows,
        disjoint=trials.disjoint,
        p_global=trials.p,
        z_global=trials.z,
        p_least=trials.p_least,
        z_least=trials.z_least,
        extrapolated=window.extrapolated,
    )
