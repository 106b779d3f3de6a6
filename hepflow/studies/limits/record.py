"""Limits for which the analysis was trained again with signal in the data, which become ``limits.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from hepflow.quantity import M_JJ, Quantity
from hepflow.records import Record
from hepflow.verdicts import Verdict

Numbers = tuple[float, ...]
Maybe = tuple[float | None, ...]  # None where there is no limit


@dataclass(frozen=True)
class EfficiencyPoint:
    """Signal efficiency of a cut with one number of injected events.

    Parameters
    ----------
    injected
        Signal events in the data, beside those that may be there of themselves.
    value, error
        Mean over the trainings, and its error.
    trainings
        How many there were.
    """

    injected: int
    value: float
    error: float
    trainings: int


@dataclass(frozen=True)
class CutLimits:
    """Limits behind one cut. All numbers of signal events are before any selection, of the whole signal sample.

    Parameters
    ----------
    background_efficiency
        Share of the background template that passes; 1 for no cut.
    points
        What was measured, from no injected event up.
    injected, efficiency, efficiency_low, efficiency_high
        The curve through these, for figures, with its band of one standard deviation, length `N`.
    passing_observed, passing_expected
        Upper limit on signal events in the signal region behind the cut, observed, and expected without signal at -2,
        -1, 0, 1, 2 sigma; None where none was found, or the data are blinded.
    observed, expected
        Upper limit on signal events, with the efficiency that the cut has when they are there; None where there is no
        such limit.
    observed_band
        The observed limit with the efficiency one standard deviation up and down.
    fixed_observed, fixed_expected
        The same with the efficiency of the data as they are: too large where that rises with the signal.
    problems
        What could not be computed, and why.
    """

    background_efficiency: float
    points: tuple[EfficiencyPoint, ...]
    injected: Numbers
    efficiency: Numbers
    efficiency_low: Numbers
    efficiency_high: Numbers
    passing_observed: float | None
    passing_expected: Maybe
    observed: float | None
    expected: Maybe
    observed_band: Maybe
    fixed_observed: float | None
    fixed_expected: Maybe
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class RetrainedLimits(Record):
    """Limits of a search that learns from data, schema ``hepflow-retrained-limits-1``.

    Parameters
    ----------
    name, method, seed, config_hash, versions
        Which search this is.
    signal
        Signal region, GeV.
    nominal
        Signal events at strength one: a limit over these is one on the signal strength.
    level
        Confidence level (CLs).
    cuts
        From loose to tight, first the one of everything.
    blind
        Whether data of the signal region were hidden behind the cuts: expected limits alone.
    problems
        Trainings that failed, and why.
    verdicts
        Whether what the fits of the data rest on can be trusted.
    resonance
        What the resonant variable is called; m_jj in records of before.
    """

    schema: ClassVar[str] = "hepflow-retrained-limits-1"
    remedy: ClassVar[str] = "`hepflow limit CONFIG --retrain` writes it anew"

    name: str
    method: str
    seed: int
    config_hash: str
    versions: Mapping[str, str]
    signal: tuple[float, float]
    nominal: float
    level: float
    cuts: tuple[CutLimits, ...]
    blind: bool = False
    problems: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    resonance: Quantity = M_JJ

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The verdicts that did not pass."""
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)

    def doubts(self, cut: CutLimits) -> bool:
        """Return whether a failed verdict concerns a cut."""
        return any(verdict.concerns(cut.background_efficiency) for verdict in self.failed)
