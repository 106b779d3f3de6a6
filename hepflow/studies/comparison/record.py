"""Several methods on the same data sets, and how far they agree, which becomes ``comparison.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hepflow.quantity import M_JJ, Quantity
from hepflow.records import Record
from hepflow.verdicts import Verdict

if TYPE_CHECKING:
    from hepflow.sample import FloatArray
    from hepflow.selection.agreement import Agreement
    from hepflow.studies.comparison.summary import Summary

Numbers = tuple[float, ...]
Rows = tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Estimate:
    """A measured value and its error of one standard deviation; None where nothing tells it."""

    value: float
    error: float | None = None

    @classmethod
    def of(cls, measured: tuple[float, float] | None) -> Estimate | None:
        """Return a value with its error as an estimate, and None as it is."""
        return None if measured is None else cls(*measured)


@dataclass(frozen=True)
class MethodCut:
    """One cut of one method.

    Parameters
    ----------
    background_efficiency
        Share of the method's template that passes.
    n_obs, n_exp, n_exp_error, pull
        Events in the signal region, expected background with its full error, and the excess over both errors.
    z, p0
        Local significance and p-value.
    sic
        Significance improvement at this efficiency of the *true* background, so that methods compare at the same
        point of their ROC curves; None without truth labels, or where fewer than five background events pass.
    signal_efficiency, true_background_efficiency
        Of the cut itself, where truth labels exist.
    non_closure
        Relative difference of data and expectation in the validation bands; None without bands.
    sculpting_chi2, sculpting_ndf, sculpting_p
        Shape of the data's spectrum behind the cut against that of all data; None where there is signal.
    """

    background_efficiency: float
    n_obs: float
    n_exp: float
    n_exp_error: float
    pull: float
    z: float
    p0: float
    sic: Estimate | None = None
    signal_efficiency: float | None = None
    true_background_efficiency: float | None = None
    non_closure: Estimate | None = None
    sculpting_chi2: float | None = None
    sculpting_ndf: int | None = None
    sculpting_p: float | None = None


@dataclass(frozen=True)
class MethodResult:
    """One method on one data set.

    Parameters
    ----------
    method, title
        Its name in the configuration, and in papers: ``cathode`` and ``CATHODE``.
    uses_truth
        True for references that look at truth labels, and are no methods for real data.
    seed, injected
        Of this data set and training, and the number of signal events that were injected.
    signal, background
        True events in the signal region; None without labels.
    auc, max_sic, rejection_20, rejection_40
        By truth labels: area under the ROC curve, largest significance improvement where it is no noise, and
        background rejection at signal efficiencies of 20 and 40 percent.
    calibration
        Slope of the calibration of the scores: 1 for log density ratios, less for a method too sure of itself.
    mass_correlation
        Rank correlation of the score with the resonant variable in the data of the sidebands; None in records of
        before.
    cuts
        From loose to tight.
    closure
        Name of a band -> AUC of a classifier that tells the template from data without signal.
    background_efficiency, signal_efficiency
        Points of the ROC curve, from loose to tight.
    seconds
        That the method and its classifiers took.
    warnings, problems
        What to know, and what could not be computed.
    verdicts
        Whether what its numbers rest on can be trusted.
    """

    method: str
    title: str
    uses_truth: bool
    seed: int
    injected: int
    signal: float | None = None
    background: float | None = None
    auc: Estimate | None = None
    max_sic: Estimate | None = None
    rejection_20: Estimate | None = None
    rejection_40: Estimate | None = None
    calibration: Estimate | None = None
    mass_correlation: Estimate | None = None
    cuts: tuple[MethodCut, ...] = ()
    closure: Mapping[str, Estimate] = field(default_factory=dict)
    background_efficiency: Numbers = ()
    signal_efficiency: Numbers = ()
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The verdicts that did not pass."""
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)

    @property
    def doubted(self) -> tuple[float, ...]:
        """The background efficiencies of the cuts that failed a check, or rest on one that did."""
        cuts = (cut.background_efficiency for cut in self.cuts)
        return tuple(cut for cut in cuts if any(verdict.concerns(cut) for verdict in self.failed))

    def quantities(self) -> dict[str, Estimate]:
        """Return every number that seeds are averaged over, by name: ``max_sic``, ``z at 0.001``, ``closure SR``."""
        found: dict[str, Estimate | None] = {
            "auc": self.auc,
            "max_sic": self.max_sic,
            "rejection_20": self.rejection_20,
            "rejection_40": self.rejection_40,
            "calibration": self.calibration,
            "mass_correlation": self.mass_correlation,
        }
        for cut in self.cuts:
            where = f"at {cut.background_efficiency:.12g}"
            found |= {
                f"sic {where}": cut.sic,
                f"z {where}": Estimate(cut.z),
                f"pull {where}": Estimate(cut.pull, 1.0),
                f"non_closure {where}": cut.non_closure,
            }
        found |= {f"closure {band}": estimate for band, estimate in self.closure.items()}
        if self.signal is not None and self.background:
            found["signal_over_background"] = Estimate(self.signal / self.background)
        return {name: estimate for name, estimate in found.items() if estimate is not None}


@dataclass(frozen=True)
class Matrix:
    """How far methods agree on one data set: a symmetric matrix.

    Parameters
    ----------
    what
        ``overlap`` of the selected events, or ``correlation`` of the scores.
    seed, injected
        Of the data set.
    names
        The M methods.
    value, error
        M rows of M numbers; None where there is nothing to compare.
    background_efficiency
        Of the cuts, for the overlap.
    """

    what: str
    seed: int
    injected: int
    names: tuple[str, ...]
    value: Rows
    error: Rows
    background_efficiency: float | None = None

    @classmethod
    def of(
        cls,
        what: str,
        agreement: Agreement,
        seed: int,
        injected: int,
        background_efficiency: float | None = None,
    ) -> Matrix:
        """Return what was measured as a record."""
        value, error = _rows(agreement.value), _rows(agreement.error)
        return cls(what, seed, injected, agreement.names, value, error, background_efficiency)


@dataclass(frozen=True)
class Comparison(Record):
    """Several methods on the same data sets, schema ``hepflow-comparison-1``.

    Parameters
    ----------
    name, config_hash, versions
        Which comparison this is.
    regions
        ``signal`` and ``sidebands`` in GeV.
    results
        One entry a method, seed and injection.
    matrices
        How far the methods agree.
    resonance
        What the resonant variable is called; m_jj in records of before.
    """

    schema: ClassVar[str] = "hepflow-comparison-1"
    remedy: ClassVar[str] = "`hepflow compare` writes it anew"

    name: str
    config_hash: str
    versions: Mapping[str, str]
    regions: Mapping[str, Any]
    results: tuple[MethodResult, ...]
    matrices: tuple[Matrix, ...] = ()
    resonance: Quantity = M_JJ

    @property
    def injections(self) -> tuple[int, ...]:
        """Numbers of injected events, from small to large."""
        return tuple(sorted({one.injected for one in self.results}))

    @property
    def failed(self) -> tuple[str, ...]:
        """The methods that failed checks, on which data set, and which."""
        return tuple(
            f"{one.title}, seed {one.seed}, {one.injected} injected: "
            f"{', '.join(verdict.name for verdict in one.failed)}"
            for one in self.results
            if one.failed
        )

    def summary(self) -> tuple[Summary, ...]:
        """Return mean and error over seeds of every method at every injection, methods in the order they were run."""
        from hepflow.studies.comparison.summary import summarise  # which is made of these records

        return summarise(self.results)


def _rows(matrix: FloatArray) -> Rows:
    return tuple(tuple(float(value) if np.isfinite(value) else None for value in row) for row in matrix)
