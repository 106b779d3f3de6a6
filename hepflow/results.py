"""Results: what a run found, as frozen records that become ``results.json``. Figures draw from them alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator

from hepflow.answers import OtherAnswer, SmoothAnswer
from hepflow.engine.unblinding import Unblinding
from hepflow.parts import ClosureRecord, CrossSection, ScoreRecord, SmoothRecord, TrialsRecord
from hepflow.quantity import M_JJ, Quantity
from hepflow.records import Record
from hepflow.sample import SkippedFile
from hepflow.verdicts import Verdict

Numbers = tuple[float, ...]
Maybe = tuple[float | None, ...]  # None where there is no number to show
WITHHELD: dict[str, Any] = dict.fromkeys(  # of a selection that cannot be trusted
    ("pull", "z", "p0", "p0_error", "z_expected", "mu_hat", "mu_hat_error", "mu_up_obs", "cross_section_obs")
)
NO_LIMITS: Maybe = (None,) * 5


@dataclass(frozen=True)
class Histogram:
    """Counts in bins, for a figure.

    Parameters
    ----------
    edges
        Bin edges, length ``B + 1``.
    series
        Name (``data``, ``template``, ``signal``, ``background``) -> counts per bin, length `B`.
    label
        Axis label in LaTeX, with the unit.
    feature
        The name of what is shown; empty for a score, and in records of before.
    where
        The events that it shows: ``sidebands`` or ``signal region``.
    template_error
        Statistical error of the template per bin, length `B`; empty in records of before.
    chi2, ndf, p_value
        Whether the template agrees with what it stands for (`hepflow.selection.feature_closure`); None in records of
        before, and where that is not compared.
    """

    edges: Numbers
    series: Mapping[str, Numbers]
    label: str
    where: str
    template_error: Numbers = ()
    chi2: float | None = None
    ndf: int | None = None
    p_value: float | None = None
    feature: str = ""


@dataclass(frozen=True)
class SpectrumRecord:
    """The spectrum of a cut: bins in GeV, events per bin.

    Parameters
    ----------
    edges
        Bin edges, length ``B + 1``.
    observed, expected, expected_error
        Data (None where they are blinded), expected background and its full error per bin, length `B`; what the
        sidebands say of the template is included.
    signal
        Signal at strength one; None where no signal sample was given.
    resonance
        What the resonant variable is called; m_jj in records of before.
    """

    edges: Numbers
    observed: Maybe
    expected: Numbers
    expected_error: Numbers
    signal: Numbers | None = None
    resonance: Quantity = M_JJ


@dataclass(frozen=True)
class CutResult:
    """Everything known of one cut; `background_efficiency` 1 is the inclusive selection.

    Parameters
    ----------
    background_efficiency, threshold
        Share of the template that passes, and the classifier's log-ratio there.
    n_obs, n_exp, n_exp_error, pull
        Events in the signal region, expected background with its full error, and the excess over both errors.
    z, p0
        Local significance and p-value (asymptotic q0).
    z_expected
        Median significance of a signal of strength one; None without a signal or a background to expect.
    mu_hat, mu_hat_error, mu_up_obs, mu_up_exp
        Signal strength, and its 95 % CLs limits: observed, and expected at -2 to 2 sigma. None where none of the
        signal sample passes the cut.
    p0_error
        Statistical error of p0, where toys gave it.
    calculator, calculator_reason
        "asymptotic" or "toys", and why.
    problems
        What could not be computed, and why.
    sideband_factor, sideband_factor_error
        Data over template behind this cut in the sidebands, and its statistical error; None for the inclusive one.
    non_closure, non_closure_error
        Relative difference of data and expectation behind this cut in the validation bands, and its statistical
        error; None for the inclusive one, and without bands.
    non_closure_simulation, non_closure_simulation_error
        The same in simulation; None for the inclusive one, and without simulation.
    correction, correction_error
        What the template's expectation was raised by for this non-closure, relative to itself, and the error of that,
        which is part of `n_exp_error`; None for the inclusive one.
    sculpting_p
        p-value that the cut left the shape of the spectrum in the sidebands as the template says; None for the
        inclusive one.
    spectrum
        The spectrum behind the figures.
    signal_efficiency, true_background_efficiency, sic
        Of the signal region, where truth labels exist; ``sic = eps_S / sqrt(eps_B)``.
    blind
        True where no data of the signal region were looked at: `n_obs`, `pull`, `z`, `p0`, `mu_hat` and its error,
        `mu_up_obs` and all that truth labels know are None.
    cross_section_obs, cross_section_exp
        The limits on the strength as limits on the cross-section that `Results.cross_section` tells, fb; None without
        a luminosity, and where there is no limit.
    signal_selected, signal_selected_error
        Share of the signal sample, as it was read, that passes the cut at any m_jj, and its statistical error; None
        without a sample.
    background, other, smooth
        Which background these numbers come from, "template" or "dijet"; what the other one says; the smooth function
        behind the cut, and whether it may be used. None in records of before, the last two for the inclusive one.
    """

    background_efficiency: float
    threshold: float | None
    n_obs: float | None
    n_exp: float
    n_exp_error: float
    pull: float | None
    z: float | None
    p0: float | None
    mu_hat: float | None
    mu_hat_error: float | None
    mu_up_obs: float | None
    mu_up_exp: Maybe
    spectrum: SpectrumRecord
    p0_error: float | None = None
    calculator: str = "asymptotic"
    calculator_reason: str = ""
    problems: tuple[str, ...] = ()
    sideband_factor: float | None = None
    sideband_factor_error: float | None = None
    non_closure: float | None = None
    non_closure_error: float | None = None
    non_closure_simulation: float | None = None
    non_closure_simulation_error: float | None = None
    correction: float | None = None
    correction_error: float | None = None
    sculpting_p: float | None = None
    signal_efficiency: float | None = None
    true_background_efficiency: float | None = None
    sic: float | None = None
    z_expected: float | None = None
    blind: bool = False
    cross_section_obs: float | None = None
    cross_section_exp: Maybe = NO_LIMITS
    signal_selected: float | None = None
    signal_selected_error: float | None = None
    background: str | None = None
    other: OtherAnswer | None = None
    smooth: SmoothAnswer | None = None

    @property
    def femtobarn(self) -> float | None:
        """The cross-section of strength one, fb; None without a luminosity, and where there is no limit."""
        limits = (
            (self.cross_section_obs, self.mu_up_obs),
            *zip(self.cross_section_exp, self.mu_up_exp, strict=True),
        )
        return next((one / mu for one, mu in limits if one is not None and mu), None)

    @property
    def name(self) -> str:
        """Name of the selection in files: ``inclusive`` or ``eps`` with the background efficiency."""
        return cut_name(self.background_efficiency)


def cut_name(background_efficiency: float) -> str:
    """Return the name of a selection in files; an efficiency of one is the inclusive one's."""
    return "inclusive" if background_efficiency == 1 else f"eps{float(background_efficiency)!r}"


@dataclass(frozen=True)
class TruthCurve:
    """The classifier judged by truth labels in the signal region.

    Parameters
    ----------
    background_efficiency, signal_efficiency
        Points of the ROC curve, from loose to tight.
    auc
        Area under it.
    minimum_background_efficiency
        Below this (25 over the number of background events) the curve is statistical noise.
    """

    background_efficiency: Numbers
    signal_efficiency: Numbers
    auc: float
    minimum_background_efficiency: float


def _windows(regions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse regions that are no pairs of a lower and an upper end."""
    try:
        ends = [end for low, high in (regions["signal"], *regions["sidebands"]) for end in (low, high)]
    except (KeyError, TypeError, ValueError):
        ends = [None]
    if not all(isinstance(end, int | float) for end in ends):
        raise ValueError("expected `signal` [low, high] and `sidebands` [[low, high], ...]")
    return regions


def _rows(content: Any) -> tuple[tuple[Any, Any], ...]:
    """Return the rows of a cutflow, which have their names in the file."""
    if not isinstance(content, list) or not all(
        isinstance(row, dict) and {"cut", "events"} <= row.keys() for row in content
    ):
        raise ValueError("expected rows such as {cut: ..., events: ...}")
    return tuple((row["cut"], row["events"]) for row in content)


@dataclass(frozen=True)
class Results(Record):
    """The results of a run, schema ``hepflow-results-1``.

    Parameters
    ----------
    name, seed, method, versions, config_hash
        Which run this is.
    cutflow
        ``(cause, events)`` of the data that were read.
    regions
        ``signal`` and ``sidebands`` in GeV.
    counts
        Events by name, such as ``data_signal_region``.
    closure
        Whether a classifier tells the template from data.
    inclusive, cuts
        Before the classifier, and behind each of its cuts.
    features, scores
        Histograms for the closure figures and the classifier's score.
    losses
        Training and validation loss per epoch of each flow.
    truth
        The ROC curve, where truth labels exist.
    signal_unit
        What ``mu = 1`` stands for.
    cross_section
        What cross-section there are limits on; None without a luminosity.
    smooth
        The sideband fit: orders tried, chi2, p-values.
    timing
        Seconds per stage.
    trials
        The largest excess of the selections that passed all verdicts (of all, where none did), with the trials of
        looking behind each; None where cuts are blinded.
    unblinded
        Each time that the data of this run were unblinded, as its ``provenance.json`` has it.
    skipped_files
        Damaged files of data and signal that were left out, each with the cause.
    verdicts
        Whether what the numbers rest on can be trusted; none in records of before.
    resonance
        What the resonant variable is called: name, label, unit; m_jj in records of before.
    score
        What the score is, and how it moves with the resonant variable; None in records of before.
    """

    schema: ClassVar[str] = "hepflow-results-1"
    remedy: ClassVar[str] = "`hepflow run` with the same configuration writes it anew"

    name: str
    seed: int
    method: str
    versions: Mapping[str, str]
    config_hash: str
    cutflow: Annotated[tuple[tuple[str, int], ...], BeforeValidator(_rows)]
    regions: Annotated[Mapping[str, Any], AfterValidator(_windows)]
    counts: Mapping[str, float]
    closure: ClosureRecord
    inclusive: CutResult
    cuts: tuple[CutResult, ...]
    features: tuple[Histogram, ...]
    scores: Histogram
    losses: tuple[Mapping[str, Numbers], ...]
    truth: TruthCurve | None
    signal_unit: str
    smooth: SmoothRecord
    timing: Mapping[str, float]
    warnings: tuple[str, ...] = ()
    trials: TrialsRecord | None = None
    unblinded: tuple[Unblinding, ...] = ()
    skipped_files: tuple[SkippedFile, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    cross_section: CrossSection | None = None
    resonance: Quantity = M_JJ
    score: ScoreRecord | None = None

    @property
    def blind(self) -> bool:
        """Whether the data of the signal region behind some cut were not looked at."""
        return any(cut.blind for cut in (self.inclusive, *self.cuts))

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The verdicts that did not pass."""
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)

    @property
    def withheld(self) -> bool:
        """Whether no test of any selection can be trusted, as what all rest on failed."""
        return bool(self.doubts(self.inclusive))

    def doubts(self, cut: CutResult) -> tuple[Verdict, ...]:
        """Return the failed verdicts that concern a selection."""
        return tuple(verdict for verdict in self.failed if verdict.concerns(cut.background_efficiency))

    @property
    def trusted(self) -> tuple[CutResult, ...]:
        """The selections that no failed verdict concerns."""
        return tuple(cut for cut in (self.inclusive, *self.cuts) if not self.doubts(cut))

    def shown(self) -> Results:
        """Return the results as people are to see them: without significances, strengths and limits if withheld."""
        if not self.withheld:
            return self
        inclusive, *cuts = (
            replace(cut, **WITHHELD, mu_up_exp=(None,) * len(cut.mu_up_exp), cross_section_exp=NO_LIMITS)
            for cut in (self.inclusive, *self.cuts)
        )
        return replace(self, inclusive=inclusive, cuts=tuple(cuts), trials=None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries and lists, in the layout of ``results.json``."""
        cutflow = [{"cut": cut, "events": events} for cut, events in self.cutflow]
        return {**super().to_dict(), "cutflow": cutflow}
