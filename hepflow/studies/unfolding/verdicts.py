"""Verdicts on an unfolding, each a pure function of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt

from hepflow.studies.unfolding.record import Beside, CoverageRecord, Line, ObservableRecord, Weights
from hepflow.text import number, with_error
from hepflow.verdicts import ERRORS, LEAST_P, Verdict

LEAST_SHARE = 0.05  # of what the simulation was worth
MOST_OUTSIDE = 0.01  # of the data, where nothing is simulated
MOST_COVERAGE = 0.02  # that intervals of a posterior may be off by


def judged(
    observables: Sequence[ObservableRecord],
    weights: Weights | None,
    coverage: CoverageRecord | None,
    *,
    replicas: int,
    stops: bool,
) -> Iterator[Verdict]:
    """Yield the verdicts.

    Parameters
    ----------
    observables, weights, coverage
        What was found.
    replicas
        Of which covariances are known.
    stops
        Whether the iteration is chosen by what changes.
    """
    for one in observables:
        name = one.quantity.name
        if one.closure is not None:
            yield agrees(
                f"closure of {name}",
                one.closure,
                f"one half of the simulation, unfolded by the other, is not what was generated in {name}",
                "take more events, wider bins or more iterations",
            )
        if one.seen is not None and one.seen.refolded is not None:
            yield agrees(
                f"refolding of {name}",
                one.seen.refolded,
                f"the weighted simulation is not the data at detector level in {name}",
                "take more iterations, more columns, or a ratio that follows finer structures",
            )
        for line in one.lines:
            yield bottom_line(name, line, replicas)
    if weights is not None:
        yield effective_size(weights)
        yield outside(weights.outside)
        if stops and len(weights.steps) > 1:
            yield settles(weights)
    if coverage is not None:
        yield covers(coverage)


def agrees(check: str, found: Beside, wrong: str, advice: str) -> Verdict:
    """Judge a chi2 by its p-value."""
    p = found.p_value
    passed = p is not None and p >= LEAST_P
    told = (
        "no chi2: the covariance has no inverse"
        if p is None
        else f"chi2 {number(found.chi2)} / {found.bins}, p {number(p)}"
    )
    return Verdict(
        check,
        0.0 if p is None else p,
        None,
        LEAST_P,
        f"at least {LEAST_P:g}",
        passed,
        f"{check}: {told}; expected a p-value of at least {LEAST_P:g}{'' if passed else f': {wrong}; {advice}'}",
    )


def bottom_line(name: str, line: Line, replicas: int) -> Verdict:
    """Judge whether unfolding tells a model from the simulation better than data do.

    A variance of few replicas has an error of its own, of which chi2 has as much.
    """
    error = line.after * sqrt(2 / (replicas - 1))
    passed = line.after - line.before <= ERRORS * error
    advice = ": errors are too small; take fewer iterations, more replicas, or wider bins"
    check = f"bottom line of {name}, {line.model}"
    return Verdict(
        check,
        line.after,
        error,
        line.before,
        f"at most {number(line.before)}",
        passed,
        f"{check}: chi2 {with_error(line.after, error)} in {line.bins[1]} bins after unfolding ({replicas} "
        f"replicas), {number(line.before)} in {line.bins[0]} bins before; expected no more{'' if passed else advice}",
    )


def effective_size(found: Weights) -> Verdict:
    """Judge what the weighted events are still worth."""
    passed = found.share >= LEAST_SHARE
    advice = ": a few events stand for many; simulate something nearer to the data"
    return Verdict(
        "effective size",
        found.share,
        None,
        LEAST_SHARE,
        f"at least {LEAST_SHARE:g}",
        passed,
        f"the weighted events are worth {found.effective_size:,.0f} of equal weight, {100 * found.share:.3g} % of "
        f"what they were; expected at least {100 * LEAST_SHARE:g} %{'' if passed else advice}",
    )


def outside(share: float) -> Verdict:
    """Judge how much of the data lies where nothing is simulated."""
    passed = share <= MOST_OUTSIDE
    advice = ": what generated it is not known; are unit and selection the same?"
    return Verdict(
        "outside",
        share,
        None,
        MOST_OUTSIDE,
        f"at most {MOST_OUTSIDE:g}",
        passed,
        f"{100 * share:.3g} % of the data lies where nothing is simulated; expected at most "
        f"{100 * MOST_OUTSIDE:g} %{'' if passed else advice}",
    )


def settles(found: Weights) -> Verdict:
    """Judge whether iterations came to an end."""
    last = found.steps[found.chosen - 1]
    spread = last.spread or float("nan")
    advice = ": take more (method.iterations), or a simulation nearer to the data"
    return Verdict(
        "iterations",
        last.change / spread,
        None,
        0.5,
        "at most 0.5",
        found.settled,
        f"iteration {found.chosen} of {len(found.steps)} changes distributions by {number(last.change / spread)} of "
        f"their errors; expected at most 0.5{'' if found.settled else advice}",
    )


def covers(found: CoverageRecord) -> Verdict:
    """Judge how often intervals of posteriors hold the truth."""
    error = sqrt(0.25 / found.events)
    off = found.largest_error
    passed = off - MOST_COVERAGE <= ERRORS * error
    advice = ": train longer (method.epochs), on more events, or with a larger flow"
    return Verdict(
        "coverage",
        off,
        error,
        MOST_COVERAGE,
        f"at most {MOST_COVERAGE:g}",
        passed,
        f"intervals of posteriors hold the truth up to {number(off)} too often or too rarely (with halved errors, "
        f"which must fail, {number(found.largest_of_control)}); expected at most {MOST_COVERAGE:g}"
        f"{'' if passed else advice}",
    )
