"""Verdicts on generated showers, each a pure function of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hepflow.studies.showers.record import MeanEnergy, ShowerJudgementRecord, ToldShowers
from hepflow.text import with_error
from hepflow.verdicts import ERRORS, Verdict

MOST_AUC = 0.95  # beyond, nearly every shower is told, and other numbers mean little
MOST_OFF = 0.05  # of a mean energy from that of real showers


def judged(judgement: ShowerJudgementRecord, means: Sequence[MeanEnergy]) -> Iterator[Verdict]:
    """Yield the verdicts on the networks of each level, and on mean energies."""
    for told in judgement.told:
        yield network(told)
    yield energy(means)


def network(told: ToldShowers) -> Verdict:
    """Judge whether a network tells nearly every shower."""
    passed = told.auc - MOST_AUC <= ERRORS * told.auc_error
    advice = ": train longer (model.epochs), with wider flows (model.hidden), or on more showers"
    return Verdict(
        f"{told.level}-level network",
        told.auc,
        told.auc_error,
        MOST_AUC,
        f"at most {MOST_AUC:g}",
        passed,
        f"a {told.level}-level network tells generated from real showers with an AUC of "
        f"{with_error(told.auc, told.auc_error)}; expected at most {MOST_AUC:g}{'' if passed else advice}",
    )


def energy(means: Sequence[MeanEnergy]) -> Verdict:
    """Judge the mean energy that is farthest off, of all voxels and of those of each layer."""
    worst = max(means, key=lambda one: abs(one.ratio - 1) - ERRORS * one.error)
    passed = abs(worst.ratio - 1) - MOST_OFF <= ERRORS * worst.error
    advice = ": look at the figure of energies; train longer (model.epochs), or on more showers"
    return Verdict(
        "mean energy",
        worst.ratio,
        worst.error,
        MOST_OFF,
        f"1 within {MOST_OFF:g}",
        passed,
        f"generated showers have {with_error(worst.ratio, worst.error)} times the mean energy of real ones in "
        f"{worst.where}, the farthest; expected 1 within {MOST_OFF:g}{'' if passed else advice}",
    )
