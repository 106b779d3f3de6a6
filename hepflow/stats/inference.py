"""Significance, signal strength and limits of one likelihood, by the calculator that its counts allow."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass

from hepflow.errors import FitError
from hepflow.stats.calculators import Calculator, choose
from hepflow.stats.fit import discovery
from hepflow.stats.limits import UpperLimit, upper_limit
from hepflow.stats.profile import Profile
from hepflow.stats.toy_limits import upper_limit_toys
from hepflow.stats.toys import p0_toys

log = logging.getLogger("hepflow.stats")


@dataclass(frozen=True)
class Inference:
    """What a likelihood says of a signal.

    Parameters
    ----------
    calculator, reason
        "asymptotic" or "toys", and why.
    limit
        Upper limits; None where none were asked for, or none exist.
    z, p0, p0_error
        Local significance and p-value, with its statistical error where it comes from toys; 0 and 0.5 for a deficit.
    mu_hat, mu_hat_error
        Best-fit signal strength and its error.
    problems
        What could not be computed, and why.
    """

    calculator: str
    reason: str
    limit: UpperLimit | None
    z: float | None = None
    p0: float | None = None
    p0_error: float | None = None
    mu_hat: float | None = None
    mu_hat_error: float | None = None
    problems: tuple[str, ...] = ()


def infer(
    profile: Profile,
    *,
    level: float = 0.95,
    calculator: Calculator = "auto",
    toys: int | None = None,
    seed: int = 0,
    limits: bool = True,
    blind: bool = False,
) -> Inference:
    """Test the background-only hypothesis, and set upper limits.

    Parameters
    ----------
    profile
        The likelihood and its data.
    level
        Confidence level of the limits.
    calculator
        "asymptotic", "toys", or "auto" to choose by the background events under the signal's shape.
    toys
        Their number, for each hypothesis; None for as many as each number needs.
    seed
        Of the toys.
    limits
        Whether to set limits at all.
    blind
        True for Asimov data, in which nothing is observed: expected limits alone.

    Raises
    ------
    ConfigError
        If calculator, level or toys make no sense.
    FitError
        If the fits to the data do not converge. Where only limits fail, `problems` says so.
    """
    name, reason = choose(calculator, profile)
    if calculator == "auto" and name == "toys":
        log.info("toys, as %s; until they are there: %s", reason, _asymptotic(profile, level, limits, blind))
    numbers: dict[str, float] = {}
    if not blind:
        found = discovery(profile)
        numbers = {"mu_hat": found.mu_hat, "mu_hat_error": found.mu_hat_error, "z": found.z, "p0": found.p0}
        if name == "toys":
            p_value = p0_toys(profile, seed=seed, **_number(toys))
            numbers |= {"z": p_value.z, "p0": p_value.p, "p0_error": p_value.error}
    limit: UpperLimit | None = None
    problems: list[str] = []
    if limits:
        try:
            if name == "toys":
                limit = upper_limit_toys(profile, level=level, seed=seed, **_number(toys)).limit
            else:
                limit = upper_limit(profile, level=level)
            problems += limit.problems
        except FitError as error:
            problems.append(f"upper limits: {error}")
    return Inference(name, reason, limit, problems=tuple(problems), **numbers)


def _asymptotic(profile: Profile, level: float, limits: bool, blind: bool) -> str:
    """Return in a few words what the asymptotic formulae say, which are there at once."""
    said = [] if blind else [f"Z = {discovery(profile).z:.2f}"]
    if limits:
        with suppress(FitError):
            found = upper_limit(profile, level=level)
            said.append(f"expected upper limit {found.expected[2]:.3g}")
            said += [] if blind else [f"observed {found.observed:.3g}"]
    return f"asymptotically {', '.join(said) or 'nothing'}"


def _number(toys: int | None) -> dict[str, int]:
    return {} if toys is None else {"toys": toys}
