"""Searches made of many analyses: a scan of windows, and limits with retraining."""

from dataclasses import replace

import numpy as np
from scipy.stats import norm

from hepflow.studies.limits.record import CutLimits, EfficiencyPoint, RetrainedLimits
from hepflow.studies.windows.record import Excess, WindowCut, WindowResult, WindowScan

BAND = np.array([0.5, 0.7, 1.0, 1.4, 1.9])


def window(low, z):
    """Return a window with three cuts, the tightest of this significance."""
    found = zip((1.0, 0.1, 0.01), (99.0, 111.0, 143.0), (0.5, 0.7 * z, z), strict=True)
    cuts = [
        WindowCut(eps, 90.0, 9.0, n_obs, one, float(norm.sf(one)), None, "asymptotic")
        for eps, n_obs, one in found
    ]
    return WindowResult(
        (low, low + 300.0), ((low - 600.0, low), (low + 300.0, low + 900.0)), tuple(cuts), 2.0
    )


def scan():
    """Return seven windows, an excess in the fourth, and one that could not be searched."""
    z = (0.2, 1.1, 2.0, 4.4, 2.2, 0.3)
    windows = tuple(window(2800.0 + 150 * i, one) for i, one in enumerate(z))
    excess = Excess((3250.0, 3550.0), 0.01, 4.4, 5e-6, 1e-5, 6, 3, 6e-5, 3.8, 3e-5, 4.0)
    failed = WindowResult((3700.0, 4000.0), (), problems=("no room",))
    return WindowScan("lhco", "cathode", 1, "abc", {"hepflow": "0.1.0"}, (*windows, failed), excess)


def blinded_scan(scan):
    """Return a scan with the data hidden behind the cuts."""
    unseen = dict.fromkeys(("n_obs", "z", "p0"))
    windows = tuple(
        replace(one, factor=None, cuts=(*one.cuts[:1], *(replace(cut, **unseen) for cut in one.cuts[1:])))
        for one in scan.windows
    )
    return replace(scan, windows=windows, excess=None, blind=True)


def cut_limits(background_efficiency, efficiency, passing):
    """Return the limits of a cut with these efficiencies from no injected event to 600."""
    x = np.linspace(0, 600, 7)
    limit = passing * BAND / efficiency[-1]
    return CutLimits(
        background_efficiency,
        tuple(EfficiencyPoint(int(n), one, 0.02, 3) for n, one in zip(x, efficiency, strict=True)),
        tuple(x),
        tuple(efficiency),
        tuple(efficiency - 0.02),
        tuple(efficiency + 0.02),
        passing,
        tuple(passing * BAND),
        limit[2],
        tuple(one if one <= 600 else None for one in limit),
        (0.9 * limit[2], None),
        passing / efficiency[0],
        tuple(passing * BAND / efficiency[0]),
    )


def limits():
    """Return two cuts: the loose one has a limit, that of the other is beyond the largest injection at two sigma."""
    cuts = (
        cut_limits(1.0, np.full(7, 0.95), 500.0),
        cut_limits(0.01, 0.3 + np.linspace(0, 600, 7) / 2000, 120.0),
    )
    return RetrainedLimits(
        "lhco", "cathode", 1, "abc", {"hepflow": "0.1.0"}, (3300.0, 3700.0), 1000.0, 0.95, cuts
    )


def blinded_limits(limits):
    """Return limits with the data hidden behind the tighter of two cuts."""
    loose, tight = limits.cuts
    unseen = dict.fromkeys(("passing_observed", "observed", "fixed_observed"))
    return replace(limits, blind=True, cuts=(loose, replace(tight, observed_band=(None, None), **unseen)))


def unset_limits(limits):
    """Return limits of which no fit gave one."""
    none = dict.fromkeys(("passing_expected", "expected", "fixed_expected"), (None,) * 5)
    none |= dict.fromkeys(("passing_observed", "observed", "fixed_observed")) | {
        "observed_band": (None, None)
    }
    return replace(limits, cuts=tuple(replace(cut, **none) for cut in limits.cuts))
