"""Results of fits, limits and scans as text."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import TYPE_CHECKING

from hepflow.text import aligned, band, number, with_error

if TYPE_CHECKING:
    from hepflow.parts import CrossSection
    from hepflow.smooth import SmoothFit
    from hepflow.stats import BiasTest, BumpHunt, CLsScan, GlobalSignificance, Scan, UpperLimit


def hunt_text(hunt: BumpHunt) -> str:
    """Return the numbers of a bump hunt, and the F-test behind its background."""
    return "\n".join([str(hunt), *([] if hunt.smooth is None else ["", *f_test_lines(hunt.smooth)])])


def f_test_lines(fit: SmoothFit) -> list[str]:
    """Return the table of the orders that were tried, the one taken marked."""
    rows = [("shape parameters", "chi2/ndf", "p", "F-test p", "")]
    for test in fit.tests:
        taken = "<- taken" if test.n_shape == fit.n_shape else ""
        fitted = f"{test.chi2:.1f}/{test.ndf}"
        rows.append((str(test.n_shape), fitted, number(test.p_value), number(test.f_p_value), taken))
    return [
        f"{fit.function.name} function, {fit.function.formula}",
        *(line.rstrip() for line in aligned(rows)),
    ]


def limit_text(found: CLsScan, reason: str, unit: str, *, along_mu: bool) -> str:
    """Return upper limits, and CLs along the signal strength where that was asked for."""
    limit = found.limit
    errors = limit.errors or (None,) * 6
    median = with_error(limit.expected[2], errors[3])
    lines = [
        f"{100 * limit.level:g} % CLs upper limit on mu: {with_error(limit.observed, errors[0])} observed, {median} "
        "expected",
        f"expected at -2, -1, 0, 1, 2 sigma: {', '.join(map(number, limit.expected))}",
        f"{limit.calculator}: {reason}",
        f"mu = 1: {unit}",
    ]
    if along_mu:
        rows = [("mu", "CLs obs", *(f"exp {sigma:+d}" if sigma else "exp" for sigma in range(-2, 3)))]
        rows += [
            (number(float(mu)), *map(number, values))
            for mu, values in zip(found.mu, found.values, strict=True)
        ]
        lines += ["", *aligned(rows)]
    return "\n".join(lines)


def limits_text(limits: Sequence[tuple[str, CLsScan, str, str]]) -> str:
    """Return the upper limits of several selections as a table, and why toys were thrown where they were."""
    rows = [("selection", "mu_up obs", "mu_up exp (68 %)", "by")]
    for name, found, *_ in limits:
        limit = found.limit
        rows.append((name, number(limit.observed), band(limit.expected), limit.calculator))
    reasons = [
        f"{name}: mu = 1: {unit}; {found.limit.calculator}, {reason}" for name, found, reason, unit in limits
    ]
    return "\n".join([*aligned(rows), "", *reasons])


def cross_sections_text(limits: Sequence[tuple[str, UpperLimit, float | None]], told: CrossSection) -> str:
    """Return the limits of several selections as cross-sections, each by that which strength one stands for (fb)."""
    rows = [("selection", "observed", "expected (68 %)")]
    for name, limit, strength_one in limits:
        factor = nan if strength_one is None else strength_one
        rows.append((name, number(factor * limit.observed), band([factor * one for one in limit.expected])))
    besides = "" if told.efficiency == 1 else f", efficiency {told.efficiency:g}"
    lines = [f"limits on {told.quantity}, fb ({told.luminosity:g} fb^-1{besides}):", *aligned(rows)]
    if told.theory is not None:
        lines.append(f"theory: {told.theory:g} fb at {told.theory_mass:g} GeV ({told.theory_file})")
    return "\n".join(lines)


def scan_text(scan: Scan) -> str:
    """Return a scan as a table over masses, and its largest excess."""
    limited = scan.mu_up_obs is not None and scan.mu_up_exp is not None
    rows = [["mass", "Z", "p0", "mu_hat", *(["mu_up obs", "mu_up exp (68 %)"] if limited else []), "by"]]
    for i, mass in enumerate(scan.mass):
        row = [
            f"{mass:g}",
            number(scan.z[i], ".2f"),
            number(scan.p0[i], ".2g"),
            with_error(scan.mu_hat[i], scan.mu_hat_error[i]),
        ]
        if scan.mu_up_obs is not None and scan.mu_up_exp is not None:
            row += [number(scan.mu_up_obs[i]), band(scan.mu_up_exp[i])]
        rows.append([*row, scan.calculator[i]])
    lines = [*aligned(rows), "", f"mu = 1: {scan.unit}"]
    if limited:
        lines.append(f"mu_up: {100 * scan.level:g} % CLs upper limits on mu")
    return "\n".join([*lines, *excess_lines(scan)])


def excess_lines(scan: Scan) -> list[str]:
    """Return the largest excess of a scan, with its local and, where there is one, its global significance."""
    found = scan.global_significance
    if found is not None:
        return [f"largest excess at {found.mass:g} GeV: local Z = {found.z_local:.2f}", *_global(found)]
    fitted = [i for i, z in enumerate(scan.z) if z == z]
    if not fitted:
        return ["no mass could be fitted"]
    best = max(fitted, key=lambda i: float(scan.z[i]))
    return [
        f"largest excess at {scan.mass[best]:g} GeV: local Z = {scan.z[best]:.2f} (p0 = {scan.p0[best]:.2g})"
    ]


def _global(found: GlobalSignificance) -> list[str]:
    toys = len(found.max_z)
    by_toys = f"p < {found.p:.1g}, Z > {found.z:.2f}: none of {toys} toys has as much"
    if found.reached:
        by_toys = f"Z = {found.z:.2f}, p = {with_error(found.p, found.p_error)}, from {toys} toys"
    crossings = with_error(found.upcrossings, found.upcrossings_error)
    return [
        f"global: {by_toys}",
        f"global: Z = {found.z_upcrossings:.2f}, p = {found.p_upcrossings:.2g}, from {crossings} upcrossings of "
        f"0.5 sigma; trial factor {found.trials:.3g}",
    ]


def bias_text(bias: BiasTest) -> str:
    """Return what a bias test found, and what it does to the fits."""
    against = ", ".join(
        f"{name} ({order})" for name, order in zip(bias.functions, bias.shape_parameters, strict=True)
    )
    left_out = (
        f"; left out, as they do not describe the data: {', '.join(bias.left_out)}" if bias.left_out else ""
    )
    known = [size for size in bias.size if size == size]
    if not known:
        return (
            f"bias test against {against} (shape parameters): no spurious signal could be measured{left_out}"
        )
    return (
        f"bias test against {against} (shape parameters): spurious signal of mu = {min(known):.2g} to "
        f"{max(known):.2g} enters the fit of each mass as a nuisance parameter{left_out}"
    )
