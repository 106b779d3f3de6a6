"""The limits behind one cut, from its fit and its signal efficiency at several injections."""

from __future__ import annotations

import numpy as np

from hepflow.stats import BumpHunt, EfficiencyCurve
from hepflow.studies.limits.record import CutLimits, EfficiencyPoint

CURVE = 200  # points of a curve in the record, for figures


def cut_limits(
    background_efficiency: float, points: tuple[EfficiencyPoint, ...], found: BumpHunt
) -> CutLimits:
    """Return the limits behind one cut.

    Parameters
    ----------
    background_efficiency
        Of the cut.
    points
        Its signal efficiency with injections from zero up.
    found
        The fit of the data as they are.
    """
    columns = ([getattr(one, name) for one in points] for name in ("injected", "value", "error"))
    curve = EfficiencyCurve.of(*columns)
    unit = _unit(found)
    observed = np.nan if found.mu_up_obs is None else found.mu_up_obs
    passing = unit * np.array([observed, *found.mu_up_exp])
    solved = [curve.solve(events) for events in passing]
    beyond = [
        np.isfinite(events) and not np.isfinite(limit[0])
        for events, limit in zip(passing, solved, strict=True)
    ]
    problems = [*found.problems]
    if any(beyond):
        problems.append(
            f"with {points[-1].injected} signal events in the data, {curve.reach:.3g} pass the cut, fewer than the "
            f"{passing[beyond].max():.3g} that a limit needs: add larger `limit.injections`"
        )
    x = np.linspace(0, points[-1].injected, CURVE)
    efficiency, low, high = curve.at(x)
    fixed = passing / curve.value[0] if curve.value[0] > 0 else np.full(len(passing), np.nan)
    return CutLimits(
        background_efficiency=background_efficiency,
        points=points,
        injected=tuple(x.tolist()),
        efficiency=tuple(efficiency.tolist()),
        efficiency_low=tuple(low.tolist()),
        efficiency_high=tuple(high.tolist()),
        passing_observed=_known(passing[0]),
        passing_expected=tuple(_known(one) for one in passing[1:]),
        observed=_known(solved[0][0]),
        expected=tuple(_known(limit[0]) for limit in solved[1:]),
        observed_band=tuple(_known(limit) for limit in solved[0][1:]),
        fixed_observed=_known(fixed[0]),
        fixed_expected=tuple(_known(one) for one in fixed[1:]),
        problems=tuple(problems),
    )


def _unit(found: BumpHunt) -> float:
    """Return the signal events in the signal region at strength one, in the fit."""
    if found.signal is None or found.spectrum is None:
        return float("nan")
    return float(found.signal.counts[found.spectrum.in_signal].sum())


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
